"""The same pairs in the forms that trainers read: each form is a function from rows of pairs to rows of its
own.
"""

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.cells import as_number, as_text, decoded
from prefgen.dataset.offered_tools import offered_tools
from prefgen.dataset.pair import (
    NotAPair,
    Row,
    Turns,
    is_text_alone,
    single_turn_pair,
    text_of,
    validated_pair,
)
from prefgen.dataset.pair_formats import SHAREGPT_ROLES
from prefgen.dataset.proven_set import PairRows
from prefgen.errors import RecipeError, did_you_mean
from prefgen.publish.export_files import refuse_others, write_csv, write_jsonl, write_parquet
from prefgen.publish.redaction import harm_lineage
from prefgen.publish.template_calls import with_mapped_arguments
from prefgen.storage.atomic_write import atomic_write
from prefgen.storage.canonical_json import canonical

_REMEDY = "`--on-bad-rows drop` leaves such rows out"
Form = Generator[Row, None, str]
"""Rows of a form, and at their end what was left out, in words."""


def _trl(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    for where, row in rows:
        prompt, chosen, rejected = validated_pair(row, where)
        yield {"prompt": prompt, "chosen": chosen, "rejected": rejected, **_tools_of(row, where)}


def _tools_of(row: Row, where: str) -> Row:
    """The column `tools` of a row that has one. Raises RecipeError where it holds no tools."""
    if "tools" not in row:
        return {}
    return {"tools": row["tools"] if offered_tools(row["tools"], where) else None}


def _refuse_tools(row: Row, where: str, form: str) -> None:
    """Raises NotAPair for a row whose prompt offers tools: a model would be trained to call what it is not
    offered.
    """
    if _tools_of(row, where).get("tools"):
        raise NotAPair(f"{form} has no place for tools, and this prompt offers some", where)


def _trl_implicit(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    for row in _trl(rows):
        prompt, tools = row["prompt"], {"tools": row["tools"]} if "tools" in row else {}
        yield {"chosen": prompt + row["chosen"], "rejected": prompt + row["rejected"], **tools}


def _ultrafeedback(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    for where, row in rows:
        prompt, chosen, rejected = validated_pair(row, where)
        _refuse_tools(row, where, "ultrafeedback-binarized")
        asked = [turn for turn in prompt if turn["role"] == "user"]
        yield {
            "prompt": text_of(asked[-1:]),
            "prompt_id": as_text(row.get("prompt_id"), "prompt_id", where),
            "chosen": prompt + chosen,
            "rejected": prompt + rejected,
            "messages": prompt + chosen,
            **{name: as_number(row.get(name), name, where) for name in ("score_chosen", "score_rejected")},
        }


def _rewardbench(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    """Whole conversations, as its loader of datasets of one's own reads them; system turns it does not
    know.
    """
    for number, (where, row) in enumerate(rows):
        prompt, chosen, rejected = single_turn_pair(row, where, "rewardbench")
        _refuse_tools(row, where, "rewardbench")
        _check_turns(prompt, where, "rewardbench", system=False, asks=("user",))
        subsets = (as_text(row.get(name), name, where) for name in ("category", "source"))
        yield {
            "id": number,
            "chosen": [*prompt, chosen],
            "chosen_model": as_text(row.get("chosen_model"), "chosen_model", where) or "unknown",
            "rejected": [*prompt, rejected],
            "rejected_model": as_text(row.get("rejected_model"), "rejected_model", where) or "unknown",
            "subset": next((text for text in subsets if text is not None), "all"),
        }


def _kto(rows: Iterable[tuple[str, Row]]) -> Form:
    """One row an answer, of whatever pairs. An answer that is chosen in one pair and rejected in another says
    nothing, and neither does a tie: both are left out.
    """
    labels: dict[bytes, set[bool]] = {}
    answers: dict[bytes, Row] = {}
    ties = 0
    for where, given in rows:
        [row] = _trl([(where, given)])
        if given.get("tie"):
            ties += 1
            continue
        asked = {"prompt": row["prompt"], **({"tools": row["tools"]} if "tools" in row else {})}
        for side, label in (("chosen", True), ("rejected", False)):
            key = _key_of(asked, row[side])
            labels.setdefault(key, set()).add(label)
            answers.setdefault(key, {**asked, "completion": row[side]})
    for key, row in answers.items():
        if len(labels[key]) == 1:
            yield {**row, "label": True in labels[key]}
    both = sum(len(of_answer) > 1 for of_answer in labels.values())
    left_out = [
        f"{count:,} {what}"
        for count, what in (
            (both, "answers were left out, which are chosen in one pair and rejected in another"),
            (ties, "pairs were left out, which are ties: neither side has a label"),
        )
        if count
    ]
    return "; ".join(left_out)


def _key_of(asked: Row, *answer: Turns) -> bytes:
    """The same for an answer to the same conversation that offers the same tools."""
    tools = decoded(asked.get("tools"))
    offered = json.dumps(tools, sort_keys=True, default=str) if tools else ""
    return canonical([asked["prompt"], offered, *answer])


def _sft(rows: Iterable[tuple[str, Row]]) -> Form:
    """The best answer of each prompt: the chosen one with the highest score, or the first."""
    best: dict[bytes, tuple[float, Row]] = {}
    count = 0
    for where, row in rows:
        count += 1
        prompt, chosen, _ = validated_pair(row, where)
        score = as_number(row.get("score_chosen"), "score_chosen", where)
        score_value = float("-inf") if score is None else score
        tools = _tools_of(row, where)
        key = _key_of({"prompt": prompt, **tools})
        if key not in best or score_value > best[key][0]:
            best[key] = score_value, {"messages": prompt + chosen, **tools}
    for _, messages in best.values():
        yield messages
    others = count - len(best)
    return f"{others:,} pairs were left out, whose prompts have a better chosen answer" if others else ""


def _llama_factory(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    def sharegpt_turn(turn: Mapping[str, str]) -> dict[str, str]:
        return {"from": SHAREGPT_ROLES.get(turn["role"], turn["role"]), "value": turn["content"]}

    for where, row in rows:
        prompt, chosen, rejected = single_turn_pair(row, where, "llama-factory")
        _refuse_tools(row, where, "llama-factory")
        _check_turns(prompt, where, "llama-factory", system=True, asks=("user", "tool"))
        if not is_text_alone(prompt, [chosen, rejected]):
            raise NotAPair(
                "llama-factory takes text alone, and this pair holds calls, images or names", where
            )
        yield {
            "conversations": [sharegpt_turn(t) for t in prompt],
            "chosen": sharegpt_turn(chosen),
            "rejected": sharegpt_turn(rejected),
        }


def _axolotl(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    for where, row in rows:
        prompt, chosen, rejected = single_turn_pair(row, where, "axolotl")
        _refuse_tools(row, where, "axolotl")
        if unknown_roles := {turn["role"] for turn in prompt} - {"system", "user", "assistant", "tool"}:
            raise RecipeError(f"axolotl knows no role {sorted(unknown_roles)[0]!r}; {_REMEDY}", where)
        # it looks for the answer in the rendered conversation, and finds none where the template strips it
        yield {
            "messages": prompt,
            **{
                name: {**side, "content": side["content"].strip()}
                for name, side in (("chosen", chosen), ("rejected", rejected))
            },
        }


def _openrlhf(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    """TRL's form with the margin, which its reward models can use."""
    for where, row in rows:
        prompt, chosen, rejected = validated_pair(row, where)
        _refuse_tools(row, where, "openrlhf")
        margin = as_number(row.get("margin"), "margin", where)
        yield {"prompt": prompt, "chosen": chosen, "rejected": rejected, "margin": margin}


def _nemo_rl(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    for where, row in rows:
        prompt, *sides = validated_pair(row, where)
        _refuse_tools(row, where, "nemo-rl")
        completions = [{"rank": rank, "completion": side} for rank, side in enumerate(sides)]
        yield {"context": prompt, "completions": completions}


EXPORT_FORMS: dict[str, Callable[[Iterable[tuple[str, Row]]], Iterator[Row]]] = {
    "trl": _trl,
    "trl-implicit": _trl_implicit,
    "ultrafeedback-binarized": _ultrafeedback,
    "rewardbench": _rewardbench,
    "kto": _kto,
    "sft": _sft,
    "llama-factory": _llama_factory,
    "axolotl": _axolotl,
    "nemo-rl": _nemo_rl,
    "openrlhf": _openrlhf,
}
UNPAIRED_FORMS = ("kto", "sft")
"""Rows of these hold one answer: pairs that contradict or repeat each other are their own business."""
FOR_TEMPLATES = ("trl", "trl-implicit", "kto", "sft")
"""What reads these renders them with a chat template."""
NOT_AS_CSV = ("rewardbench", "llama-factory", "axolotl", "nemo-rl", "openrlhf")
"""Their readers want lists, and a CSV holds them as text."""


def rows_of_rule(
    open_rows: Callable[[BadRows], PairRows], form: str, rule: str | None, rules: set[str]
) -> Callable[[BadRows], PairRows]:
    """Opens the rows of one rule (None: of all) as a form holds them: rows of pairs have no `rule` there, so
    that two rules may not contradict or repeat each other. `rules` takes the names of all.
    """

    def open_as_written(bad_rows: BadRows) -> PairRows:
        for where, row in open_rows(bad_rows):
            name = row.get("rule")
            if isinstance(name, str):
                rules.add(name)
            if rule is None or name == rule:
                yield where, row if form in UNPAIRED_FORMS else {**row, "rule": None}

    return open_as_written


def count_harm(rows: PairRows, harmful: Counter[str]) -> PairRows:
    """The rows; `harmful` counts, by category, those that were made from harmful texts: no form says so."""
    for where, row in rows:
        if marks := harm_lineage(row):
            harmful[str(marks["harm"])] += 1
        yield where, row


def fitting_rows(rows: PairRows, form: str, bad_rows: BadRows) -> PairRows:
    """The rows that a form has a place for; the others go to `bad_rows`."""

    def prove(row: Row, where: str) -> Row:
        for _ in EXPORT_FORMS[form]([(where, row)]):
            pass
        return row

    return bad_rows.each(rows, prove) if bad_rows.policy == "drop" else rows


def _check_turns(prompt: Turns, where: str, form: str, *, system: bool, asks: tuple[str, ...]) -> None:
    """Turns must alternate from one who asks to one who asks: readers of this form drop other rows with a
    warning. Raises RecipeError.
    """
    roles = [turn["role"] for turn in prompt]
    if system and roles[0] == "system":
        roles = roles[1:]
    if len(roles) % 2 == 0 or any(
        role not in (("assistant",) if i % 2 else asks) for i, role in enumerate(roles)
    ):
        raise RecipeError(
            f"{form} takes {' or '.join(asks)} and assistant in turns, and this prompt is "
            f"{', '.join(roles)}; {_REMEDY}",
            where,
        )


def export(
    rows: Iterable[tuple[str, Row]],
    form: str,
    path: Path,
    say: Callable[[str], object] = lambda _: None,
    bad_rows: BadRows | None = None,
) -> int:
    """Write `rows` in a form as .jsonl, .parquet or .csv (lists as JSON), whole or not at all; returns how
    many. `say` is told what the form leaves out; `bad_rows` are those that were left out of `rows`. Raises
    RecipeError.
    """
    if form not in EXPORT_FORMS:
        raise RecipeError(f"there is no form {form!r}{did_you_mean(form, list(EXPORT_FORMS))}")
    writers = {".jsonl": write_jsonl, ".csv": write_csv, ".parquet": write_parquet}
    if path.suffix not in writers:
        raise RecipeError(f"{str(path)!r} cannot be written: its name must end in {', '.join(writers)}")
    if path.suffix == ".csv" and form in NOT_AS_CSV:
        raise RecipeError(f"{form} is read from .jsonl or .parquet: in a .csv its lists would be text")
    refuse_others(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        written: Iterator[Row] = _telling(EXPORT_FORMS[form](rows), say)
        if form in FOR_TEMPLATES and path.suffix != ".parquet":  # whose columns have one schema
            written = map(with_mapped_arguments, written)
        count = writers[path.suffix](written, part)
        if not count:
            left_out = f"; {bad_rows.sentence()}" if bad_rows and bad_rows.rows else ""
            raise RecipeError(f"there is no pair to export{left_out}")
    return count


def _telling(rows: Iterator[Row], say: Callable[[str], object]) -> Iterator[Row]:
    left_out = yield from rows
    if left_out:
        say(left_out)
