"""prefgen eval win"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.arguments import AsJsonOption
from prefgen.cli.completion import judges_of_run

if TYPE_CHECKING:
    from prefgen.evaluation.winrate import WinRate

JudgedRunArgument = Annotated[
    Path,
    typer.Argument(
        help=(
            "A complete run in which two models answered and a judge judged: pipelines/winrate.yaml makes "
            "one."
        )
    ),
]
OfOption = Annotated[
    str, typer.Option("--of", help="The model whose wins are counted: its name in the recipe.")
]
AgainstModelOption = Annotated[str, typer.Option("--against", help="The other model.")]
WhichJudgeOption = Annotated[
    str | None,
    typer.Option(
        help="Which judge, or judge.aspect. Default: the only one.",
        show_default=False,
        autocompletion=judges_of_run,
    ),
]
DifficultyOption = Annotated[
    Path | None,
    typer.Option(
        help=(
            "How hard each prompt is: CSV, JSON or Parquet of prompt_id or prompt, and difficulty. Default: "
            "fitted where the run holds many models."
        ),
        show_default=False,
    ),
]
SaveDifficultyOption = Annotated[
    Path | None,
    typer.Option(help="Write the difficulties that were fitted to this CSV file.", show_default=False),
]
LengthEffectOption = Annotated[
    float | None,
    typer.Option(
        help=(
            "Where no difficulty is known: how much the judge likes length, in logits, by a prior "
            "(AlpacaEval: 1.4)."
        ),
        show_default=False,
        min=-10,
        max=10,
    ),
]
SeedOption = Annotated[int, typer.Option(help="Seed of the intervals.", min=0)]


def win(
    run: JudgedRunArgument,
    of: OfOption,
    against: AgainstModelOption,
    judge: WhichJudgeOption = None,
    difficulty: DifficultyOption = None,
    save_difficulty: SaveDifficultyOption = None,
    length_effect: LengthEffectOption = None,
    seed: SeedOption = 0,
    as_json: AsJsonOption = False,
) -> None:
    """How often one model's answers are better than another's: raw and at equal length, with intervals over
    the prompts.
    """
    from prefgen.calls.models import model_label
    from prefgen.dataset.difficulty import read_difficulties, write_difficulties
    from prefgen.dataset.read_run import complete_manifest, read_records
    from prefgen.errors import RecipeError
    from prefgen.evaluation import winrate
    from prefgen.evaluation.difficulty import MIN_MODELS_TO_FIT
    from prefgen.evaluation.members import judge_members

    manifest = complete_manifest(run)

    def label(name: str) -> str:
        """As the rows name a model of the recipe."""
        model = manifest.models.get(name)
        return model_label(model, bool(model.get("simulated"))) if model else name

    difficulties = difficulty and read_difficulties(difficulty, str(difficulty))
    result = winrate.win_rate(
        read_records(run),
        of=label(of),
        against=label(against),
        judge=judge,
        seed=seed,
        difficulties=difficulties,
        expected_effect=length_effect,
        members=judge_members(run),
    )
    if save_difficulty:
        if result.difficulty is None or result.difficulty.source == "file":
            raise RecipeError(
                f"--save-difficulty: none were fitted; that needs the games of {MIN_MODELS_TO_FIT} other "
                f"models against {against!r}"
            )
        write_difficulties(result.difficulty.values, result.difficulty.models, save_difficulty)
    if as_json:
        print(json.dumps({**winrate.win_rate_as_json(result), "simulated": manifest.simulated}))
    else:
        print_win_rate(result, manifest.simulated)


def print_win_rate(result: "WinRate", simulated: bool) -> None:
    """What came of a run in which two models were compared."""
    if simulated:
        print("SIMULATED: a model of this run was simulated, so that this says nothing about real ones")
    outcome = f"{result.wins:,} won, {result.ties:,} tied, {result.losses:,} lost"
    print(
        f"{result.of} against {result.against}, by {result.judge}, on {result.prompts:,} prompts: {outcome}"
    )
    print(f"  {'win rate':17} {format_interval(result.raw)}")
    title = "length-controlled" if result.length_controlled else "at equal length"
    if result.equal_length:
        print(f"  {title:17} {format_interval(result.equal_length)} ({_how_fitted(result)})")
    else:
        print(f"  {title:17} not known")
    print(
        f"  answers are {abs(result.longer):,.0f} characters {'longer' if result.longer >= 0 else 'shorter'}"
    )
    if result.consistent is not None:
        print(f"  both orders have the same winner on {result.consistent:.1%} of the prompts")
    for note in result.notes:
        print(f"  note: {note}")


def _how_fitted(result: "WinRate") -> str:
    """By what the line of equal length was fitted."""
    from prefgen.evaluation.difficulty import MIN_MODELS_TO_NAME

    known = result.difficulty
    if known is None:
        effect = result.expected_effect
        expected = "" if effect is None else f", expecting a length effect of {effect:g}"
        return f"fitted without item difficulty{expected}"
    source = "item difficulty from a file" if known.source == "file" else "item difficulty"
    fitted = "" if known.models is None else f" fitted on {known.models} other models"
    fewer = "" if known.is_reliable else f"; {MIN_MODELS_TO_NAME} are needed to call it length-controlled"
    return f"{source}{fitted}{fewer}"


def format_interval(interval: tuple[float, float, float]) -> str:
    value, low, high = interval
    return f"{value:.1%} ({low:.1%} to {high:.1%})"
