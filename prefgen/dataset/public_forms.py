"""The forms of well-known preference datasets, told by their columns, as rows of prompt, chosen and rejected.

docs/data.md has the table. A form is recognised only where every column is there that it needs; what a row
says that is no preference (a tie, a label of another kind) is one line, and never a guess.
"""

from collections.abc import Callable, Mapping
from typing import Any

from prefgen.dataset.cells import as_number, as_truth, decoded, describe, is_list, is_missing
from prefgen.dataset.columns import ASKED_ABOUT, INPUT_COLUMNS, prompt_messages
from prefgen.dataset.conversation import OTHER_ROLES
from prefgen.errors import RecipeError
from prefgen.transport.openai_protocol import encode_message

Row = Mapping[str, Any]
OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "score_chosen": ("chosen_score", "chosen_rating", "chosen-rating", "rating_chosen"),
    "score_rejected": ("rejected_score", "rejected_rating", "rejected-rating", "rating_rejected"),
    "chosen_model": ("chosen-model", "model_chosen"),
    "rejected_model": ("rejected-model", "model_rejected"),
}
"""{column: what others call it}."""
ASKED_COLUMNS = ("prompt", "question", "instruction", "query", "input")
"""Where a pair's prompt stands, the first of these that is there."""


def known_form(row: Row, where: str) -> Row:
    """The row with prompt, chosen and rejected, where it is of a known form; else as it is. Raises
    RecipeError for a row of a known form that is no preference.
    """
    for needed, read in _FORMS:
        if needed <= set(row):
            return read(row, where)
    if "chosen" in row and "rejected" in row:
        return _with_prompt(_with_usual_names(row), where)
    return row


def _with_usual_names(row: Row) -> Row:
    """A pair with scores and models under this project's names."""
    renamed = {
        ours: row[theirs]
        for ours, names in OTHER_NAMES.items()
        if is_missing(row.get(ours))
        for theirs in names[::-1]
        if not is_missing(row.get(theirs))
    }
    if not renamed:
        return row
    taken = {name for names in OTHER_NAMES.values() for name in names}
    return {**{name: value for name, value in row.items() if name not in taken}, **renamed}


def _with_prompt(row: Row, where: str) -> Row:
    """A pair whose prompt stands under another name, or as an instruction with the input that it is about, or
    after a history.
    """
    if is_missing(row.get("history")) and not is_missing(row.get("prompt")):
        return row
    chosen = decoded(row["chosen"])
    if is_list(chosen) and not _is_answer(chosen):  # a whole conversation
        return row
    name = next((name for name in ASKED_COLUMNS if not is_missing(row.get(name))), None)
    if name is None:
        return row
    asked_about = INPUT_COLUMNS if name in ASKED_ABOUT else ()
    beside = {column for column in (*asked_about, "history") if not is_missing(row.get(column))}
    asked = row[name]
    if beside:  # read as a prompt of the same columns is
        asks = {column: row[column] for column in (name, *beside)}
        asked = [encode_message(message) for message in prompt_messages(asks, {"prompt": name}, where)]
        if len(asked) == 1 and asked[0]["role"] == "user":
            asked = asked[0]["content"]
    return {**{key: value for key, value in row.items() if key not in {name, *beside}}, "prompt": asked}


def _is_answer(turns: Any) -> bool:
    first = turns[0] if turns else None
    role = (first.get("role") or first.get("from")) if isinstance(first, Mapping) else None
    return OTHER_ROLES.get(str(role), role) == "assistant"


def _pair(row: Row, used: set[str], prompt: Any, chosen: Any, rejected: Any, **more: Any) -> Row:
    rest = {name: value for name, value in row.items() if name not in used}
    return {**rest, "prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


def _pku_safe_rlhf(row: Row, where: str) -> Row:
    """PKU-SafeRLHF: `better_response_id` is the one that helps more; `--columns better_response_id=
    safer_response_id` takes the safer one.
    """
    better = as_number(row["better_response_id"], "better_response_id", where)
    if better not in (0, 1):
        found = describe(row["better_response_id"])
        raise RecipeError(f"better_response_id must be 0 or 1, found {found}", where)
    sides = [row["response_0"], row["response_1"]]
    used = {"response_0", "response_1", "better_response_id"}
    return _pair(row, used, row["prompt"], sides[int(better)], sides[1 - int(better)])


def _helpsteer3(row: Row, where: str) -> Row:
    """HelpSteer3: a preference from -3 (response1) to 3 (response2); 0 is a tie and makes no pair."""
    chosen, rejected = _by_strength(row, "overall_preference", ("response1", "response2"), where)
    used = {"context", "response1", "response2", "overall_preference", "individual_preference"}
    more = {"category": row["domain"]} if isinstance(row.get("domain"), str) else {}
    return _pair(row, used, row["context"], chosen, rejected, **more)


def _helpsteer2(row: Row, where: str) -> Row:
    """HelpSteer2-preference: a strength from -3 (response_1) to 3 (response_2)."""
    chosen, rejected = _by_strength(row, "preference_strength", ("response_1", "response_2"), where)
    return _pair(row, {"response_1", "response_2", "preference_strength"}, row["prompt"], chosen, rejected)


def _by_strength(row: Row, column: str, sides: tuple[str, str], where: str) -> tuple[Any, Any]:
    """(chosen, rejected) by a preference that is below 0 for the first side and above 0 for the second."""
    strength = as_number(row[column], column, where)
    if strength is None or strength == 0:
        raise RecipeError(f"{column} is 0 or missing: neither response is preferred", where)
    first, second = (row[side] for side in sides)
    return (first, second) if strength < 0 else (second, first)


def _shp(row: Row, where: str) -> Row:
    """SHP: `labels` is 1 where the comment A is preferred."""
    sides = [row["human_ref_B"], row["human_ref_A"]]
    prefers_a = as_truth(row["labels"], "labels", where)
    used = {"history", "human_ref_A", "human_ref_B", "labels"}
    return _pair(row, used, row["history"], sides[prefers_a], sides[not prefers_a])


def _argilla_status(row: Row, where: str) -> Row:
    """Argilla's orca pairs: `status: tie` is no preference."""
    if row["status"] == "tie":
        raise RecipeError("status is 'tie': neither side is preferred", where)
    dropped = {"status", "generations", "order", "rating"}
    if is_missing(row.get("rejected_score")):  # the score of one side alone is none of a pair
        dropped |= {"chosen_score", "rejected_score"}
    kept = {k: v for k, v in row.items() if k not in dropped}
    return _with_prompt(_with_usual_names(kept), where)


def ranked_answers(row: Row, where: str) -> list[tuple[str, str, float]] | None:
    """(text, model, rank from 1) of each answer of a ranked row; None for another row. Raises RecipeError for
    ranks that are none.
    """
    answers = decoded(row.get("answers"))
    if not is_list(answers) or not all(isinstance(a, Mapping) and "rank" in a for a in answers):
        return None
    ranked: list[tuple[str, str, float]] = []
    for answer in answers:
        rank = as_number(answer["rank"], "rank", where)
        if rank is None or not 1 <= rank <= len(answers):
            raise RecipeError(
                f"a rank lies within 1 and {len(answers)}, found {describe(answer['rank'])}", where
            )
        ranked.append((answer.get("answer", answer.get("text")), str(answer.get("model") or "unknown"), rank))
    return ranked if len(ranked) > 1 else None


def _ranked(row: Row, where: str) -> Row:
    """Nectar: answers with ranks are no pair; as records they are read whole."""
    if not is_list(decoded(row["answers"])):
        raise RecipeError(f"answers must be a list, found {describe(row['answers'])}", where)
    raise RecipeError("ranked answers are no pair: `use: records` reads them, with their ranks", where)


_FORMS: tuple[tuple[set[str], Callable[[Row, str], Row]], ...] = (
    ({"prompt", "response_0", "response_1", "better_response_id"}, _pku_safe_rlhf),
    ({"context", "response1", "response2", "overall_preference"}, _helpsteer3),
    ({"prompt", "response_1", "response_2", "preference_strength"}, _helpsteer2),
    ({"history", "human_ref_A", "human_ref_B", "labels"}, _shp),
    ({"chosen", "rejected", "status", "input"}, _argilla_status),
    ({"prompt", "answers", "turns"}, _ranked),
)
"""(columns that a form needs, its reader)."""
