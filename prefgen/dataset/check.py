"""Proving what a preference dataset claims: the invariants of a pair, over any dataset's rows.

Every rule counts the rows that break it and keeps a few examples. Rules that only a share of the dataset can
break (one repeated answer, a shortcut) are reported with their numbers. Rows stream by; what is kept of each
is a few hashes and numbers.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefgen.dataset.bad_rows import place_of
from prefgen.dataset.check_words import report_lines
from prefgen.dataset.pair import NotAPair, pair_messages, text_of
from prefgen.dataset.pair_rules import ORIGIN_COLUMNS, RULES, broken_rules
from prefgen.dataset.row_notes import RowNotes
from prefgen.dataset.row_relations import RelatedRow, RowRelations
from prefgen.dataset.shortcut_probe import ProbedPair, alarms, format_features, probe_auc
from prefgen.text.said_lines import Line, Said

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


@dataclass(repr=False)
class CheckReport(Said):
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
    alarms: list[str] = field(default_factory=list)
    """What breaks no rule of pairs, and makes them worth little all the same; with what to do."""
    notes: list[str] = field(default_factory=list)
    bad_places: dict[str, list[str]] = field(default_factory=dict)
    """{where a row stands: why it must go}: what is left without these rows breaks no rule of rows, be it of
    one or of several.
    """

    partial: str | None = None
    """How much is there, of a dataset that is not whole yet."""
    name: str = ""
    """Of the dataset, as it was given."""
    not_looked_at: tuple[str, ...] = ()
    """The rules that nothing was looked at for: those that may be broken, the one about a training that
    nobody named, that about shares of fewer than 20 pairs, and all but the form where no row could be read.
    """

    def said_lines(self) -> Iterable[Line]:
        return report_lines(self)

    broken_as_a_whole: bool = False
    """Whether a rule is broken that no leaving out of rows mends."""

    @property
    def broken_rows(self) -> int:
        """How many rows must go, as `check --drop` leaves them out."""
        return len(self.bad_places)

    @property
    def passed(self) -> bool:
        return not self.findings and self.rows > 0

    def as_json(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "rows": self.rows,
            "broken_rows": self.broken_rows,
            "broken_as_a_whole": self.broken_as_a_whole,
            "prompts": self.prompts,
            "not_looked_at": list(self.not_looked_at),
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
            "alarms": self.alarms,
            "notes": self.notes,
            "partial": self.partial,
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
        self._relations = RowRelations()
        self._notes = RowNotes()
        self._broken: set[int] = set()
        """Numbers of the rows that must go: first of those that break a rule by themselves."""
        self._chosen_texts: dict[bytes, str] = {}
        self._probed: list[ProbedPair] = []
        self._longer_count = 0
        self._are_shares_known = False

    def check(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> CheckReport:
        for number, (where, row) in enumerate(rows):
            self.report.rows += 1
            self._check_row(number, place_of(where, row), row)
        self.report.prompts = len({row.prompt for row in self._relations.rows})
        self._check_relations()
        self._check_shares()
        self.report.notes += self._notes.sentences()
        self.report.not_looked_at = tuple(filter(self._is_not_looked_at, RULES))
        return self.report

    def _is_not_looked_at(self, rule: str) -> bool:
        if rule == "form" or rule in self.report.findings:
            return False
        return (
            rule in self._allow
            or not self._relations.rows
            or (rule == "truncation" and self._truncation is None)
            or (rule == "repeated_chosen" and not self._are_shares_known)
        )

    def _check_row(self, number: int, where: str, row: Mapping[str, Any]) -> None:
        try:
            prompt, chosen, rejected = pair_messages(row, where)
        except NotAPair as error:
            self._add_finding(error.rule, number, where, error.found)
            return
        for rule, finding in broken_rules(row, prompt, chosen, rejected, allow=self._allow):
            self._add_finding(rule, number, where, finding)
        chosen_text, rejected_text = text_of(chosen), text_of(rejected)
        self._compare_lengths(number, where, text_of(prompt), chosen_text, rejected_text)
        if not any(name in row for name in ORIGIN_COLUMNS) and WITHOUT_ORIGIN not in self.report.notes:
            self.report.notes.append(WITHOUT_ORIGIN)
        related = self._relations.add(number, where, row, prompt, chosen, rejected)
        self._notes.add(where, row, prompt, chosen, rejected)
        self._add_pair(related, row, chosen_text, rejected_text)

    def _add_finding(self, rule: str, number: int, where: str, detail: str) -> None:
        """A rule that a row breaks by itself."""
        self.report.findings.setdefault(rule, Finding()).rows.append((where, detail))
        self.report.bad_places.setdefault(where, []).append(f"{rule}: {detail}")
        self._broken.add(number)

    def _compare_lengths(self, number: int, where: str, prompt: str, chosen: str, rejected: str) -> None:
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
                    "truncation", number, where, f"the sides are equal in the {room:,} tokens that are left"
                )
        if self._most_longer is not None and self.report.much_longer is not None:
            self.report.much_longer += len(sides[0]) - len(sides[1]) > self._most_longer

    def _add_pair(self, related: RelatedRow, row: Mapping[str, Any], chosen: str, rejected: str) -> None:
        self._chosen_texts.setdefault(related.chosen, chosen[:120])
        self._longer_count += len(chosen) > len(rejected)
        sides = zip(format_features(chosen), format_features(rejected), strict=True)
        self._probed.append(
            ProbedPair(
                related.prompt,
                [of_chosen - of_rejected for of_chosen, of_rejected in sides],
                str(row.get("chosen_model") or ""),
                str(row.get("rejected_model") or ""),
            )
        )

    def _check_relations(self) -> None:
        """What rows break together. Rows that are broken by themselves are named too, and no other row must
        go for their sake.
        """
        found = list(self._relations.broken())
        for broken in found:
            finding = self.report.findings.setdefault(broken.rule, Finding())
            finding.rows.append((broken.row.where, broken.found))
        for broken in self._relations.to_leave_out(self._broken) if found else ():
            reasons = self.report.bad_places.setdefault(broken.row.where, [])
            reasons.append(f"{broken.rule}: {broken.found}")
            self._broken.add(broken.row.number)

    def _check_shares(self) -> None:
        report, pairs = self.report, len(self._probed)
        if pairs:
            report.longer_chosen = self._longer_count / pairs
        self._check_repeated_answer()
        if pairs >= LEAST_FOR_PROBE:
            report.probe_auc = probe_auc(self._probed)
            report.alarms += alarms(self._probed, report.probe_auc, report.longer_chosen)
            if report.probe_auc is None:
                report.notes.append("too few prompts for the shortcut probe, which holds some out")
        else:
            report.notes.append(f"{pairs} pairs are too few for the shortcut probe ({LEAST_FOR_PROBE})")

    def _check_repeated_answer(self) -> None:
        """Whether one answer is chosen too often, among the rows that need not go for another reason."""
        report, rows = self.report, [row for row in self._relations.rows if row.number not in self._broken]
        # an answer that several rules choose for one prompt counts once
        distinct = {(row.prompt, row.chosen) for row in rows}
        self._are_shares_known = len(distinct) >= LEAST_FOR_SHARES
        if len(rows) < LEAST_FOR_SHARES:
            return
        [(key, count)] = Counter(chosen for _, chosen in distinct).most_common(1)
        report.repeated_chosen_share = count / len(distinct)
        report.repeated_chosen_text = self._chosen_texts[key]
        if report.repeated_chosen_share > self._max_repeated_chosen and len(distinct) >= LEAST_FOR_SHARES:
            found = (
                f"one of {count:,} of {len(distinct):,} chosen answers that are "
                f"{report.repeated_chosen_text!r}"
            )
            report.broken_as_a_whole = True
            report.findings["repeated_chosen"] = Finding(
                [(row.where, found) for row in rows if row.chosen == key]
            )
