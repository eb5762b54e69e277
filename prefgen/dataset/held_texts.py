"""Whether what stands in one cell stands in what is asked, too: as parts of its text, or as its turns."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.dataset.cells import decoded, is_absent, is_list


def texts_within(value: Any) -> list[str]:
    """All texts of a cell, of its lists and mappings, in their order; of a turn what it says. Numbers of a
    list are texts.
    """
    texts: list[str] = []
    rest = [decoded(value)]
    while rest:
        item = rest.pop()
        if isinstance(item, Mapping):
            is_turn = "role" in item or "from" in item
            parts = [part for key, part in item.items() if not (is_turn and key in ("role", "from"))]
            rest += reversed(parts)
        elif is_list(item):
            rest += reversed(item)
        elif not isinstance(item, bool) and not is_absent(item):
            texts.append(str(item).strip())
    return texts


def holds_turns(asked: Any, said: Sequence[str], turns: Sequence[str]) -> bool:
    """Whether what is asked has all these turns, in their order; where it is a text, as parts of it."""
    if is_list(decoded(asked)):
        rest = iter(said)
        return all(turn in rest for turn in turns)
    text, place = str(asked), 0
    for turn in turns:
        found = re.compile(_apart(re.escape(turn))).search(text, place)
        if found is None:
            return False
        place = found.end()
    return True


def holds(asked: str, text: str) -> bool:
    """Whether a text is a part of what is asked, and not of a word or a number of it; an option also behind
    its letter in another writing ("A) 4" for "A. 4").
    """
    option = _OPTION.fullmatch(text)
    if text in asked or option is None:
        return text in asked and re.search(_apart(re.escape(text)), asked) is not None
    pattern = rf"{option[1]}[.):\]]\s*{re.escape(option[2])}"
    return re.search(_apart(pattern), asked) is not None


def _apart(pattern: str) -> str:
    """The pattern, where no letter or digit of a word goes on before or behind it; scripts without blanks
    between their words are let be.
    """
    return rf"(?<![0-9A-Za-z](?=[0-9A-Za-z])){pattern}(?!(?<=[0-9A-Za-z])[0-9A-Za-z])"


_OPTION = re.compile(r"[(\[]?([A-Za-z0-9])[.):\]]\s*(.+)", re.DOTALL)
