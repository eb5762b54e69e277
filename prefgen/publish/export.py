"""The same pairs in the forms that trainers read: each form is a function from rows of pairs to rows of its
own.
"""

import csv
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path

from prefgen.dataset.cells import as_number, as_text
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
from prefgen.errors import RecipeError, did_you_mean
from prefgen.publish.clean import json_line
from prefgen.storage.atomic_write import atomic_write
from prefgen.storage.canonical_json import canonical

Form = Generator[Row, None, str]
"""Rows of a form, and at their end what was left out, in words."""


def _trl(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    for where, row in rows:
        prompt, chosen, rejected = validated_pair(row, where)
        tools = {"tools": row["tools"]} if "tools" in row else {}
        yield {"prompt": prompt, "chosen": chosen, "rejected": rejected, **tools}


def _trl_implicit(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    for row in _trl(rows):
        yield {"chosen": row["prompt"] + row["chosen"], "rejected": row["prompt"] + row["rejected"]}


def _ultrafeedback(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    for where, row in rows:
        prompt, chosen, rejected = validated_pair(row, where)
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
    nothing, and is left out.
    """
    labels: dict[bytes, set[bool]] = {}
    answers: dict[bytes, Row] = {}
    for row in _trl(rows):
        for side, label in (("chosen", True), ("rejected", False)):
            key = canonical([row["prompt"], row[side]])
            labels.setdefault(key, set()).add(label)
            answers.setdefault(key, {"prompt": row["prompt"], "completion": row[side]})
    for key, row in answers.items():
        if len(labels[key]) == 1:
            yield {**row, "label": True in labels[key]}
    both = sum(len(of_answer) > 1 for of_answer in labels.values())
    return (
        f"{both:,} answers were left out, which are chosen in one pair and rejected in another"
        if both
        else ""
    )


def _sft(rows: Iterable[tuple[str, Row]]) -> Form:
    """The best answer of each prompt: the chosen one with the highest score, or the first."""
    best: dict[bytes, tuple[float, Turns]] = {}
    count = 0
    for where, row in rows:
        count += 1
        prompt, chosen, _ = validated_pair(row, where)
        score = as_number(row.get("score_chosen"), "score_chosen", where)
        score_value = float("-inf") if score is None else score
        key = canonical(prompt)
        if key not in best or score_value > best[key][0]:
            best[key] = score_value, prompt + chosen
    for _, messages in best.values():
        yield {"messages": messages}
    others = count - len(best)
    return f"{others:,} pairs were left out, whose prompts have a better chosen answer" if others else ""


def _llama_factory(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    def sharegpt_turn(turn: Mapping[str, str]) -> dict[str, str]:
        return {"from": SHAREGPT_ROLES.get(turn["role"], turn["role"]), "value": turn["content"]}

    for where, row in rows:
        prompt, chosen, rejected = single_turn_pair(row, where, "llama-factory")
        _check_turns(prompt, where, "llama-factory", system=True, asks=("user", "tool"))
        if not is_text_alone(prompt, [chosen, rejected]):
            raise NotAPair("llama-factory takes text alone, and this pair holds calls or images", where)
        yield {
            "conversations": [sharegpt_turn(t) for t in prompt],
            "chosen": sharegpt_turn(chosen),
            "rejected": sharegpt_turn(rejected),
        }


def _axolotl(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    for where, row in rows:
        prompt, chosen, rejected = single_turn_pair(row, where, "axolotl")
        if unknown_roles := {turn["role"] for turn in prompt} - {"system", "user", "assistant", "tool"}:
            raise RecipeError(
                f"axolotl knows no role {sorted(unknown_roles)[0]!r}; filter such rows first", where
            )
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
        margin = as_number(row.get("margin"), "margin", where)
        yield {"prompt": prompt, "chosen": chosen, "rejected": rejected, "margin": margin}


def _nemo_rl(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    for row in _trl(rows):
        completions = [
            {"rank": rank, "completion": row[side]} for rank, side in enumerate(("chosen", "rejected"))
        ]
        yield {"context": row["prompt"], "completions": completions}


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
NOT_AS_CSV = ("rewardbench", "llama-factory", "axolotl", "nemo-rl", "openrlhf")
"""Their readers want lists, and a CSV holds them as text."""


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
            f"{', '.join(roles)}; filter such rows first",
            where,
        )


def export(
    rows: Iterable[tuple[str, Row]], form: str, path: Path, say: Callable[[str], object] = lambda _: None
) -> int:
    """Write `rows` in a form as .jsonl, .parquet or .csv (lists as JSON), whole or not at all; returns how
    many. `say` is told what the form leaves out. Raises RecipeError.
    """
    if form not in EXPORT_FORMS:
        raise RecipeError(f"there is no form {form!r}{did_you_mean(form, list(EXPORT_FORMS))}")
    writers = {".jsonl": _write_jsonl, ".csv": _write_csv, ".parquet": _write_parquet}
    if path.suffix not in writers:
        raise RecipeError(f"{str(path)!r} cannot be written: its name must end in {', '.join(writers)}")
    if path.suffix == ".csv" and form in NOT_AS_CSV:
        raise RecipeError(f"{form} is read from .jsonl or .parquet: in a .csv its lists would be text")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        count = writers[path.suffix](_telling(EXPORT_FORMS[form](rows), say), part)
        if not count:
            raise RecipeError("there is no pair to export")
    return count


def _telling(rows: Iterator[Row], say: Callable[[str], object]) -> Iterator[Row]:
    left_out = yield from rows
    if left_out:
        say(left_out)


def _write_jsonl(rows: Iterator[Row], path: Path) -> int:
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(json_line(row))
            count += 1
    return count


def _write_csv(rows: Iterator[Row], path: Path) -> int:
    count, writer = 0, None
    with path.open("w", encoding="utf-8", newline="") as file:
        for count, row in enumerate(rows, 1):
            writer = writer or csv.DictWriter(file, list(row))
            if count == 1:
                csv.DictWriter(file, list(row), quoting=csv.QUOTE_ALL).writeheader()  # says that quotes quote
            if others := sorted(set(row) - set(writer.fieldnames)):
                raise RecipeError(
                    f"row {count} has {others[0]!r}, and the first row has not: write .jsonl or .parquet"
                )
            writer.writerow(
                {
                    name: json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
                    for name, value in row.items()
                }
            )
    return count


def _write_parquet(rows: Iterator[Row], path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows_by_name = [dict(row) for row in rows]
    names = dict.fromkeys(name for row in rows_by_name for name in row)
    try:
        table = pa.Table.from_pylist([{**dict.fromkeys(names), **row} for row in rows_by_name])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise RecipeError(
            f"the rows have no common schema in Parquet ({error}), as where only some hold images: write "
            ".jsonl"
        ) from None
    pq.write_table(table, path, compression="zstd")
    return table.num_rows
