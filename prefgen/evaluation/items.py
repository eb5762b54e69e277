"""Items with answers of which some are right, from the forms in which such files are found, all read as one."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefgen.dataset.pair import pair_messages
from prefgen.dataset.read_files import rows_of
from prefgen.errors import RecipeError
from prefgen.types import content_id

FORMS = "{prompt, corrects, incorrects}, {question, choices, answer}, {input, target_scores} or {prompt, chosen, rejected}"
Turns = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Item:
    """A prompt, at least two answers, and which of them (by place) are right."""

    id: str
    prompt: Turns
    choices: Sequence[Turns]
    right: frozenset[int]
    category: str = ""


def read_items(path: Path) -> list[Item]:
    """The items of a file (JSONL, JSON, CSV or Parquet). Raises RecipeError, with the place of what is not one."""
    if not path.is_file():
        raise RecipeError(f"there is no file {str(path)!r}")
    items = [_item(row, where) for where, row in _rows(path)]
    if not items:
        raise RecipeError(f"{str(path)!r} holds no item")
    seen: Counter[str] = Counter()
    for place, item in enumerate(items):
        if seen[item.id]:  # the same item again is another one
            items[place] = replace(item, id=f"{item.id}/{seen[item.id]}")
        seen[item.id] += 1
    return items


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if path.suffix == ".json":
        try:
            whole = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as wrong:
            raise RecipeError(f"cannot be read: {wrong}", str(path)) from None
        if isinstance(whole, dict) and isinstance(whole.get("examples"), list):  # a task of BIG-bench
            yield from ((f"{path} example {i}", row) for i, row in enumerate(whole["examples"], 1))
            return
    yield from rows_of(path, str(path))


def _item(row: Mapping[str, Any], where: str) -> Item:
    if not isinstance(row, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - of a file
        raise RecipeError(f"is no item: expected {FORMS}, found {row!r}"[:200], where)
    try:
        prompt, choices, right = _parts(row, where)
    except (KeyError, TypeError, ValueError, IndexError) as wrong:
        raise RecipeError(
            f"is no item: expected {FORMS}, found {', '.join(map(str, row))} ({wrong})", where
        ) from None
    if len(choices) < 2 or not 0 < len(right) < len(choices):
        raise RecipeError(
            f"an item needs a right and a wrong answer, found {len(choices)} answers of which {len(right)} are right",
            where,
        )
    category = str(row.get("category") or row.get("subset") or row.get("subject") or "")
    return Item(
        content_id("item", [list(prompt), [list(c) for c in choices], sorted(right)]),
        prompt,
        choices,
        frozenset(right),
        category,
    )


def _parts(row: Mapping[str, Any], where: str) -> tuple[Turns, list[Turns], set[int]]:
    if "corrects" in row:
        corrects, wrong = _several(row["corrects"]), _several(row["incorrects"])
        return _asked(row["prompt"]), [_said(text) for text in corrects + wrong], set(range(len(corrects)))
    if "target_scores" in row:
        if not isinstance(row["target_scores"], Mapping):
            raise ValueError("target_scores is no {answer: score}")
        scores = [(text, float(score)) for text, score in row["target_scores"].items() if score is not None]
        best = max(score for _, score in scores)
        return (
            _asked(row["input"]),
            [_said(text) for text, _ in scores],
            {i for i, (_, score) in enumerate(scores) if score == best},
        )
    if "choices" in row:
        choices = row["choices"]
        labels: list[str] = []
        if isinstance(choices, Mapping):  # ARC
            choices, labels = choices["text"], [str(label) for label in choices["label"]]
        choices = _several(choices)
        answer = row.get("answerKey", row.get("answer"))
        return (
            _asked(row.get("question", row.get("prompt"))),
            [_said(text) for text in choices],
            {_place(answer, choices, labels)},
        )
    prompt, chosen, rejected = pair_messages(row, where)
    return prompt, [chosen, rejected], {0}


def _several(answers: Any) -> list[Any]:
    """A text is one answer, and not as many as it has letters. Raises ValueError."""
    if isinstance(answers, str) or not isinstance(answers, Iterable):
        raise ValueError(f"expected a list of answers, found {answers!r}")
    return list(answers)


def _place(answer: Any, choices: Sequence[str], labels: Sequence[str]) -> int:
    if isinstance(answer, bool) or answer is None:
        raise ValueError(f"answer is {answer!r}")
    if isinstance(answer, int):
        place = answer
    elif answer in labels:
        place = labels.index(answer)
    elif answer in choices:
        place = list(choices).index(answer)
    elif isinstance(answer, str) and len(answer) == 1 and answer.isalpha():
        place = ord(answer.upper()) - ord("A")
    elif isinstance(answer, str) and answer.isdigit():
        place = int(answer)
    else:
        raise ValueError(f"answer {answer!r} is none of the choices")
    if not 0 <= place < len(choices):
        raise ValueError(f"answer {answer!r} names no choice of {len(choices)}")
    return place


def _asked(prompt: Any) -> Turns:
    if not prompt:
        raise ValueError("the prompt is empty")
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    return [{"role": str(turn["role"]), "content": str(turn["content"])} for turn in prompt]


def _said(text: Any) -> Turns:
    if not isinstance(text, str) or not text:
        raise ValueError(f"an answer is {text!r}")
    return [{"role": "assistant", "content": text}]
