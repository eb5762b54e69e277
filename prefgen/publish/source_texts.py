"""Texts by their digests, wherever somebody keeps them: a run, a call journal, a dataset of any columns, a
text file.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

from prefgen.calls.journal import Journal
from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.flat_conversation import hh_turns, is_hh
from prefgen.dataset.open_pairs import open_as_it_stands
from prefgen.dataset.read_run import read_shards
from prefgen.text.taken_out import text_digest

_SQLITE_START = b"SQLite format 3\0"
_PARAGRAPHS = re.compile(r"\n[^\S\n]*\n")


def find_texts(location: str, digests: Collection[str], bad_rows: BadRows) -> dict[str, str]:
    """{digest: text} of the texts with these digests that stand at `location`. Raises RecipeError where there
    is nothing that can be read; rows that cannot be read go to `bad_rows`.
    """
    found: dict[str, str] = {}
    if not digests:
        return found
    for text in _texts_at(location, bad_rows):
        for spelled in _wholes_and_parts(text):
            if (digest := text_digest(spelled)) in digests:
                found[digest] = spelled
        if len(found) == len(digests):
            break
    return found


def texts_in(value: Any) -> Iterator[str]:
    """Every text within data, also where the data is JSON text."""
    values = [value]  # and no recursion: data may be nested as deeply as it likes
    while values:
        value = values.pop()
        if isinstance(value, str):
            yield value
            if value.lstrip()[:1] in ("{", "["):
                try:
                    values.append(json.loads(value))
                except (ValueError, RecursionError):
                    continue
        elif isinstance(value, Mapping):
            values += value.values()
        elif isinstance(value, list | tuple):
            values += value


def _texts_at(location: str, bad_rows: BadRows) -> Iterator[str]:
    path = Path(location)
    if _is_sqlite(path):
        with closing(Journal(path)) as journal:
            for row in journal.rows():
                yield from texts_in(row.reply.decode("utf-8", "replace"))
                yield from texts_in((row.request or b"").decode("utf-8", "replace"))
    elif (path / "records").is_dir() and not (path / "data" / "preferences").is_dir():
        folders = [folder for folder in (path / "records", path / "pairs") if folder.is_dir()]
        for row in chain.from_iterable(map(read_shards, folders)):
            yield from texts_in(row)
    else:
        for _, row in open_as_it_stands(location, None, bad_rows).rows:
            yield from texts_in(row)


def _is_sqlite(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_SQLITE_START)) == _SQLITE_START


def _wholes_and_parts(text: str) -> set[str]:
    """A text and what may be the text that is looked for: its lines, its paragraphs, its turns."""
    parts = {text}
    if "\n" in text:
        parts |= {*text.splitlines(), *_PARAGRAPHS.split(text)}
        if is_hh(text):
            parts |= {turn["content"] for turn in hh_turns(text)}
    return parts | {part.strip() for part in parts}
