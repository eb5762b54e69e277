"""From a loaded recipe to a pipeline: plug-ins found and checked, models resolved, identities computed. Nothing is asked."""

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ValidationError

from prefgen.calls.ask import label_of
from prefgen.calls.budget import FREE, Price, price_of
from prefgen.canonical import canonical
from prefgen.errors import RecipeError
from prefgen.plugins import HANDED_IN, FromSeeds, Plugin, code_digest, did_you_mean, find, find_one_of
from prefgen.recipe.identity import model_identity, step_identity
from prefgen.recipe.load import Loaded, Where
from prefgen.recipe.schema import ROLES_OF_STAGE, STAGES, Endpoint, ModelEntry, Recipe, Sampling
from prefgen.scoring import ScoreSpec
from prefgen.stages.step import Plugged, Step
from prefgen.templates import beside_recipe, use_texts_beside
from prefgen.types import content_id


@dataclass(frozen=True)
class BuiltModel:
    """A model of the recipe, ready to be connected. `identity` and `sampling` go into keys."""

    name: str
    backend: Plugin
    identity: Mapping[str, Any]
    sampling: Mapping[str, Any]
    endpoint: Endpoint
    simulated: bool


@dataclass(frozen=True)
class Segment:
    """Stages between two curators: `curators` thin its input first, then `steps` run for each record.

    A round of synthesizers is a segment of its own: the seeds of `seeding` join its input, and what is written is the next one's input.
    `identity` covers everything up to the segment's end.
    """

    curators: Sequence[tuple[str, Plugin]]
    steps: Sequence[Step]
    identity: str
    seeding: Sequence[Plugged] = ()
    round: int = 0


@dataclass(frozen=True)
class Pipeline:
    """A recipe that can run."""

    recipe: Recipe
    folder: Path
    sources: Sequence[Plugged]
    segments: Sequence[Segment]
    models: Mapping[str, BuiltModel]
    identities: Sequence[tuple[str, str]]
    code: str
    resolved: Mapping[str, Any] = field(default_factory=dict)
    prices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    @property
    def steps(self) -> list[Step]:
        return [step for segment in self.segments for step in segment.steps]

    def concurrency(self, model: BuiltModel) -> int | Literal["auto"]:
        """Requests at once: what the model's endpoint says, else the run."""
        return model.endpoint.concurrency or self.recipe.run.concurrency

    def price(self, model: BuiltModel) -> Price | None:
        """What a token costs; None where no price is listed. A simulated model is free."""
        return FREE if model.simulated else price_of(str(model.identity["name"]), self.prices)

    @property
    def simulated(self) -> bool:
        return any(model.simulated for model in self.models.values())


def build(loaded: Loaded, *, plugins: bool = True) -> Pipeline:
    """Check everything that can be checked without asking. Raises RecipeError with file:line:column.

    `plugins=False` refuses recipes that name Python files or modules: reading those would run their code.
    """
    use_texts_beside(loaded.folder)
    recipe = _validated(Recipe, loaded.data, (), loaded)
    models = {name: _model(name, entry, recipe, loaded) for name, entry in recipe.models.items()}
    for name in recipe.run.endpoints:
        if name not in models:
            raise RecipeError(
                f"endpoints: there is no model {name!r}{did_you_mean(name, list(models))}", loaded.place(("run", "endpoints", name))
            )
    builder = _Builder(loaded, models, plugins)
    stages = [builder.stage(i, stage) for i, stage in enumerate(recipe.stages)]
    sources, segments, identities = _segments(stages, loaded, models)
    prices = _prices(recipe, loaded)
    if recipe.run.budget_usd is not None:
        for name, model in models.items():
            if not model.simulated and price_of(str(model.identity["name"]), prices) is None:
                raise RecipeError(
                    f"budget_usd is set and model {name!r} ({model.identity['name']}) has no price: add it under run.prices "
                    "(USD a million tokens; 0 for your own server)",
                    loaded.place(("run", "budget_usd")),
                )
    code = "; ".join(sorted({code_digest(type(p.plugin)) for stage in stages for p in stage.plugged}))
    return Pipeline(
        recipe=recipe,
        folder=loaded.folder,
        sources=sources,
        segments=segments,
        models=models,
        identities=identities,
        code=code,
        resolved={k: v for k, v in loaded.data.items() if k != "run"} | {"run": _without_secrets(loaded.data.get("run", {}))},
        prices=prices,
        warnings=_warnings(stages, models),
    )


@dataclass(frozen=True)
class _Stage:
    kind: str
    label: str
    plugged: Sequence[Plugged]
    path: Where


class _Builder:
    def __init__(self, loaded: Loaded, models: Mapping[str, BuiltModel], plugins: bool) -> None:
        self._loaded = loaded
        self._models = models
        self._plugins = plugins
        self._judges: dict[str, tuple[str, ...]] = {}
        """By name, with the aspects that each keeps apart."""
        self._labels: set[str] = set()

    def stage(self, index: int, stage: Mapping[str, Any]) -> _Stage:
        path: Where = ("stages", index)
        if len(stage) != 1:
            raise RecipeError(f"a stage is a mapping with one key, found {', '.join(stage) or 'none'}", self._loaded.place(path))
        [(kind, value)] = stage.items()
        if kind not in STAGES:
            raise RecipeError(f"there is no stage {kind!r}{did_you_mean(kind, STAGES)}", self._loaded.place((*path, kind)))
        plugged = self._plugged(kind, value, (*path, kind))
        if kind == "judge":
            for one in plugged:
                if one.name in self._judges:
                    raise RecipeError(f"two judges are called {one.name!r}", self._loaded.place((*path, kind)))
                self._judges[one.name] = one.plugin.apart()
        label = kind
        while label in self._labels:
            label = f"{kind} {int(label.rpartition(' ')[2]) + 1 if ' ' in label else 2}"
        self._labels.add(label)
        return _Stage(kind, label, plugged, (*path, kind))

    def _plugged(self, kind: str, value: Any, path: Where) -> list[Plugged]:
        if isinstance(value, Sequence) and not isinstance(value, str):
            if kind != "curate":
                raise RecipeError(
                    f"{kind}: give one plug-in (a mapping with `use`) or several by name, not a list", self._loaded.place(path)
                )
            return [self._one(kind, None, item, (*path, i)) for i, item in enumerate(value)]
        if not isinstance(value, Mapping):
            raise RecipeError(f"{kind}: expected a mapping with `use`, found {value!r}", self._loaded.place(path))
        if "use" in value:
            return [self._one(kind, None, value, path)]
        if not value:
            raise RecipeError(f"{kind}: names no plug-in", self._loaded.place(path))
        return [self._one(kind, name, item, (*path, name)) for name, item in value.items()]

    def _one(self, kind: str, name: str | None, value: Any, path: Where) -> Plugged:
        if not isinstance(value, Mapping) or not isinstance(value.get("use"), str):
            raise RecipeError(f"{name or kind}: expected a mapping with `use`", self._loaded.place(path))
        use = value["use"]
        if ":" in use and not self._plugins:
            raise RecipeError(f"{use!r} is Python code, and --no-plugins reads none", self._loaded.place((*path, "use")))
        try:
            plugin_class = find_one_of(ROLES_OF_STAGE[kind], use, self._loaded.folder)
        except RecipeError as wrong:
            raise RecipeError(str(wrong), self._loaded.place((*path, "use"))) from wrong
        method, _ = HANDED_IN[plugin_class.role]
        if not callable(getattr(plugin_class, method, None)):
            raise RecipeError(f"{use!r} has no method `{method}`, which every {plugin_class.role} has", self._loaded.place((*path, "use")))
        fields = {k: v for k, v in value.items() if k not in ("use", "only", "responses")}
        fields, overrides = self._split_overrides(plugin_class, fields, path)
        fields |= {side: self._by_label(fields[side]) for side in plugin_class.sides if isinstance(fields.get(side), Mapping)}
        plugin = _validated(plugin_class, fields, path, self._loaded)
        self._ready(plugin, use, path)
        for model in plugin.asks():
            if model not in self._models:
                place = next((p for p in ((*path, "model"), (*path, "models")) if p in self._loaded.places), path)
                raise RecipeError(
                    f"there is no model {model!r} under `models`{did_you_mean(model, list(self._models))}", self._loaded.place(place)
                )
        self._check_judges(plugin, path)
        if plugin.role == "curator" and plugin.thins == "pairs" and not any(label.startswith("pair") for label in self._labels):
            raise RecipeError(f"{use!r} thins pairs, and there is no `pair` stage before it", self._loaded.place((*path, "use")))
        default = plugin_class.name if ":" not in use else use.rpartition(":")[2]
        return Plugged(
            name=name or default,
            plugin=plugin,
            only=self._only(value.get("only"), path),
            responses=self._responses(value.get("responses"), path),
            overrides=overrides,
            seed=int(getattr(plugin, "seed", 0) or 0),
        )

    def _ready(self, plugin: Plugin, use: str, path: Where) -> None:
        """Everything about a plug-in that can be wrong without asking: numbers that are none, code that is refused, files that it reads."""
        place = self._loaded.place(path)
        coded = next((name for name in plugin.code if getattr(plugin, name) is not None), None)
        if coded and not self._plugins:
            raise RecipeError(f"{coded} names Python code, and --no-plugins reads none", place)
        for name in plugin.files:
            path_of = getattr(plugin, name)
            if path_of is not None and not beside_recipe(path_of).is_file():
                at = (*path, name) if (*path, name) in self._loaded.places else path
                raise RecipeError(
                    f"{name}: the file {path_of!r} does not exist (looked for {beside_recipe(path_of)})", self._loaded.place(at)
                )
        try:
            canonical(plugin.model_dump(mode="json"))
            plugin.ready()
        except RecipeError as wrong:
            raise wrong if wrong.where else RecipeError(str(wrong), place) from wrong
        except ValueError as wrong:
            raise RecipeError(f"{use}: {wrong}", place) from None

    def _check_judges(self, plugin: Plugin, path: Where) -> None:
        """`score:` and `judge:` must name judges of earlier stages, and of a judge that keeps aspects apart also the aspect."""
        named = set(plugin.rests_on())
        score = getattr(plugin, "score", None)
        if isinstance(score, ScoreSpec):
            named |= (score.ranking() or {name for name, apart in self._judges.items() if apart}) | {*score.veto}
        if plugin.role == "filter" and isinstance(getattr(plugin, "judge", None), str):
            named.add(plugin.judge)  # pyright: ignore[reportAttributeAccessIssue]
        for name in sorted(named):
            judge, _, aspect = name.partition(".")
            if judge == "imported":
                continue
            if judge not in self._judges:
                raise RecipeError(
                    f"there is no judge {judge!r} before this stage{did_you_mean(judge, sorted(self._judges))}", self._loaded.place(path)
                )
            apart = self._judges[judge]
            if apart and aspect not in apart:
                raise RecipeError(
                    f"judge {judge!r} keeps {', '.join(apart)} apart: name what is meant, such as {judge}.{apart[0]}, or several under `mean`",
                    self._loaded.place(path),
                )

    def _split_overrides(
        self, plugin_class: type[Plugin], fields: dict[str, Any], path: Where
    ) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
        """{is: strong, max_tokens: 512} becomes the name `strong`, and the rest sampling for this stage alone."""
        overrides: dict[str, Mapping[str, Any]] = {}

        def plain(value: Any, at: Where) -> Any:
            if isinstance(value, Mapping) and "is" in value:
                sampling = _validated(Sampling, {k: v for k, v in value.items() if k != "is"}, at, self._loaded)
                overrides[str(value["is"])] = sampling.model_dump(exclude_unset=True)
                return value["is"]
            return value

        out = dict(fields)
        for key in fields:
            if key in plugin_class.model_fields:
                value = out[key]
                if isinstance(value, Sequence) and not isinstance(value, str):
                    out[key] = [plain(item, (*path, key, i)) for i, item in enumerate(value)]
                else:
                    out[key] = plain(value, (*path, key))
        return out, overrides

    def _by_label(self, side: Mapping[str, Any]) -> dict[str, Any]:
        """Which responses are meant, with models as rows show them where the recipe says its own name for one."""
        named = side.get("model")
        if not isinstance(named, str | Sequence):
            return dict(side)
        labels = {name: label_of(model.identity, model.simulated) for name, model in self._models.items()}
        names = (named,) if isinstance(named, str) else named
        return {**side, "model": [labels.get(name, name) for name in names]}

    def _only(self, value: Any, path: Where) -> dict[str, tuple[Any, ...]]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise RecipeError("only: expected {field: value or list}", self._loaded.place((*path, "only")))
        found = {k: tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in value.items()}
        if any(isinstance(v, float) and not math.isfinite(v) for values in found.values() for v in values):
            raise RecipeError("only: a value is no finite number", self._loaded.place((*path, "only")))
        return found

    def _responses(self, value: Any, path: Where) -> dict[str, Any]:
        if value is None:
            return {}
        at = self._loaded.place((*path, "responses"))
        if not isinstance(value, Mapping) or set(value) - {"origin", "model", "which"}:
            raise RecipeError("responses: expected {origin: [...], model: [...], which: all | first | last}", at)
        value = self._by_label(value)
        out: dict[str, Any] = {k: tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in value.items() if k != "which"}
        if "which" in value:
            if value["which"] not in ("all", "first", "last"):
                raise RecipeError(f"responses.which must be all, first or last, found {value['which']!r}", at)
            out["which"] = value["which"]
        return out


def _segments(
    stages: Sequence[_Stage], loaded: Loaded, models: Mapping[str, BuiltModel]
) -> tuple[Sequence[Plugged], list[Segment], list[tuple[str, str]]]:
    """(sources, segments, the identity of each stage)."""
    if stages[0].kind != "prompts":
        raise RecipeError("the first stage must be `prompts`", loaded.place(stages[0].path))
    before = ""
    identities: list[tuple[str, str]] = []
    for stage in stages:
        if stage.kind == "prompts" and identities:
            raise RecipeError("`prompts` can only be the first stage; name several sources in it", loaded.place(stage.path))
        before = step_identity(stage.kind, stage.plugged, before, models)
        identities.append((stage.label, before))
    sources = [p for p in stages[0].plugged if not isinstance(p.plugin, FromSeeds)]
    written = [p for p in stages[0].plugged if isinstance(p.plugin, FromSeeds)]
    leading = list(takewhile(lambda stage: stage.kind == "curate", stages[1:]))
    between = [(p, label, identity) for stage, (label, identity) in zip(leading, identities[1:], strict=False) for p in stage.plugged]
    segments = _rounds(written, between, identities[0], identities[len(leading)][1])
    made = _Segments(segments, identities[0][1])
    for stage, (label, identity) in zip(stages[1:], identities[1:], strict=True):
        for plugged in stage.plugged if stage.kind == "curate" else ():
            made.curator(plugged, label, identity)
        if stage.kind != "curate":
            made.step(Step(stage.kind, label, stage.plugged, identity), identity)  # pyright: ignore[reportArgumentType]
    return sources, made.ended(), identities


class _Segments:
    """Segments as their curators and steps come; a curator that asks a model ends the one before it with a step that asks."""

    def __init__(self, segments: list[Segment], reached: str) -> None:
        self._segments = segments
        self._reached = reached
        self._curators: list[tuple[str, Plugin]] = []
        self._steps: list[Step] = []

    def curator(self, plugged: Plugged, label: str, identity: str) -> None:
        if hasattr(plugged.plugin, "weigh"):
            self._steps.append(Step("weigh", label, (plugged,), content_id("weigh", self._reached, identity)))
        if self._steps:
            self._close()
        self._curators.append((plugged.name, plugged.plugin))
        self._reached = identity

    def step(self, step: Step, identity: str) -> None:
        self._steps.append(step)
        self._reached = identity

    def _close(self) -> None:
        self._segments.append(Segment(tuple(self._curators), tuple(self._steps), content_id("segment", self._reached, len(self._segments))))
        self._curators, self._steps = [], []

    def ended(self) -> list[Segment]:
        if self._steps or self._curators or not self._segments or self._segments[-1].seeding:
            self._close()
        return self._segments


def _rounds(
    written: Sequence[Plugged], between: Sequence[tuple[Plugged, str, str]], prompts: tuple[str, str], curated: str
) -> list[Segment]:
    """A segment for each round of the synthesizers; between two rounds the curators that follow the prompts thin what there is."""
    label, identity = prompts
    segments: list[Segment] = []
    for number in range(max((p.plugin.rounds for p in written), default=0)):
        seeding = [p for p in written if p.plugin.rounds > number]
        of_this = content_id("round", number, curated if number else identity)
        thinned = _Segments([], of_this)
        for plugged, its_label, its_identity in between if number else ():
            thinned.curator(plugged, its_label, its_identity)
        thinned.step(Step("synthesize", label, seeding, of_this), of_this)
        *before, last = thinned.ended()
        segments += [*before, replace(last, seeding=seeding, round=number)]
    return segments


def _model(name: str, entry: Mapping[str, Any], recipe: Recipe, loaded: Loaded) -> BuiltModel:
    path: Where = ("models", name)
    use = entry.get("use")
    if not isinstance(use, str):
        raise RecipeError(f"model {name!r}: `use` must name a backend", loaded.place(path))
    try:
        backend_class = find("backend", use, loaded.folder)
    except RecipeError as wrong:
        raise RecipeError(str(wrong), loaded.place((*path, "use"))) from wrong
    everything = use in ("simulated", "scripted") or ":" in use
    content = set(backend_class.model_fields) if everything else set(backend_class.content)
    own = {k: v for k, v in entry.items() if k in backend_class.model_fields and k not in ModelEntry.model_fields}
    for key in own.keys() - content:
        raise RecipeError(
            f"{key!r} says how the model is reached: it belongs under run: {{endpoints: {{{name}: ...}}}}", loaded.place((*path, key))
        )
    model = _validated(ModelEntry, {k: v for k, v in entry.items() if k not in own}, path, loaded, [*ModelEntry.model_fields, *content])
    endpoint = recipe.run.endpoints.get(name, Endpoint())  # pyright: ignore[reportCallIssue] - every field has a default
    reached = {k: _environment(v, loaded.place(("run", "endpoints", name, k))) for k, v in (endpoint.model_extra or {}).items()}
    for key in reached.keys() & content if not everything else ():
        raise RecipeError(
            f"{key!r} decides what the model says: it belongs under models: {name}", loaded.place(("run", "endpoints", name, key))
        )
    at: Where = path if own else ("run", "endpoints", name)
    placed = {"location": model.name or name, "revision": model.revision} if "location" in backend_class.model_fields else {}
    backend: Any = _validated(
        backend_class, {**own, **reached, **placed}, at, loaded, [*backend_class.model_fields, *Endpoint.model_fields]
    )
    simulated = use == "simulated"
    identity = model_identity(model.name or name, model.revision, simulated, backend if everything else None)
    if hasattr(backend, "described"):
        try:
            identity |= backend.described()
        except RecipeError as wrong:
            raise RecipeError(str(wrong), loaded.place(path)) from wrong
    return BuiltModel(
        name=name,
        backend=backend,
        identity=identity,
        sampling=model.model_dump(exclude_none=True, exclude={"use", "name", "revision"}),
        endpoint=endpoint,
        simulated=simulated,
    )


_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")


def _environment(value: Any, where: str) -> Any:
    """Replace ${env:NAME} in text, also inside lists and mappings. Raises RecipeError when the variable is not set."""
    if isinstance(value, str):

        def replace(match: re.Match[str]) -> str:
            found = os.environ.get(match[1])
            if found is None:
                raise RecipeError(f"the environment variable {match[1]} is not set", where)
            return found

        return _ENV.sub(replace, value)
    if isinstance(value, Mapping):
        return {k: _environment(v, where) for k, v in value.items()}
    return [_environment(v, where) for v in value] if isinstance(value, list) else value


def _without_secrets(run: Any) -> Any:
    """`run:` as it is stored: with ${env:NAME} left as it stands, and without headers."""
    if isinstance(run, Mapping):
        return {k: _without_secrets(v) for k, v in run.items() if k != "headers"}
    return run


def _prices(recipe: Recipe, loaded: Loaded) -> Mapping[str, Mapping[str, Any]]:
    given = recipe.run.prices
    if given is None:
        return {}
    if isinstance(given, str):
        at = loaded.place(("run", "prices"))
        path = loaded.folder / given
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RecipeError(f"file of prices {given!r} does not exist", at) from None
        except yaml.YAMLError as wrong:
            raise RecipeError(f"not valid YAML: {' '.join(str(wrong).split())}", str(path)) from None
        if not isinstance(found, Mapping) or not all(isinstance(v, Mapping) for v in found.values()):
            raise RecipeError("a file of prices is {model: {input: ..., output: ...}}", str(path))
        given = found
    for model in given:
        price_of(str(model), given)
    return given


def _validated(model: type[Any], data: Any, path: Where, loaded: Loaded, known: Sequence[str] | None = None) -> Any:
    """`model` made of `data`; the first thing that is wrong becomes a RecipeError with its place."""
    try:
        return model.model_validate(data)
    except ValidationError as wrong:
        errors = wrong.errors(include_url=False)
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    loc = tuple(part for part in first["loc"] if not (isinstance(part, str) and part.startswith(("function-", "literal["))))
    where = loaded.place((*path, *loc))
    name = ".".join(str(part) for part in loc) or (getattr(model, "name", "") or "recipe")
    if first["type"] == "extra_forbidden":
        fields = list(known or _fields_at(model, loc))
        raise RecipeError(f"unknown key {loc[-1]!r}{did_you_mean(str(loc[-1]), fields)}", where)
    if first["type"] == "missing":
        raise RecipeError(f"{name!r} is missing", where)
    message = first["msg"].removeprefix("Value error, ")
    shown = f", found {first['input']!r}" if not isinstance(first["input"], Mapping | list) and "found" not in message else ""
    raise RecipeError(f"{name}: {message[:1].lower()}{message[1:]}{shown}", where)


def _fields_at(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    current: Any = model
    for part in loc[:-1]:
        info = getattr(current, "model_fields", {}).get(part)
        current = info.annotation if info else None
    return list(getattr(current, "model_fields", {}))


def _warnings(stages: Sequence[_Stage], models: Mapping[str, BuiltModel]) -> list[str]:
    """What is allowed and rarely meant."""
    sampled = {m for s in stages if s.kind == "sample" for p in s.plugged for m in p.plugin.asks()}
    warnings = []
    for stage in stages:
        if stage.kind != "judge":
            continue
        for plugged in stage.plugged:
            for judge in plugged.plugin.asks():
                mine = _family(str(models[judge].identity["name"]))
                same = sorted(m for m in sampled if not models[m].simulated and _family(str(models[m].identity["name"])) == mine)
                if same:
                    warnings.append(f"judge {plugged.name!r} ({judge}) rates its own family ({', '.join(same)}): expect self-preference")
    return warnings


def _family(name: str) -> str:
    """gpt of openai/gpt-5.2, qwen of Qwen/Qwen3-8B."""
    return re.split(r"[\d\-_.:]", name.rpartition("/")[2].casefold(), maxsplit=1)[0]
