"""prefgen calibrate"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.arguments import AsJson

if TYPE_CHECKING:
    from prefgen.stats.calibration import LabelledPair


def command(
    run: Annotated[Path, typer.Argument(help="A finished run, whose responses were labelled.")],
    labels: Annotated[
        Path,
        typer.Argument(
            help="CSV or JSONL: first_id, second_id and better (first, second, tie) or probability."
        ),
    ],
    judge: Annotated[str, typer.Option(help="The judge of the run, or judge.aspect.")],
    out: Annotated[Path, typer.Option(help="Where the curve is written.")] = Path("calibration.json"),
    held_out: Annotated[
        float, typer.Option(help="Share of the labelled prompts that is kept for testing.", min=0.1, max=0.9)
    ] = 0.5,
    as_json: AsJson = False,
) -> None:
    """Fit a judge's margins to people's preferences, and say on labels that were held out how much that
    helps.

    Pairers take the file as `calibration: calibration.json`: their pairs then have the probability that
    people agree.
    """
    from prefgen.stats.calibration import fit_and_test
    from prefgen.storage.atomic_write import atomic_write

    calibration = fit_and_test(read_labelled_pairs(run, labels, judge), judge, held_out)
    curve, uncalibrated, calibrated = calibration.curve, calibration.before, calibration.after
    with atomic_write(out) as part:
        part.write_text(json.dumps(curve.model_dump()) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps({**curve.model_dump(), "before": asdict(uncalibrated), "after": asdict(calibrated)}))
        return
    print(
        f"{judge}: probability = 1 / (1 + exp(-{curve.slope:.4g} * margin)), fitted on {curve.fitted_on:,} "
        f"labelled pairs, written to {out}"
    )
    print(f"on {calibrated.pairs:,} pairs that were held out      before    after")
    for name, old, new in (
        ("accuracy", uncalibrated.accuracy, calibrated.accuracy),
        ("calibration error", uncalibrated.calibration_error, calibrated.calibration_error),
    ):
        print(
            f"  {name:34} {'-' if old is None else f'{old:.3f}':>8} {'-' if new is None else f'{new:.3f}':>8}"
        )
    print(f"  {'Brier score':34} {uncalibrated.brier:>8.3f} {calibrated.brier:>8.3f}")


def read_labelled_pairs(run: Path, labels: Path, judge: str) -> "list[LabelledPair]":
    """Pairs of the run's responses that are labelled and that the judge scored. Raises RecipeError when there
    are none.
    """
    from prefgen.dataset.labels import read_labels
    from prefgen.dataset.read_run import read_records
    from prefgen.errors import RecipeError
    from prefgen.stats.calibration import LabelledPair
    from prefgen.stats.scoring import judge_scores, probability_of

    _, comparisons = read_labels(labels, str(labels))
    name, _, aspect = judge.partition(".")
    pairs: list[LabelledPair] = []
    judges: set[str] = set()
    for record in read_records(run):
        scores, (low, high) = judge_scores(record, judge)
        judges |= {s.judge for s in record.scores} | {c.judge for c in record.comparisons}
        judge_comparisons = [c for c in record.comparisons if c.judge == name and aspect in ("", c.aspect)]
        aspects = sorted({c.aspect for c in judge_comparisons})
        if len(aspects) > 1:
            raise RecipeError(
                f"judge {name!r} keeps {', '.join(aspects)} apart: say which, such as {name}.{aspects[0]}"
            )
        for response in record.responses:
            for label in comparisons.get(response.id, ()):
                if response.id in scores and label.second_id in scores:
                    margin = scores[response.id] - scores[label.second_id]
                    compared_probability = probability_of(judge_comparisons, response.id, label.second_id)
                    judge_probability = (
                        compared_probability
                        if compared_probability is not None
                        else 0.5 + margin / (high - low) / 2
                    )
                    pairs.append(LabelledPair(record.id, margin, judge_probability, label.probability))
    if name not in judges:
        raise RecipeError(f"the run has no judge {name!r}; it has {', '.join(sorted(judges)) or 'none'}")
    if not pairs:
        raise RecipeError(
            f"no label of {str(labels)!r} is about two responses of {str(run)!r} that {judge!r} scored"
        )
    return pairs
