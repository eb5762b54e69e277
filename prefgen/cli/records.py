"""Printing records and pairs for people. What models wrote is printed as plain text, without control
characters.
"""

import re
import shutil
import textwrap

from prefgen.stats.scoring import judge_names, judge_scores
from prefgen.types import Record

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str, limit: int = 1200) -> str:
    """Text for a terminal: no control characters (an answer must not move the cursor), cut with a note of
    what is missing.
    """
    clean = _CONTROL_CHARACTERS.sub("�", text.replace("\r\n", "\n"))
    return clean if len(clean) <= limit else f"{clean[:limit]} … ({len(clean) - limit:,} more characters)"


def print_record(record: Record) -> None:
    """The prompt, each answer with its scores and rationales, and the pair or why there is none."""
    width = min(shutil.get_terminal_size().columns, 110)
    print("─" * width)
    for turn in record.prompt.messages:
        print(f"{turn.role.upper()}  {plain(turn.text)}")
    print(f"  source {record.prompt.source}, id {record.prompt.id[:12]}")
    scores = {name: judge_scores(record, name)[0] for name in judge_names(record)}
    chosen = {p.chosen_id for p in record.pairs}
    rejected = {p.rejected_id for p in record.pairs}
    numbers = {r.id: i for i, r in enumerate(record.responses, 1)}
    for response in record.responses:
        labels = [m for ids, m in ((chosen, "CHOSEN"), (rejected, "REJECTED")) if response.id in ids]
        judge_values = ", ".join(
            f"{judge} {values[response.id]:.2f}" for judge, values in scores.items() if response.id in values
        )
        origin = (
            f", {response.origin} from {numbers[response.parent_id]}" if response.parent_id in numbers else ""
        )
        principle = f", under {response.principle}" if response.principle else ""
        print(
            f"\n{numbers[response.id]} [{response.model}{origin}{principle}] {' '.join(labels)}  "
            f"{judge_values}"
        )
        print(textwrap.indent(plain(response.text), "    "))
        for score in record.scores:
            if score.response_id == response.id:
                value = "N/A" if score.value is None else f"{score.value:g}"
                print(
                    f"      {score.aspect}: {value} of {score.scale[1]:g}  "
                    f"{plain(score.rationale or '', 160)}"
                )
        for critique in record.critiques:
            if critique.response_id == response.id:
                print(
                    f"      critique{f' ({critique.principle_id})' if critique.principle_id else ''}: "
                    f"{' '.join(plain(critique.text, 300).split())}"
                )
        for flag in record.flags:
            if flag.target_id == response.id:
                print(f"      flagged: {flag.rule}: {plain(flag.reason, 160)}")
    for c in record.comparisons:
        principle = f", {c.principle_id}" if c.principle_id else ""
        print(
            f"\n{numbers[c.first_id]} over {numbers[c.second_id]}: {c.probability:.2f} "
            f"({c.judge}{principle})  {plain(c.rationale or '', 160)}"
        )
    if not record.pairs:
        print(f"\nno pair: {', '.join(n.reason for n in record.notes) or 'the recipe makes none'}")
    for pair in record.pairs:
        sides = f"{numbers[pair.chosen_id]} over {numbers[pair.rejected_id]}"
        margin = f", margin {pair.margin:g}" if pair.margin is not None else ""
        probability = (
            f", probability {pair.chosen_probability:.2f}" if pair.chosen_probability is not None else ""
        )
        print(f"\npair by {pair.rule}: {sides}{margin}{probability}{' (tie)' if pair.tie else ''}")
