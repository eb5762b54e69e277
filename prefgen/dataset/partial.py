"""What a dataset is that is not whole yet: how much of it is there, in words and as a note beside a file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prefgen.errors import RecipeError
from prefgen.storage.atomic_write import write_json

PARTIAL_NOTE = "partial.json"
"""The end of a file's name that stands beside a file with a part of a dataset."""


@dataclass(frozen=True)
class Partial:
    """Of `prompts` so many are `finished`: they have passed every stage but those `to_come`, which nobody has
    passed. `name` is what the run is called, and `folder` where it is.
    """

    name: str
    folder: str
    finished: int
    prompts: int
    at_work: bool
    to_come: tuple[str, ...] = ()

    def sentence(self) -> str:
        """How far it is, in a line."""
        return f"PARTIAL: {self._extent()}{self._missing()}"

    def refusal(self, location: str) -> RecipeError:
        """Why what is at `location`, the run or a file that was written of it, is not taken for the whole,
        and what to do.
        """
        extent = f"{self._extent()}{self._missing()}"
        go_on = "wait until it ends" if self.at_work else "run its recipe again: it goes on from there"
        if location == self.folder:
            return RecipeError(
                f"{location!r} is not complete: {extent}. A part must not pass for the whole: {go_on}"
            )
        return RecipeError(
            f"{location!r} is a part of {self.folder!r}, as *.{PARTIAL_NOTE} beside it says: {extent}. A "
            "part must not pass for the whole: write it again when the run is complete"
        )

    def _extent(self) -> str:
        state = "is at work" if self.at_work else "stopped"
        return f"{self.finished:,} of {self.prompts:,} prompts are finished, and the run {state}"

    def _missing(self) -> str:
        if not self.to_come:
            return ""
        return (
            f"; {', '.join(self.to_come)} {'is' if len(self.to_come) == 1 else 'are'} still to come for all"
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def write_note(file: Path, partial: Partial | None) -> Path | None:
    """Say beside a file that it holds a part; take away what was said of an earlier one. Returns where it
    says so.
    """
    note = _note_of(file)
    if partial is None:
        note.unlink(missing_ok=True)
        return None
    says = f"{partial.sentence()}. Export it again when the run is complete, and this note goes"
    write_json(note, {"says": says, **partial.as_json()})
    return note


def read_note(path: Path) -> Partial | None:
    """What is said beside a file, or beside one in a folder; None where all is whole. Raises RecipeError for
    a note that cannot be read.
    """
    notes = sorted(path.rglob(f"*.{PARTIAL_NOTE}")) if path.is_dir() else [_note_of(path)]
    for note in filter(Path.is_file, notes):
        try:
            fields = json.loads(note.read_text(encoding="utf-8"))
            return Partial(
                name=fields["name"],
                folder=fields["folder"],
                finished=fields["finished"],
                prompts=fields["prompts"],
                at_work=fields["at_work"],
                to_come=tuple(fields["to_come"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise RecipeError(f"cannot be read ({error}); export the file again", str(note)) from None
    return None


def refuse_part(path: Path, location: str) -> None:
    """Raises RecipeError where a file, or one in a folder, is said to hold a part; `location` is what it is
    called.
    """
    if (partial := read_note(path)) is not None:
        raise partial.refusal(location)


def _note_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.{PARTIAL_NOTE}")
