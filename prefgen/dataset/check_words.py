"""What the proof of a dataset says, line by line, its verdict first."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prefgen.dataset.pair_rules import RULES
from prefgen.text.said_lines import Line, line

if TYPE_CHECKING:
    from prefgen.dataset.check import CheckReport


def report_lines(report: "CheckReport") -> Iterator[Line]:
    """The verdict, the alarms, each rule with examples of what breaks it, and what was measured."""
    if report.partial:
        yield line((report.partial, "bold"))
    yield _verdict(report)
    for text in report.alarms:
        yield line(("ALARM   ", "bold red"), text, indent="  ", hanging="        ")
    for rule, claim in RULES.items() if report.rows else ():
        yield from _rule_lines(report, rule, claim)
    for measured in _measures(report):
        yield line(f"  {measured}", hanging="    ")
    for note in report.notes:
        yield line(f"  note: {note}", hanging="    ")


def _verdict(report: "CheckReport") -> Line:
    verdict = ("ok", "bold green") if report.passed else (_what_is_broken(report), "bold red")
    alarm = ", but see the ALARM" if report.alarms else ""
    name = f"{report.name}: " if report.name else ""
    return line(name, verdict, (alarm, "bold red"), f": {report.rows:,} pairs of {report.prompts:,} prompts")


def _rule_lines(report: "CheckReport", rule: str, claim: str) -> Iterator[Line]:
    finding, is_skipped = report.findings.get(rule), rule in report.not_looked_at
    mark = ("BROKEN", "bold red") if finding else ("      " if is_skipped else "ok    ", "green")
    told = f": {finding.count:,} rows" if finding else " (not looked at)" if is_skipped else ""
    yield line(mark, f"  {claim}{told}", indent="  ", hanging="        ")
    for example in finding.examples if finding else ():
        yield line((example, "red"), indent="            ", hanging="  ")


def _measures(report: "CheckReport") -> Iterator[str]:
    if report.longer_chosen is not None:
        yield f"chosen is the longer one in {report.longer_chosen:.0%} of the pairs"
    if report.much_longer is not None:
        yield f"chosen is much longer, by more than was said, in {report.much_longer:,} pairs"
    if report.probe_auc is not None:
        yield (
            f"a probe that sees only length, format and model name tells {report.probe_auc:.0%} of "
            "held-out pairs apart (chance: 50%)"
        )


def _what_is_broken(report: "CheckReport") -> str:
    """The verdict of pairs that do not pass: how many rows --drop would leave out, and whether that is not
    enough.
    """
    if not report.rows:
        return "NOTHING TO CHECK YET, no row" if report.partial else "BROKEN, no row"
    in_rows = f"in {report.broken_rows:,} of {report.rows:,} rows" if report.broken_rows else ""
    as_a_whole = "as a whole" if report.broken_as_a_whole else ""
    return f"BROKEN {' and '.join(filter(None, (in_rows, as_a_whole)))}"
