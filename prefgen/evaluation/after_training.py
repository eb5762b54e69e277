"""A recipe that judges a model which has just been trained: the recipe's model `trained` is the trained one,
`base` what it was trained from, and its prompts are those that were held out.

What comes of it is an ordinary run, which is read as `prefgen eval win` reads one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from prefgen.calls.models import model_label
from prefgen.dataset.read_run import read_records
from prefgen.errors import RecipeError
from prefgen.evaluation.members import judge_members
from prefgen.evaluation.winrate import WinRate, win_rate, win_rate_as_json
from prefgen.recipe.build import Pipeline, build
from prefgen.recipe.load import LoadedRecipe
from prefgen.recipe.schema import Endpoint, Sampling
from prefgen.storage.atomic_write import write_json
from prefgen.trainers.prompt_files import PromptFiles
from prefgen.trainers.report import read_training_report, write_evaluated_card
from prefgen.trainers.settings import TrainSettings
from prefgen.trainers.training_folder import EVALUATION

TRAINED, BASE = "trained", "base"
"""The names under a recipe's `models` in whose place the trained model and what it was trained from are put.
"""
PromptChoice = Literal["test", "recipe"]
"""The prompts of the pairs that were held out; the recipe's own, without those that were trained on."""
TRIAL_PROMPT = "Name three birds."
OWN_FIELDS = (*Sampling.model_fields, "leaks", "dtype")
"""What a recipe says of `trained` and `base` that stays."""
OWN_ENDPOINT_FIELDS = (*Endpoint.model_fields, "device", "batch_size")


@dataclass(frozen=True)
class Judging:
    """How a trained model is judged: by which recipe, on which prompts, and where what comes of it goes."""

    loaded: LoadedRecipe
    settings: TrainSettings
    out: Path
    prompts: PromptChoice

    @property
    def folder(self) -> Path:
        """Of the run: prompts and result stand beside it."""
        return self.out / EVALUATION.parent / "run"

    @property
    def prompt_files(self) -> PromptFiles:
        """What the training writes for it."""
        path = self.out / EVALUATION.parent / ("prompts.jsonl" if self.prompts == "test" else "seen.jsonl")
        return PromptFiles(held_out=path) if self.prompts == "test" else PromptFiles(seen=path)


def check_judging(judging: Judging) -> None:
    """Raises RecipeError for what can be known to be wrong before anything is trained or built."""
    settings, models = judging.settings, judging.loaded.data.get("models")
    if settings.use == "reward":
        raise RecipeError("--then-eval: a reward model writes no answers that could be judged")
    if settings.base is None:
        raise RecipeError("which model? Give --base, or `base` under `train`")
    if not isinstance(models, Mapping) or not isinstance(models.get(TRAINED), Mapping):
        raise RecipeError(
            f"--then-eval: the recipe has no model {TRAINED!r}, in whose place the trained one is put",
            str(judging.loaded.path),
        )
    base, out = Path(settings.base), judging.out.resolve()
    if not settings.writes_adapter and base.is_dir() and base.resolve().name == out.name:
        raise RecipeError(
            f"--then-eval: the base and --out are both called {out.name!r}, and would be one model in the "
            "rows; give --out another name"
        )


def trial_pipeline(judging: Judging) -> Pipeline:
    """The recipe with stand-ins for both models, to be run on one prompt before anything is trained: what its
    judge lacks is found there.
    """
    loaded, models = judging.loaded, judging.loaded.data["models"]
    stand_ins = {
        name: {"use": "simulated", "name": name, "skill": skill, **_kept(models[name], Sampling.model_fields)}
        for name, skill in ((TRAINED, 0.9), (BASE, 0.1))
        if name in models
    }
    stages = [stage for stage in loaded.data["stages"] if "curate" not in stage]
    if judging.prompts == "recipe":
        pipeline = build(_with_models(loaded, stand_ins, {}, stages))
        if not any(segment.synthesizers for segment in pipeline.segments):
            return pipeline
    trial_prompt = {"prompts": {"use": "inline", "prompts": [TRIAL_PROMPT]}}
    return build(_with_models(loaded, stand_ins, {}, [trial_prompt, *stages[1:]]))


def trained_pipeline(judging: Judging) -> Pipeline:
    """The recipe with the trained model and its base in their places, and with the prompts that are held
    out.
    """
    loaded, models = judging.loaded, judging.loaded.data["models"]
    entries = {
        name: {**entry, **_kept(models[name], OWN_FIELDS)}
        for name, entry in _model_entries(judging).items()
        if name in models
    }
    given = loaded.data.get("run", {}).get("endpoints", {})
    device = {"device": "cpu"} if judging.settings.cpu else {}
    endpoints = {name: {**_kept(given.get(name, {}), OWN_ENDPOINT_FIELDS), **device} for name in entries}
    stages, files = list(loaded.data["stages"]), judging.prompt_files
    if files.held_out:
        stages[0] = {"prompts": {"use": "file", "path": str(files.held_out.resolve())}}
    elif files.seen:
        stages.insert(1, {"curate": [{"use": "decontaminate", "against": [str(files.seen.resolve())]}]})
    return build(_with_models(loaded, entries, endpoints, stages))


def _model_entries(judging: Judging) -> dict[str, dict[str, Any]]:
    """What stands under `models` for the trained model and its base."""
    settings, out, base = judging.settings, str(judging.out.resolve()), str(judging.settings.base)
    revision = {"revision": settings.revision} if settings.revision else {}
    location = str(Path(base).resolve()) if Path(base).is_dir() else base
    of_base = {"use": "transformers", "name": location, **revision}
    whole = {"use": "transformers", "name": out}
    return {TRAINED: {**of_base, "adapter": out} if settings.writes_adapter else whole, BASE: of_base}


def _with_models(
    loaded: LoadedRecipe, models: Mapping[str, Any], endpoints: Mapping[str, Any], stages: Sequence[Any]
) -> LoadedRecipe:
    """The recipe with other models of these names, reached in another way, and with other stages."""
    run = loaded.data.get("run", {})
    others = {name: value for name, value in run.get("endpoints", {}).items() if name not in models}
    data = {
        **loaded.data,
        "models": {**loaded.data["models"], **models},
        "stages": list(stages),
        "run": {**run, "endpoints": {**others, **endpoints}},
    }
    return replace(loaded, data=data)


def _kept(entry: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    wanted = set(names)
    return {name: value for name, value in entry.items() if name in wanted}


def players(pipeline: Pipeline) -> tuple[str, str]:
    """(the trained model, the one that it is compared with), as rows name them. Raises RecipeError for a
    recipe that does not say who answers and who judges.
    """
    by_kind: dict[str, list[Any]] = {"sample": [], "judge": []}
    for stage in pipeline.stages:
        by_kind.get(stage.kind, []).extend(stage.plugins)
    answering = dict.fromkeys(name for stage in by_kind["sample"] for name in stage.plugin.models_used())
    others = [name for name in answering if name != TRAINED]
    opponent = BASE if BASE in others else others[0] if len(others) == 1 else None
    if TRAINED not in answering or opponent is None:
        raise RecipeError(
            f"--then-eval: {TRAINED!r} and {BASE!r}, or one other model, must answer in the recipe's "
            f"`sample` stages; there answer {', '.join(answering) or 'none'}",
            str(pipeline.loaded.path),
        )
    if len(by_kind["judge"]) != 1:
        names = ", ".join(judge.name for judge in by_kind["judge"]) or "none"
        raise RecipeError(
            f"--then-eval: the recipe must have one judge, found {names}", str(pipeline.loaded.path)
        )
    of, against = (
        model_label(built.identity, built.simulated)
        for built in (pipeline.models[TRAINED], pipeline.models[opponent])
    )
    return of, against


def judged(judging: Judging, pipeline: Pipeline) -> WinRate:
    """What came of a complete run, which is written beside the training and into the model's card. Raises
    RecipeError where no judgment is there.
    """
    of, against = players(pipeline)
    result = win_rate(
        read_records(judging.folder), of=of, against=against, members=judge_members(judging.folder)
    )
    evaluation = {
        **win_rate_as_json(result),
        "simulated": pipeline.simulated,
        "recipe": f"{pipeline.recipe.name} {pipeline.recipe.version}",
        "prompts_of": judging.prompts,
    }
    write_json(judging.out / EVALUATION, evaluation)
    on_hub = not Path(judging.settings.base or "").exists()
    write_evaluated_card(read_training_report(judging.out), judging.out, evaluation, on_hub=on_hub)
    return result
