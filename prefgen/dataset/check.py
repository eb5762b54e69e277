"""Proving what a preference dataset claims: the invariants of a pair, over any dataset's rows.

Every rule counts the rows that break it and keeps a few examples. Rules that only a share of the dataset can
break (one repeated answer, a shortcut) are reported with their numbers. Rows stream by; what is kept of each
is a few hashes and numbers.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefgen.dataset.pair import NotAPair, Turns, pair_messages, text_of
from prefgen.dataset.pair_rules import ORIGIN_COLUMNS, RULES, broken_rules
from prefgen.dataset.shortcut_probe import ProbedPair, format_features, probe_auc
from prefgen.text.near_duplicates import MinHashIndex
from prefgen.text.normalize import normalize

MAX_EXAMPLES = 3
LEAST_FOR_SHARES = 20
"""Pairs from which on the share of one answer says something."""
LEAST_FOR_PROBE = 50
WITHOUT_ORIGIN = "no columns say source, license or models"


@dataclass
class Finding:
    """The rows that break a rule: (where it stands, what was found) of each."""

    rows: list[tuple[str, str]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.rows)

    @property
    def examples(self) -> list[str]:
        return [f"{where}: {found}" for where, found in self.rows[:MAX_EXAMPLES]]


@dataclass(frozen=True)
class Truncation:
    """What a training cuts off: texts become tokens by `encode`, and a pair has at most `max_length` of
    them.
    """

    encode: Callable[[str], Sequence[int]]
    max_length: int


@dataclass
class CheckReport:
    """What was proven of a dataset. `probe_auc` is the share of held-out pairs that length, format and model
    name alone tell apart.
    """

    rows: int = 0
    prompts: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)
    repeated_chosen_share: float = 0.0
    repeated_chosen_text: str = ""
    probe_auc: float | None = None
    longer_chosen: float | None = None
    much_longer: int | None = None
    """Pairs whose chosen side is longer than its rejected one by more than was said; None where nothing
    was.
    """
    notes: list[str] = field(default_factory=list)
    bad_places: dict[str, list[str]] = field(default_factory=dict)
    """{where a row stands: why it is broken}: what is left without these rows breaks no rule of rows."""

    @property
    def passed(self) -> bool:
        return not self.findings and self.rows > 0

    def as_json(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "rows": self.rows,
            "prompts": self.prompts,
            "broken": {
                rule: {
                    "rows": f.count,
                    "what": RULES[rule],
                    "examples": f.examples,
                    "all": [{"where": where, "found": found} for where, found in f.rows],
                }
                for rule, f in self.findings.items()
            },
            "repeated_chosen_share": self.repeated_chosen_share,
            "probe_auc": self.probe_auc,
            "longer_chosen": self.longer_chosen,
            "much_longer": self.much_longer,
            "notes": self.notes,
        }


def check_rows(
    rows: Iterable[tuple[str, Mapping[str, Any]]],
    *,
    max_repeated_chosen: float = 0.05,
    allow: Collection[str] = (),
    truncation: Truncation | None = None,
    most_longer: int | None = None,
) -> CheckReport:
    """Check rows, each with the words that say where it stands. `allow` are rules that may be broken,
    `most_longer` how many words (or tokens, where there is a `truncation`) chosen may be longer by.
    """
    return _Checker(max_repeated_chosen, allow, truncation, most_longer).check(rows)


class _Checker:
    """Reads the rows once."""

    def __init__(
        self,
        max_repeated_chosen: float,
        allow: Collection[str],
        truncation: Truncation | None,
        most_longer: int | None,
    ) -> None:
        self._max_repeated_chosen = max_repeated_chosen
        self._allow = allow
        self._truncation = truncation
        self._most_longer = most_longer
        self.report = CheckReport(much_longer=None if most_longer is None else 0)
        self._chosen_counts: Counter[bytes] = Counter()
        self._distinct_chosen: set[tuple[bytes, bytes]] = set()
        self._chosen_texts: dict[bytes, str] = {}
        self._edges: dict[tuple[bytes, str], dict[tuple[bytes, bytes], str]] = defaultdict(dict)
        """{(prompt, rule): {(chosen, rejected): where it stands}}, as digests."""
        self._splits: dict[bytes, set[str]] = defaultdict(set)
        self._prompts: dict[bytes, tuple[str, str, str]] = {}
        """{prompt: (split, where it stands, text)}."""
        self._probed: list[ProbedPair] = []
        self._longer_count = 0

    def check(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> CheckReport:
        prompts: set[bytes] = set()
        for where, row in rows:
            self.report.rows += 1
            try:
                prompt, chosen, rejected = pair_messages(row, where)
            except NotAPair as error:
                self._add_finding(error.rule, where, error.found)
                continue
            where = place_of(where, row)
            for rule, finding in broken_rules(row, prompt, chosen, rejected, allow=self._allow):
                self._add_finding(rule, where, finding)
            self._compare_lengths(where, text_of(prompt), text_of(chosen), text_of(rejected))
            if not any(name in row for name in ORIGIN_COLUMNS) and WITHOUT_ORIGIN not in self.report.notes:
                self.report.notes.append(WITHOUT_ORIGIN)
            prompt_digest = _digest(json.dumps(prompt, sort_keys=True))
            prompts.add(prompt_digest)
            self._add_pair(where, row, prompt_digest, text_of(chosen), text_of(rejected))
            self._add_split(where, row, prompt_digest, prompt)
        self.report.prompts = len(prompts)
        self._check_cycles()
        self._check_near_duplicates()
        self._check_shares()
        return self.report

    def _add_finding(self, rule: str, where: str, detail: str, *, of_row: bool = True) -> None:
        self.report.findings.setdefault(rule, Finding()).rows.append((where, detail))
        if of_row:
            self._mark_bad(where, rule, detail)

    def _mark_bad(self, where: str, rule: str, detail: str) -> None:
        self.report.bad_places.setdefault(where, []).append(f"{rule}: {detail}")

    def _compare_lengths(self, where: str, prompt: str, chosen: str, rejected: str) -> None:
        """Sides that are equal once they are truncated, and those that are much longer when chosen."""
        truncation = self._truncation
        encode: Callable[[str], Sequence[Any]] = truncation.encode if truncation else str.split
        if truncation is None and self._most_longer is None:
            return
        sides = encode(chosen), encode(rejected)
        if truncation is not None:
            room = max(0, truncation.max_length - len(encode(prompt)))
            if sides[0][:room] == sides[1][:room]:
                self._add_finding(
                    "truncation", where, f"the sides are equal in the {room:,} tokens that are left"
                )
        if self._most_longer is not None and self.report.much_longer is not None:
            self.report.much_longer += len(sides[0]) - len(sides[1]) > self._most_longer

    def _add_pair(
        self, where: str, row: Mapping[str, Any], prompt_digest: bytes, chosen: str, rejected: str
    ) -> None:
        chosen_digest, rejected_digest = _digest(normalize(chosen)), _digest(normalize(rejected))
        edges = self._edges[prompt_digest, str(row.get("rule") or "")]
        if (chosen_digest, rejected_digest) in edges:
            self._add_finding("twice", where, "the same pair stands before")
        elif (other := edges.get((rejected_digest, chosen_digest))) is not None:
            self._add_finding("contradiction", where, f"{other} says the other way round")
            self._mark_bad(other, "contradiction", f"{where} says the other way round")
        edges.setdefault((chosen_digest, rejected_digest), where)
        if (prompt_digest, chosen_digest) not in self._distinct_chosen:
            # an answer that several rules choose for one prompt counts once
            self._distinct_chosen.add((prompt_digest, chosen_digest))
            self._chosen_counts[chosen_digest] += 1
        self._chosen_texts.setdefault(chosen_digest, chosen[:120])
        self._longer_count += len(chosen) > len(rejected)
        sides = zip(format_features(chosen), format_features(rejected), strict=True)
        self._probed.append(
            ProbedPair(
                prompt_digest,
                [of_chosen - of_rejected for of_chosen, of_rejected in sides],
                str(row.get("chosen_model") or ""),
                str(row.get("rejected_model") or ""),
            )
        )

    def _add_split(self, where: str, row: Mapping[str, Any], prompt_digest: bytes, prompt: Turns) -> None:
        if row.get("split") is None:
            return
        split, splits = str(row["split"]), self._splits[prompt_digest]
        splits.add(split)
        asked = text_of(
            [turn for turn in prompt if turn["role"] != "system"]
        )  # which may be the same for all
        self._prompts.setdefault(prompt_digest, (split, where, asked))
        if len(splits) > 1:
            self._add_finding("splits", where, f"its prompt stands in {', '.join(sorted(splits))}")

    def _check_cycles(self) -> None:
        for (_, rule), edges in self._edges.items():
            if len(edges) > 2 and _has_cycle(edges):
                in_rule = f" in rule {rule!r}" if rule else ""
                first, *others = edges.values()
                detail = f"a cycle of preferences{in_rule}, with {', '.join(others[:3])}"
                self._add_finding("contradiction", first, detail)
                for where in others:
                    self._mark_bad(where, "contradiction", f"a cycle of preferences{in_rule}, with {first}")

    def _check_shares(self) -> None:
        report, pairs = self.report, len(self._probed)
        if pairs:
            report.longer_chosen = self._longer_count / pairs
        if pairs >= LEAST_FOR_SHARES:
            [(digest, count)] = self._chosen_counts.most_common(1)
            answers = len(self._distinct_chosen)
            report.repeated_chosen_share = count / answers
            report.repeated_chosen_text = self._chosen_texts[digest]
            if count / answers > self._max_repeated_chosen and answers >= LEAST_FOR_SHARES:
                where = f"{count:,} of {answers:,} chosen answers"
                found = f"it is always {report.repeated_chosen_text!r}"
                self._add_finding("repeated_chosen", where, found, of_row=False)
        if pairs >= LEAST_FOR_PROBE:
            report.probe_auc = probe_auc(self._probed)
            if report.probe_auc is None:
                report.notes.append("too few prompts for the shortcut probe, which holds some out")
        else:
            report.notes.append(f"{pairs} pairs are too few for the shortcut probe ({LEAST_FOR_PROBE})")

    def _check_near_duplicates(self) -> None:
        """Prompts of a later split that are nearly the same as one of an earlier split."""
        splits = list(dict.fromkeys(split for split, _, _ in self._prompts.values()))
        if len(splits) < 2:
            return
        index = MinHashIndex()
        for split in splits:
            prompts = [
                (index.minhash(text), where, prompt_digest)
                for prompt_digest, (prompt_split, where, text) in self._prompts.items()
                if prompt_split == split
            ]
            for signature, where, prompt_digest in prompts:
                match = index.nearest(signature)
                if match is not None and len(self._splits[prompt_digest]) == 1:
                    other_split, other_where, text = self._prompts[bytes.fromhex(match[1])]
                    self._add_finding(
                        "splits",
                        where,
                        f"its prompt is nearly that of {other_where} in {other_split} (similarity "
                        f"{match[0]:.2f}): {text[:60]!r}",
                    )
            for signature, _, prompt_digest in prompts:
                index.add(prompt_digest.hex(), signature)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).digest()


def place_of(where: str, row: Mapping[str, Any]) -> str:
    """Where a row stands, and its own id if it has one."""
    row_id = row.get("id")
    return f"{where} (id {str(row_id)[:40]})" if isinstance(row_id, str | int) else where


def _has_cycle(edges: Collection[tuple[bytes, bytes]]) -> bool:
    """Whether a directed graph has a cycle of three or more (contradicted pairs are counted on their own)."""
    successors: dict[bytes, list[bytes]] = defaultdict(list)
    incoming_counts: Counter[bytes] = Counter()
    nodes = {n for edge in edges for n in edge}
    for better, worse in edges:
        if (worse, better) not in edges:
            successors[better].append(worse)
            incoming_counts[worse] += 1
    roots = [n for n in nodes if not incoming_counts[n]]
    visited_count = 0
    while roots:
        node = roots.pop()
        visited_count += 1
        for successor in successors[node]:
            incoming_counts[successor] -= 1
            if not incoming_counts[successor]:
                roots.append(successor)
    return visited_count < len(nodes)
