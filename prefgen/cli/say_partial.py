"""The first line of what is said of a dataset that is not whole yet."""

from typing import TYPE_CHECKING

from prefgen.cli.screen import say

if TYPE_CHECKING:
    from prefgen.dataset.partial import Partial


def say_partial(partial: "Partial | None", *, as_json: bool = False) -> None:
    """Say how far it is: on stdout, where people read; beside rows that programs read, on stderr."""
    if partial is not None:
        say(partial.sentence(), err=as_json)
