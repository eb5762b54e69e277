"""What a training's report says, line by line, the accuracy first."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prefgen.text.said_lines import Line, line

if TYPE_CHECKING:
    from prefgen.trainers.held_out import HeldOutDetails
    from prefgen.trainers.report import TrainingReport

ABOUT_ACCURACY = (
    "pair accuracy says how well the labels of held-out pairs are told apart, not how good the model's "
    "answers are: it often falls while they get better"
)
"""What is said wherever the accuracy stands."""


def report_lines(report: "TrainingReport") -> Iterator[Line]:
    """The accuracy, of what it was trained, and the warnings."""
    yield from accuracy_lines(report)
    if not report.accuracy:
        yield line("no held-out accuracy")
    sources = ", ".join(str(source.get("name")) for source in report.sources)
    pairs = report.pairs.get("train", 0)
    yield line(f"{report.base}, trained on {pairs:,} pairs of {sources}", hanging="  ")
    for warning in report.warnings:
        yield line(("warning", "yellow"), f": {warning}", indent="  ", hanging="  ")


def accuracy_lines(report: "TrainingReport") -> Iterator[Line]:
    """The accuracy on held-out pairs, with what it means, and how far ahead of the controls it is."""
    if report.accuracy:
        accuracy = report.accuracy
        yield line(
            f"held-out accuracy {accuracy.value:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f}) on "
            f"{accuracy.pairs:,} pairs"
        )
        yield line(f"  ({ABOUT_ACCURACY}; --then-eval RECIPE has them judged)")
    if report.held_out:
        yield line(_describe_held_out(report.held_out))
    for name, control_accuracy in report.controls.items():
        difference, low, high = report.ahead[name]
        yield line(
            f"control {name}: {control_accuracy.value:.3f}; the real labels are ahead by {difference:+.3f} "
            f"({low:+.3f} to {high:+.3f})"
        )


def _describe_held_out(held_out: "HeldOutDetails") -> str:
    """The line beside the accuracy: how far ahead, what the base ranks alone, what the certainty is worth."""
    parts = [f"mean margin {held_out.mean_margin:+.3g}"]
    if base := held_out.baseline:
        parts.append(
            f"the base alone finds {base['mean'].value:.3f} of the chosen sides likelier a token, "
            f"{base['sum'].value:.3f} in all"
        )
    if held_out.calibration:
        parts.append(f"calibration error {held_out.calibration['error']:.3f}")
    return "; ".join(parts)
