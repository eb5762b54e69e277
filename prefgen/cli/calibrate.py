"""prefgen calibrate"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.arguments import AsJsonOption
from prefgen.cli.completion import complete_runs, judges_of_run

if TYPE_CHECKING:
    from prefgen.stats.calibration import LabelledPair, ProbabilityQuality
    from prefgen.types import Comparison, Record


LabelledRunArgument = Annotated[
    Path, typer.Argument(help="A finished run, whose responses were labelled.", autocompletion=complete_runs)
]
LabelsFileArgument = Annotated[
    Path,
    typer.Argument(help="CSV or JSONL: first_id, second_id and better (first, second, tie) or probability."),
]
JudgeOption = Annotated[
    str, typer.Option(help="The judge of the run, or judge.aspect.", autocompletion=judges_of_run)
]
CurveFileOption = Annotated[Path, typer.Option(help="Where the curve is written.")]
HeldOutOption = Annotated[
    float, typer.Option(help="Share of the labelled prompts that is kept for testing.", min=0.1, max=0.9)
]


def command(
    run: LabelledRunArgument,
    labels: LabelsFileArgument,
    judge: JudgeOption,
    out: CurveFileOption = Path("calibration.json"),
    held_out: HeldOutOption = 0.5,
    as_json: AsJsonOption = False,
) -> None:
    """Fit a judge's margins to people's preferences, and say on labels that were held out how much that
    helps.

    Pairers take the file as `calibration: calibration.json`: their pairs then have the probability that
    people agree.
    """
    from prefgen.stats.calibration import fit_and_test
    from prefgen.storage.atomic_write import atomic_write

    calibration = fit_and_test(read_labelled_pairs(run, labels, judge), judge, held_out)
    curve = calibration.curve
    with atomic_write(out) as part:
        part.write_text(json.dumps(curve.model_dump()) + "\n", encoding="utf-8")
    if as_json:
        before, after = asdict(calibration.before), asdict(calibration.after)
        print(json.dumps({**curve.model_dump(), "before": before, "after": after}))
        return
    print(
        f"{judge}: probability = 1 / (1 + exp(-{curve.slope:.4g} * margin)), fitted on {curve.fitted_on:,} "
        f"labelled pairs, written to {out}"
    )
    _print_fit(calibration.before, calibration.after)


def _print_fit(before: "ProbabilityQuality", after: "ProbabilityQuality") -> None:
    print(f"on {after.pairs:,} pairs that were held out      before    after")
    for name, old, new in (
        ("accuracy", before.accuracy, after.accuracy),
        ("calibration error", before.calibration_error, after.calibration_error),
        ("Brier score", before.brier, after.brier),
    ):
        print(
            f"  {name:34} {'-' if old is None else f'{old:.3f}':>8} {'-' if new is None else f'{new:.3f}':>8}"
        )


def read_labelled_pairs(run: Path, labels: Path, judge: str) -> "list[LabelledPair]":
    """Pairs of the run's responses that are labelled and that the judge scored. Raises RecipeError when there
    are none.
    """
    from prefgen.dataset.labels import read_labels
    from prefgen.dataset.read_run import read_records
    from prefgen.errors import RecipeError

    _, comparisons = read_labels(labels, str(labels))
    pairs: list[LabelledPair] = []
    judges: set[str] = set()
    for record in read_records(run):
        judges |= {s.judge for s in record.scores} | {c.judge for c in record.comparisons}
        pairs += _labelled_pairs(record, judge, comparisons)
    name = judge.partition(".")[0]
    if name not in judges:
        raise RecipeError(f"the run has no judge {name!r}; it has {', '.join(sorted(judges)) or 'none'}")
    if not pairs:
        raise RecipeError(
            f"no label of {str(labels)!r} is about two responses of {str(run)!r} that {judge!r} scored"
        )
    return pairs


def _labelled_pairs(
    record: "Record", judge: str, labels: "Mapping[str, Sequence[Comparison]]"
) -> "Iterator[LabelledPair]":
    """The labels of a record's responses beside what the judge says of the two. `labels` are those of each
    first response.
    """
    from prefgen.errors import RecipeError
    from prefgen.stats.calibration import LabelledPair
    from prefgen.stats.scoring import judge_scores, probability_of

    scores, (low, high) = judge_scores(record, judge)
    name, _, aspect = judge.partition(".")
    comparisons = [c for c in record.comparisons if c.judge == name and aspect in ("", c.aspect)]
    aspects = sorted({c.aspect for c in comparisons})
    if len(aspects) > 1:
        raise RecipeError(
            f"judge {name!r} keeps {', '.join(aspects)} apart: say which, such as {name}.{aspects[0]}"
        )
    for response in record.responses:
        for label in labels.get(response.id, ()):
            if response.id in scores and label.second_id in scores:
                margin = scores[response.id] - scores[label.second_id]
                probability = probability_of(comparisons, response.id, label.second_id)
                if probability is None:
                    probability = 0.5 + margin / (high - low) / 2
                yield LabelledPair(record.id, margin, probability, label.probability)
