"""Which pairs of its parts a mix takes.

A prompt, with what is nearly the same, is of one part alone. The parts draw one after the other, each among
its prompts that no part before it has given, by draws of its own: so a share or a number is met as long as
there are such prompts, and what a part gives does not depend on its place but where parts share prompts.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from prefgen.errors import RecipeError
from prefgen.stats.seeded_draws import uniform
from prefgen.storage.atomic_write import display_name
from prefgen.text.shingle_sets import ShingleSets

PART_PATTERN = re.compile(r"(?P<name>.+?)(?::(?P<amount>\d+(?:\.\d+)?))?")


@dataclass(frozen=True)
class MixPart:
    """A dataset, and how much of it: a share of its prompts (at most 1), or a number of pairs."""

    name: str
    share: float | None
    pairs: int | None


@dataclass(frozen=True)
class Draw:
    """The places of the pairs that a part gives, in their order. `wanted` is a number of prompts where a
    share was asked for, and of pairs otherwise; `elsewhere` are pairs whose prompts parts before it gave.
    """

    places: Sequence[int]
    wanted: int
    elsewhere: int


def parse_part(text: str) -> MixPart:
    """`owner/name@v1:0.5` or `runs/x:10000`; everything, where no amount is given. Raises RecipeError."""
    match = PART_PATTERN.fullmatch(text)
    if match is None:
        raise RecipeError(f"expected a dataset, found {text!r}")
    amount = match["amount"] or "1.0"
    return part_of(match["name"], float(amount) if "." in amount else int(amount), repr(text))


def part_of(name: str, amount: float, place: str) -> MixPart:
    """A share of a dataset's prompts (a float), or so many of its pairs (an int). Raises RecipeError."""
    if isinstance(amount, int):
        if amount < 1:
            raise RecipeError(f"{place}: a number of pairs is at least 1")
        return MixPart(name, None, amount)
    if not 0 < amount <= 1:
        raise RecipeError(f"{place}: a share lies above 0 and is at most 1.0, found {amount}")
    return MixPart(name, amount, None)


def draw_parts(parts: Sequence[MixPart], prompts: Sequence[Sequence[str]], seed: int) -> list[Draw]:
    """What each part gives; `prompts` has, part by part, the text of every pair's prompt. Raises RecipeError
    where more pairs are wanted of a part than it has.

    A share takes the prompts whose draw lies below it, and a number of pairs those with the lowest draws:
    whole prompts, but for the last one of a number. Prompts that parts before have given are passed over.
    """
    draws: list[Draw] = []
    given = _GivenPrompts()
    for key, part, texts in zip(_draw_keys(parts), parts, prompts, strict=True):
        if part.pairs is not None and part.pairs > len(texts):
            raise RecipeError(f"{part.name!r} has {len(texts):,} pairs, and {part.pairs:,} are wanted of it")
        ranks = {text: uniform("mix", seed, *key, text) for text in dict.fromkeys(texts)}
        elsewhere = given.find(ranks)
        free_places = [place for place, text in enumerate(texts) if text not in elsewhere]
        if part.share is None:
            wanted = part.pairs or 0
            by_rank = sorted(free_places, key=lambda place: (ranks[texts[place]], place))
            places = sorted(by_rank[:wanted])
        else:
            wanted = sum(draw < part.share for draw in ranks.values())
            free_texts = sorted((text for text in ranks if text not in elsewhere), key=ranks.__getitem__)
            drawn_texts = set(free_texts[:wanted])
            places = [place for place in free_places if texts[place] in drawn_texts]
        draws.append(Draw(places, wanted, len(texts) - len(free_places)))
        given.add(dict.fromkeys(texts[place] for place in places))
    return draws


def _draw_keys(parts: Sequence[MixPart]) -> list[tuple[str, int]]:
    """What each part draws by: its own name, whatever its version and wherever it stands, and how many of
    that name come before it.
    """
    seen: Counter[str] = Counter()
    keys: list[tuple[str, int]] = []
    for part in parts:
        name = display_name(part.name)
        name = name if name != part.name else name.partition("@")[0]
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys


class _GivenPrompts:
    """The prompts that parts have given, to find what is nearly the same."""

    def __init__(self) -> None:
        self._shingle_sets = ShingleSets()
        self._numbers: dict[str, int] = {}
        self._given: list[int] = []

    def find(self, texts: Mapping[str, object]) -> Collection[str]:
        """Those of the texts that were given, or are nearly the same as one that was."""
        if not self._given:
            return ()
        names = list(texts)
        order = [*self._given, *map(self._number_of, names)]
        groups = [0] * len(self._given) + [1] * len(names)
        return {
            names[place - len(self._given)]
            for place, _ in self._shingle_sets.earlier_matches(order, groups=groups)
        }

    def add(self, texts: Mapping[str, object]) -> None:
        """Take texts that a part gives."""
        self._given += [self._number_of(text) for text in texts]

    def _number_of(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self._numbers)
            self._shingle_sets.add(text)
        return self._numbers[text]
