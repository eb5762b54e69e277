"""What a comparison of two datasets says, line by line, its verdict first."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prefgen.text.said_lines import Line, line

if TYPE_CHECKING:
    from prefgen.publish.diff import Diff


def diff_lines(diff: "Diff") -> Iterator[Line]:
    """Which part of a version the change moves, what changed, and examples."""
    change = "no change" if diff.bump == "none" else f"a {diff.bump} change"
    yield line((f"{diff.before} -> {diff.after}: {change}", "bold"))
    for text in diff.markdown().split("\n"):
        yield line((text, _style_of(text)), hanging="  ")
    for kind, examples in diff.examples.items():
        yield line((f"{kind}, for example:", "bold"))
        for example in examples:
            yield line(example, indent="  ", hanging="  ")


def _style_of(text: str) -> str:
    """Lines of a recipe that are gone, or new, have the colours of any diff; `- ` begins one of the list."""
    if text.startswith("-") and not text.startswith("- "):
        return "red"
    return "green" if text.startswith("+") else ""
