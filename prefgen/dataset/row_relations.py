"""What only several rows of a preference dataset show: pairs that contradict each other or stand twice, and
prompts that stand in two splits.

Of each row a few hashes are kept and where it stands, and of each prompt in a split the hashes of its
shingles.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prefgen.dataset.cells import is_missing
from prefgen.dataset.pair import Turns
from prefgen.dataset.same_turns import normal_text, turns_key
from prefgen.text.shingle_sets import ShingleSets

PAIR_RELATIONS = ("contradiction", "twice")
RELATIONS = (*PAIR_RELATIONS, "splits")
"""The rules of `prefgen.dataset.pair_rules` that are proven here."""


@dataclass(frozen=True, slots=True)
class RelatedRow:
    """A row as far as others are compared with it. `rule` and `split` are empty where it names none."""

    number: int
    where: str
    prompt: bytes
    chosen: bytes
    rejected: bytes
    rule: str
    split: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that breaks a rule together with others."""

    rule: str
    row: RelatedRow
    found: str


class RowRelations:
    """Takes the rows of a dataset one by one, and says then which of them break a rule together."""

    def __init__(self) -> None:
        self.rows: list[RelatedRow] = []
        self._words: dict[str, str] = {}
        self._shingle_sets = ShingleSets()
        self._set_numbers: dict[bytes, int] = {}

    def add(
        self, number: int, where: str, row: Mapping[str, Any], prompt: Turns, chosen: Turns, rejected: Turns
    ) -> RelatedRow:
        """Take a row; the turns are those that `pair_messages` read from it."""
        rule, split = (
            "" if is_missing(row.get(name)) else self._words.setdefault(str(row[name]), str(row[name]))
            for name in ("rule", "split")
        )
        prompt_key = turns_key(prompt)
        if split and prompt_key not in self._set_numbers:
            self._set_numbers[prompt_key] = len(self._set_numbers)
            # system turns may be the same for all
            self._shingle_sets.add(normal_text([turn for turn in prompt if turn["role"] != "system"]))
        related = RelatedRow(number, where, prompt_key, turns_key(chosen), turns_key(rejected), rule, split)
        self.rows.append(related)
        return related

    def broken(self, rules: Collection[str] = RELATIONS) -> Iterator[Broken]:
        """Every row that breaks one of these rules together with others, whatever else it breaks."""
        if set(rules) & set(PAIR_RELATIONS):
            yield from (found for found in _broken_pairs(self.rows) if found.rule in rules)
        if "splits" in rules:
            yield from self._broken_splits(self.rows)

    def to_leave_out(self, without: Collection[int] = (), rules: Collection[str] = RELATIONS) -> list[Broken]:
        """What must go so that none of these rules is broken, when the rows of the numbers in `without` are
        not there. Rows that go for their pairs take no part in what is said of splits.
        """
        rows = [row for row in self.rows if row.number not in without]
        found = [broken for broken in _broken_pairs(rows) if broken.rule in rules]
        gone = {broken.row.number for broken in found}
        if "splits" in rules:
            found += self._broken_splits([row for row in rows if row.number not in gone])
        return found

    def _broken_splits(self, rows: Iterable[RelatedRow]) -> Iterator[Broken]:
        """Rows whose prompt, or one that is nearly the same, is of another split: a prompt is of the split in
        which it stands first.
        """
        first_rows: dict[bytes, RelatedRow] = {}
        rows_by_prompt: dict[bytes, list[RelatedRow]] = defaultdict(list)
        for row in rows:
            if not row.split:
                continue
            first = first_rows.setdefault(row.prompt, row)
            if row.split == first.split:
                rows_by_prompt[row.prompt].append(row)
            else:
                found = f"its prompt stands in {first.split} too ({first.where})"
                yield Broken("splits", row, found)
        splits = list(dict.fromkeys(row.split for row in first_rows.values()))
        if len(splits) < 2:
            return
        ordered = sorted(first_rows.values(), key=lambda row: splits.index(row.split))
        order = [self._set_numbers[row.prompt] for row in ordered]
        groups = [row.split for row in ordered]
        for place, matches in self._shingle_sets.earlier_matches(order, groups=groups):
            i, similarity = max(matches, key=lambda match: match[1])
            near = f"{ordered[i].where} in {ordered[i].split} (similarity {similarity:.2f})"
            for row in rows_by_prompt[ordered[place].prompt]:
                yield Broken("splits", row, f"its prompt is nearly that of {near}")


def _broken_pairs(rows: Iterable[RelatedRow]) -> Iterator[Broken]:
    """Pairs that contradict each other or stand twice, within a prompt and rule. One with equal sides is
    broken by itself, and says nothing of others.
    """
    groups: dict[tuple[bytes, str], list[RelatedRow]] = defaultdict(list)
    for row in rows:
        if row.chosen != row.rejected:
            groups[row.prompt, row.rule].append(row)
    for group in groups.values():
        if len(group) == 1:
            continue
        edges: dict[tuple[bytes, bytes], RelatedRow] = {}
        for row in group:
            first = edges.setdefault((row.chosen, row.rejected), row)
            if first is not row:
                yield Broken("twice", row, f"the same pair stands before ({first.where})")
        for (chosen, rejected), row in edges.items():
            if (other := edges.get((rejected, chosen))) is not None:
                yield Broken("contradiction", row, f"{other.where} says the other way round")
        yield from _cycles(edges)


def _cycles(edges: Mapping[tuple[bytes, bytes], RelatedRow]) -> Iterator[Broken]:
    """The pairs of cycles of three or more; those that are contradicted are told on their own."""
    component = _components([edge for edge in edges if edge[::-1] not in edges])
    in_cycles: dict[int, list[RelatedRow]] = defaultdict(list)
    for edge, row in edges.items():
        if edge[::-1] not in edges and component[edge[0]] == component[edge[1]]:
            in_cycles[component[edge[0]]].append(row)
    for cycle in in_cycles.values():
        for row in cycle:
            others = ", ".join(other.where for other in cycle[:4] if other is not row)
            in_rule = f" in rule {row.rule!r}" if row.rule else ""
            yield Broken("contradiction", row, f"a cycle of preferences{in_rule}, with {others}")


def _components(edges: Iterable[tuple[bytes, bytes]]) -> dict[bytes, int]:
    """{node: number of its strongly connected component} of a directed graph (Kosaraju's algorithm)."""
    successors: dict[bytes, list[bytes]] = defaultdict(list)
    predecessors: dict[bytes, list[bytes]] = defaultdict(list)
    for better, worse in edges:
        successors[better].append(worse)
        predecessors[worse].append(better)
    finished: list[bytes] = []
    seen: set[bytes] = set()
    for root in [*successors]:
        stack = [(root, iter(successors[root]))] if root not in seen else []
        seen.add(root)
        while stack:
            node, rest = stack[-1]
            following = next((other for other in rest if other not in seen), None)
            if following is None:
                finished.append(stack.pop()[0])
            else:
                seen.add(following)
                stack.append((following, iter(successors.get(following, ()))))
    component: dict[bytes, int] = {}
    for number, root in enumerate(reversed(finished)):
        nodes = [root] if root not in component else []
        while nodes:
            node = nodes.pop()
            if node not in component:
                component[node] = number
                nodes += predecessors[node]
    return component
