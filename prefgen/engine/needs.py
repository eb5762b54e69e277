"""What the stages of a recipe want of each model's server, seen from what they ask where stand-ins answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefgen.calls.context import GetRow, KeyedAsk
from prefgen.calls.record_calls import RecordCalls
from prefgen.calls.rows import JournalRow
from prefgen.calls.server_report import ServerReport
from prefgen.engine.plan import watch_asks
from prefgen.engine.plan_watch import Overlay
from prefgen.engine.run import RunOptions
from prefgen.errors import NoPromptsLeft
from prefgen.kit.labels import LabelJudge
from prefgen.recipe.build import Pipeline
from prefgen.recipe.models import BuiltModel
from prefgen.transport.request import ModelRequest

LOOKED_AT = 3
"""Prompts of which it is looked at what is asked about them."""
IN_WORDS: Mapping[str, str] = {
    "chat": "chats",
    "completion": "completions of texts",
    "echo": "log-probabilities of given texts",
    "embed": "embeddings",
    "score": "rewards",
    "draws": "draws that differ",
    "temperature": "a temperature",
    "schema": "JSON schemas",
    "logprobs": "log-probabilities of chats",
}
_UNMET = ("fails", "not offered")


@dataclass
class NeedsWatch:
    """Notes what is asked of each model, and by which stage first. `with_votes` are (stage, plug-in) that can
    do without log-probabilities.
    """

    with_votes: frozenset[tuple[str, str]]
    overlay: Overlay | None = None
    needs: dict[str, dict[str, str]] = field(default_factory=dict)
    """{model: {feature: label of the first stage that wants it}}."""

    async def watch(self, record: RecordCalls, ask: KeyedAsk, get_row: GetRow) -> JournalRow:
        wanted = self.needs.setdefault(ask.spec.name, {})
        for feature in _features(ask.make_request()):
            if feature != "logprobs" or (ask.stage, ask.plugin) not in self.with_votes:
                wanted.setdefault(feature, ask.stage)
        return await get_row(record, ask)


def _features(request: ModelRequest) -> Sequence[str]:
    if request.endpoint not in ("chat", "completion"):
        return [request.endpoint]
    features = [request.endpoint]
    temperature = request.sampling.get("temperature")
    if temperature is not None:
        features.append("temperature")
    if temperature != 0:
        features.append("draws")
    if request.schema is not None:
        features.append("schema")
    if request.logprobs:
        features.append("echo" if request.echo else "logprobs")
    return features


async def needs_of(pipeline: Pipeline, options: RunOptions) -> Mapping[str, Mapping[str, str]]:
    """{model: {feature: label of the first stage that wants it}}. Asks nobody. Raises RecipeError for prompts
    that cannot be read.
    """
    with_votes = {
        (stage.label, f"judge {plugin.name!r}")
        for stage in pipeline.stages
        for plugin in stage.plugins
        if isinstance(plugin.plugin, LabelJudge) and plugin.plugin.read != "logprobs"
    }
    watch = NeedsWatch(frozenset(with_votes))
    try:
        await watch_asks(pipeline, options, watch, sample=LOOKED_AT)
    except NoPromptsLeft:  # curators let none of the few pass: what was asked until then is seen
        pass
    return watch.needs


def unmet_needs(needs: Mapping[str, str], report: ServerReport, built: BuiltModel) -> Sequence[str]:
    """What the recipe needs of a model and its server does not give, a line each."""
    if report.fault:
        return [report.fault]
    unmet = [
        f"stage {stage!r} needs {IN_WORDS[feature]}"
        for feature, stage in needs.items()
        if feature in IN_WORDS
        and report.state_of(feature) in _UNMET
        and not _is_helped(feature, report, built)
    ]
    route = _setting(built, "score_route") or _setting(built, "earlier_score_route")
    if "score" in needs and report.routes and route not in report.routes:
        unmet.append(
            f"stage {needs['score']!r} needs rewards, and the server gives them by "
            f"{', '.join(report.routes)}, not by {route or 'no route that the recipe names (score_route)'}"
        )
    if "rank" in needs:
        unmet.append(f"stage {needs['rank']!r} compares two answers at once, for which no server has a route")
    for name in ("token_field", "send_seed"):
        wanted = report.hints.get(name)
        if wanted is not None and name in built.backend.model_fields_set and _setting(built, name) != wanted:
            unmet.append(f"the recipe says {name}: {_setting(built, name)}, and the server wants {wanted}")
    return unmet


def _is_helped(feature: str, report: ServerReport, built: BuiltModel) -> bool:
    """Whether a setting mends it: one that the recipe says, or that a run takes from what was found."""
    if feature != "schema" or "schema_as" not in type(built.backend).model_fields:
        return False
    if "schema_as" in built.backend.model_fields_set:
        return _setting(built, "schema_as") == "text"
    return report.hints.get("schema_as") == "text"


def _setting(built: BuiltModel, name: str) -> Any:
    return getattr(built.backend, name, None)
