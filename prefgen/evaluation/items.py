"""Items with answers of which some are right, from the forms in which such files are found, all read as
one.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefgen.dataset.conversation import taken_out
from prefgen.dataset.pair import pair_messages, text_of
from prefgen.dataset.read_files import read_rows
from prefgen.errors import RecipeError
from prefgen.text.taken_out import taken_out_digests
from prefgen.types import content_id

ITEM_FORMS = (
    "{prompt, corrects, incorrects}, {question, choices, answer}, {input, target_scores} or {prompt, "
    "chosen, rejected}"
)
ItemTurns = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Item:
    """A prompt, at least two answers, and which of them (by place) are right."""

    id: str
    prompt: ItemTurns
    choices: Sequence[ItemTurns]
    right: frozenset[int]
    category: str = ""


def read_items(path: Path) -> list[Item]:
    """The items of a file (JSONL, JSON, CSV or Parquet). Raises RecipeError, with the place of what is not
    one.
    """
    if not path.is_file():
        raise RecipeError(f"there is no file {str(path)!r}")
    items = [_parse_item(row, where) for where, row in _read_rows(path)]
    if not items:
        raise RecipeError(f"{str(path)!r} holds no item")
    seen: Counter[str] = Counter()
    for index, item in enumerate(items):
        if seen[item.id]:  # the same item again is another one
            items[index] = replace(item, id=f"{item.id}/{seen[item.id]}")
        seen[item.id] += 1
    return items


def _read_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if path.suffix == ".json":
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise RecipeError(f"cannot be read: {error}", str(path)) from None
        if isinstance(data, dict) and isinstance(data.get("examples"), list):  # a task of BIG-bench
            yield from ((f"{path} example {i}", row) for i, row in enumerate(data["examples"], 1))
            return
    yield from read_rows(path, str(path))


def _parse_item(row: Mapping[str, Any], where: str) -> Item:
    if not isinstance(row, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - of a file
        raise RecipeError(f"is no item: expected {ITEM_FORMS}, found {row!r}"[:200], where)
    try:
        prompt, choices, right = _parse_answers(row, where)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RecipeError(
            f"is no item: expected {ITEM_FORMS}, found {', '.join(map(str, row))} ({error})", where
        ) from None
    if len(choices) < 2 or not 0 < len(right) < len(choices):
        raise RecipeError(
            f"an item needs a right and a wrong answer, found {len(choices)} answers of which {len(right)} "
            "are right",
            where,
        )
    for text in map(text_of, (prompt, *choices)):
        if digests := taken_out_digests(text):
            raise RecipeError(f"an item {taken_out(digests[0], other_remedy='')}", where)
    category = str(row.get("category") or row.get("subset") or row.get("subject") or "")
    return Item(
        content_id("item", [list(prompt), [list(c) for c in choices], sorted(right)]),
        prompt,
        choices,
        frozenset(right),
        category,
    )


def _parse_answers(row: Mapping[str, Any], where: str) -> tuple[ItemTurns, list[ItemTurns], set[int]]:
    if "corrects" in row:
        corrects, incorrects = _answer_list(row["corrects"]), _answer_list(row["incorrects"])
        return (
            _prompt_turns(row["prompt"]),
            [_answer_turns(text) for text in corrects + incorrects],
            set(range(len(corrects))),
        )
    if "target_scores" in row:
        if not isinstance(row["target_scores"], Mapping):
            raise ValueError("target_scores is no {answer: score}")
        scores = [(text, float(score)) for text, score in row["target_scores"].items() if score is not None]
        best = max(score for _, score in scores)
        return (
            _prompt_turns(row["input"]),
            [_answer_turns(text) for text, _ in scores],
            {i for i, (_, score) in enumerate(scores) if score == best},
        )
    if "choices" in row:
        choices = row["choices"]
        labels: list[str] = []
        if isinstance(choices, Mapping):  # ARC
            choices, labels = choices["text"], [str(label) for label in choices["label"]]
        choices = _answer_list(choices)
        answer = row.get("answerKey", row.get("answer"))
        return (
            _prompt_turns(row.get("question", row.get("prompt"))),
            [_answer_turns(text) for text in choices],
            {_answer_index(answer, choices, labels)},
        )
    prompt, chosen, rejected = pair_messages(row, where)
    return prompt, [chosen, rejected], {0}


def _answer_list(answers: Any) -> list[Any]:
    """A text is one answer, and not as many as it has letters. Raises ValueError."""
    if isinstance(answers, str) or not isinstance(answers, Iterable):
        raise ValueError(f"expected a list of answers, found {answers!r}")
    return list(answers)


def _answer_index(answer: Any, choices: Sequence[str], labels: Sequence[str]) -> int:
    if isinstance(answer, bool) or answer is None:
        raise ValueError(f"answer is {answer!r}")
    if isinstance(answer, int):
        index = answer
    elif answer in labels:
        index = labels.index(answer)
    elif answer in choices:
        index = list(choices).index(answer)
    elif isinstance(answer, str) and len(answer) == 1 and answer.isalpha():
        index = ord(answer.upper()) - ord("A")
    elif isinstance(answer, str) and answer.isdigit():
        index = int(answer)
    else:
        raise ValueError(f"answer {answer!r} is none of the choices")
    if not 0 <= index < len(choices):
        raise ValueError(f"answer {answer!r} names no choice of {len(choices)}")
    return index


def _prompt_turns(prompt: Any) -> ItemTurns:
    if not prompt:
        raise ValueError("the prompt is empty")
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    return [{"role": str(turn["role"]), "content": str(turn["content"])} for turn in prompt]


def _answer_turns(text: Any) -> ItemTurns:
    if not isinstance(text, str) or not text:
        raise ValueError(f"an answer is {text!r}")
    return [{"role": "assistant", "content": text}]
