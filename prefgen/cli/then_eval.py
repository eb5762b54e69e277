"""`prefgen train --then-eval`: the trained model answers held-out prompts, and a recipe judges them."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from prefgen.cli.after import say

if TYPE_CHECKING:
    from prefgen.engine.run import RunOutcome
    from prefgen.evaluation.after_training import Judging
    from prefgen.evaluation.winrate import WinRate
    from prefgen.recipe.build import Pipeline
    from prefgen.trainers.settings import TrainSettings


def judging_of(recipe: Path, settings: "TrainSettings", out: Path, prompts: str) -> "Judging":
    """What is to be done after the training, and can be. Raises RecipeError."""
    from typing import get_args

    from prefgen.errors import RecipeError
    from prefgen.evaluation.after_training import Judging, PromptChoice, check_judging
    from prefgen.recipe.load import load_recipe

    choice: PromptChoice | None = next((name for name in get_args(PromptChoice) if name == prompts), None)
    if choice is None:
        raise RecipeError(f"--eval-prompts: {prompts!r} is neither test nor recipe")
    judging = Judging(load_recipe(recipe), settings, out, choice)
    check_judging(judging)
    return judging


def try_judging(judging: "Judging") -> None:
    """Judge one prompt with stand-ins for the trained model and its base: a key, a server or a model that is
    missing is known before hours of training. Raises PrefgenError.
    """
    from prefgen.dataset.read_run import read_records
    from prefgen.evaluation.after_training import players, trial_pipeline

    pipeline = trial_pipeline(judging)
    players(pipeline)
    say(f"trying {pipeline.recipe.name!r} on one prompt, with stand-ins for the trained model and its base")
    with tempfile.TemporaryDirectory(prefix="prefgen-trial-") as folder:
        outcome = _run(pipeline, Path(folder) / "run", Path(folder) / "calls.sqlite", limit=1)
        if not any(record.scores or record.comparisons for record in read_records(outcome.out)):
            lost = outcome.manifest.yields.example_failure or "its judge said nothing"
            say(f"warning: no judgment came of that prompt: {lost}")


def judge_trained(judging: "Judging", journal: Path | None, *, yes: bool) -> "tuple[WinRate, bool]":
    """(what came of judging the trained model, whether a model of the recipe is simulated). Started again it
    goes on from the journal; a changed recipe that costs money is asked about unless `yes`. Raises
    PrefgenError.
    """
    from prefgen.api.run import options_of
    from prefgen.cli.consent import agree_to_changes
    from prefgen.evaluation.after_training import judged, trained_pipeline

    _free_memory()
    pipeline = trained_pipeline(judging)
    if not yes:
        agree_to_changes(pipeline, options_of(pipeline, judging.folder, journal), quiet=False)
    _run(pipeline, judging.folder, journal)
    return judged(judging, pipeline), pipeline.simulated


def _run(pipeline: "Pipeline", out: Path, journal: Path | None, limit: int | None = None) -> "RunOutcome":
    """A run that is complete. Raises what stopped it, and EndpointDown where replies are missing."""
    from prefgen.api.run import options_of, run_with_signals
    from prefgen.cli.panel import show_run
    from prefgen.engine.run import Runner
    from prefgen.errors import EndpointDown

    runner = Runner(pipeline, options_of(pipeline, out, journal, limit=limit))
    with show_run(runner.progress):
        outcome = run_with_signals(runner)
    if outcome.stopped is not None:
        raise outcome.stopped
    if not outcome.complete:
        raise EndpointDown(outcome.incomplete_reason())
    return outcome


def _free_memory() -> None:
    """What was trained is not needed any more, and lies in cycles of references."""
    import gc

    import torch  # pyright: ignore[reportMissingImports]

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
