"""Rows of pairs that keep a side within a conversation, or a conversation within a mapping: OpenAI's
preferences, ms-swift's messages with a rejected answer beside them, LLaMA-Factory's conversations with a tag,
and RewardBench's lists of one text.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.dataset.cells import as_messages_or_text, decoded, is_absent, is_list, is_missing
from prefgen.dataset.column_names import ASKING, Row
from prefgen.errors import RecipeError

_TOLD = frozenset(("chosen", "rejected", "messages", "prompt", "input"))


def without_nesting(row: Row, columns: Mapping[str, str], where: str) -> Row:
    """The row with its conversation and its sides in columns of their own; as it is where a mapping says
    what they are. Raises RecipeError for what would be lost.
    """
    if _TOLD & columns.keys():
        return row
    row = _with_texts_of_lists(row, where)
    if "preferred_output" in row:
        return _with_openai_input(row, where)
    if not is_missing(row.get("kto_tag")):
        return _with_label(row, "kto_tag", where)
    if _is_truth(row.get("label")):
        return _with_label(row, "label", where)
    if any(not is_missing(row.get(side)) for side in ("chosen", "rejected")) or is_missing(
        row.get("messages")
    ):
        return row
    if not is_missing(row.get("rejected_messages")):
        return _replaced(row, "rejected_messages", row["rejected_messages"], row["messages"])
    if isinstance(row.get("rejected_response"), str) and is_missing(row.get("chosen_response")):
        return _with_last_turn_chosen(row, where)
    return row


def _with_texts_of_lists(row: Row, where: str) -> Row:
    """RewardBench 2: a side is a list of texts; LMSYS' arena: so is the prompt, as JSON text. Raises
    RecipeError where there are several.
    """
    asked = next((name for name in ASKING if name in row and not is_missing(row[name])), "prompt")
    lists: dict[str, Sequence[Any]] = {}
    for name in (asked, "chosen", "rejected"):
        if not (texts := _texts_of_list(row.get(name))):
            break
        lists[name] = texts
    else:
        if (several := next((name for name, texts in lists.items() if len(texts) > 1), None)) is not None:
            raise RecipeError(
                f"{several} is a list of {len(lists[several])} texts, one of each round: save the "
                "conversations as messages of role and content",
                where,
            )
        return {**row, **{name: texts[0] for name, texts in lists.items()}}
    found: dict[str, str] = {}
    for side in ("chosen", "rejected"):
        texts = row.get(side)
        if is_list(texts) and texts and all(isinstance(text, str) for text in texts):
            if len(texts) > 1:
                raise RecipeError(f"{side} has {len(texts)} answers, and a pair has one a side", where)
            found[side] = texts[0]
    return {**row, **found} if found else row


def _texts_of_list(value: Any) -> Sequence[Any]:
    """The texts of a list, also as JSON text, some of which may be missing; none of another cell."""
    if isinstance(value, str) and value.lstrip()[:1] != "[":
        return ()
    texts: Any = decoded(value)
    if not is_list(texts) or not any(isinstance(text, str) for text in texts):
        return ()
    return texts if all(text is None or isinstance(text, str) for text in texts) else ()


def _is_truth(label: Any) -> bool:
    """Whether a label is true or false in so many words; 0 and 1 may be classes of a row."""
    return isinstance(label, bool) or (isinstance(label, str) and label.strip().casefold() in _TRUTHS)


_TRUTHS = ("true", "false")
_ANSWERED = ("completion", "completions", "responses", "answers", "chosen", "rejected", "rejected_response")


def _with_label(row: Row, tag: str, where: str) -> Row:
    """KTO with a conversation that ends with the answer, or `output`: LLaMA-Factory's has a `kto_tag`,
    ms-swift's a `label`.
    """
    answered = (*_ANSWERED, "label") if tag == "kto_tag" else (*_ANSWERED, "instruction")
    if any(not is_missing(row.get(name)) for name in answered):
        return row
    kept = {name: value for name, value in row.items() if name != tag}
    for name in ("conversations", "messages"):
        turns = as_messages_or_text(row.get(name), name, where)
        if is_list(turns) and len(turns) > 1 and _is_of_assistant(turns[-1]):
            return {**kept, name: list(turns[:-1]), "completion": [turns[-1]], "label": row[tag]}
    if not is_missing(row.get("instruction")) and isinstance(row.get("output"), str):
        return {**kept, "completion": row["output"], "label": row[tag]}
    return row


def _is_of_assistant(turn: Any) -> bool:
    return isinstance(turn, Mapping) and (turn.get("role") or turn.get("from")) in ("assistant", "gpt")


def _with_openai_input(row: Row, where: str) -> Row:
    """OpenAI's `input`: messages, and the tools that they are offered."""
    asked = decoded(row.get("input"))
    if not isinstance(asked, Mapping) or not is_list(asked.get("messages")):
        return row
    unread = [name for name in asked if name not in _OPENAI_KEYS and not is_missing(asked[name])]
    if unread:
        raise RecipeError(f"input has {unread[0]!r}, and would lose it", where)
    if is_missing(asked.get("tools")) or not asked["tools"]:
        return {**row, "input": asked["messages"]}
    if not is_absent(row.get("tools")):
        raise RecipeError("tools stand in input, and in a column of their own", where)
    return {**row, "input": asked["messages"], "tools": asked["tools"]}


_OPENAI_KEYS = frozenset(("messages", "tools", "parallel_tool_calls"))


def _with_last_turn_chosen(row: Row, where: str) -> Row:
    """ms-swift's: the conversation ends with the chosen answer, `rejected_response` is the other one."""
    turns = as_messages_or_text(row["messages"], "messages", where)
    last = turns[-1] if is_list(turns) and len(turns) > 1 else None
    if not _is_of_assistant(last):
        return row
    rejected = {"role": "assistant", "content": row["rejected_response"]}
    return {**_replaced(row, "rejected_response", [rejected], [last]), "messages": list(turns[:-1])}


def _replaced(row: Row, name: str, rejected: Any, chosen: Any) -> dict[str, Any]:
    left = {"messages", name}
    kept = {column: value for column, value in row.items() if column not in left}
    return {**kept, "chosen": chosen, "rejected": rejected}
