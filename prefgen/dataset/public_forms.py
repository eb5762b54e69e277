"""The forms of well-known preference datasets, told by their columns: which two answers a row holds, and
which of them it prefers.

docs/data.md has the table. What a row says that is no preference (a tie, a label of another kind) is one
line, and never a guess.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from prefgen.dataset.cells import (
    as_messages_or_text,
    as_number,
    as_truth,
    decoded,
    describe,
    is_absent,
    is_list,
    is_missing,
)
from prefgen.dataset.column_names import Row
from prefgen.dataset.verdicts import is_tie
from prefgen.errors import RecipeError

Sides = tuple[Any, Any]
"""(chosen, rejected)."""


class Form(NamedTuple):
    """A form of pairs: the columns that it `needs`, of which `says` holds the preference; `asks` is the
    column of its prompt, and `spent` are those beside the answers that say no more behind it.
    """

    needs: frozenset[str]
    says: str
    asks: str
    sides: Callable[[Row, str], Sides]
    spent: frozenset[str] = frozenset()


def filled_forms(row: Row) -> list[Form]:
    """The forms of which a row has every column that they need, filled."""
    names = row.keys()
    return [
        form
        for form in FORMS
        if form.needs <= names
        and not any(is_missing(row[name]) for name in form.needs)
        and (form.says != "completions" or _are_ranked(row["completions"]))
    ]


def form_of_columns(row: Row) -> Form | None:
    """The form whose columns a row has, whatever they hold."""
    names = row.keys()
    return next((form for form in FORMS if form.needs <= names and form.says != "completions"), None)


def _pku_safe_rlhf(row: Row, where: str) -> Sides:
    """PKU-SafeRLHF: `better_response_id` is the one that helps more; `--columns better_response_id=
    safer_response_id` takes the safer one.
    """
    better = as_number(row["better_response_id"], "better_response_id", where)
    if better not in (0, 1):
        found = describe(row["better_response_id"])
        raise RecipeError(f"better_response_id must be 0 or 1, found {found}", where)
    sides = [row["response_0"], row["response_1"]]
    return sides[int(better)], sides[1 - int(better)]


def _helpsteer3(row: Row, where: str) -> Sides:
    """HelpSteer3: a preference from -3 (response1) to 3 (response2); 0 is a tie and makes no pair."""
    return _by_strength(row, "overall_preference", ("response1", "response2"), where)


def _helpsteer2(row: Row, where: str) -> Sides:
    """HelpSteer2-preference: a strength from -3 (response_1) to 3 (response_2)."""
    return _by_strength(row, "preference_strength", ("response_1", "response_2"), where)


def _by_strength(row: Row, column: str, sides: tuple[str, str], where: str) -> Sides:
    """By a preference that is below 0 for the first side and above 0 for the second."""
    strength = as_number(row[column], column, where)
    if strength is None or strength == 0:
        raise RecipeError(f"{column} is 0 or missing: neither response is preferred", where)
    if abs(strength) > 3 or not strength.is_integer():
        raise RecipeError(f"{column} is a whole number from -3 to 3, found {describe(row[column])}", where)
    first, second = (row[side] for side in sides)
    return (first, second) if strength < 0 else (second, first)


def _shp(row: Row, where: str) -> Sides:
    """SHP: `labels` is 1 where the comment A is preferred."""
    sides = [row["human_ref_B"], row["human_ref_A"]]
    prefers_a = as_truth(row["labels"], "labels", where)
    return sides[prefers_a], sides[not prefers_a]


def _are_ranked(completions: Any) -> bool:
    items = decoded(completions)
    return (
        is_list(items)
        and bool(items)
        and all(isinstance(item, Mapping) and "completion" in item and "rank" in item for item in items)
    )


def _nemo_rl(row: Row, where: str) -> Sides:
    """NeMo-RL: of two completions the better one has the lower rank."""
    entries = decoded(row["completions"])
    if len(entries) != 2:
        raise RecipeError(f"a pair has two completions, found {len(entries)}", where)
    ranks = [as_number(entry["rank"], "rank", where) for entry in entries]
    if None in ranks or ranks[0] == ranks[1]:
        found = " and ".join(describe(entry["rank"]) for entry in entries)
        raise RecipeError(f"two completions need two ranks that differ, found {found}", where)
    order = [0, 1] if (ranks[0] or 0) < (ranks[1] or 0) else [1, 0]
    chosen, rejected = (entries[number]["completion"] for number in order)
    return chosen, rejected


def _ranked(row: Row, where: str) -> Sides:
    """Nectar: answers with ranks are no pair; as records they are read whole."""
    if not is_list(decoded(row["answers"])):
        raise RecipeError(f"answers must be a list, found {describe(row['answers'])}", where)
    raise RecipeError("ranked answers are no pair: `use: records` reads them, with their ranks", where)


def _openai(row: Row, where: str) -> Sides:
    """OpenAI's preferences."""
    return row["preferred_output"], row["non_preferred_output"]


def _responses(row: Row, where: str) -> Sides:
    return row["chosen_response"], row["rejected_response"]


def _arena(row: Row, where: str) -> Sides:
    """Chatbot Arena and MT-Bench: two whole conversations, and the model that won. Where `turn` says which
    answer was judged, what stands behind it was not.
    """
    winner = row["winner"]
    word = winner.strip().casefold() if isinstance(winner, str) else winner
    if word not in ("model_a", "model_b"):
        is_none = isinstance(word, str) and is_tie(word)
        found = "neither side is preferred" if is_none else "it names neither model_a nor model_b"
        raise RecipeError(f"winner is {describe(winner)}: {found}", where)
    turn = as_number(row.get("turn"), "turn", where)
    a, b = (_up_to_answer(row[name], turn, name, where) for name in ("conversation_a", "conversation_b"))
    return (a, b) if word == "model_a" else (b, a)


def _up_to_answer(conversation: Any, number: float | None, name: str, where: str) -> Any:
    """A conversation up to its answer of this number, from 1."""
    turns = as_messages_or_text(conversation, name, where)
    if number is None or not is_list(turns):
        return turns
    answers = [i for i, t in enumerate(turns) if isinstance(t, Mapping) and t.get("role") == "assistant"]
    if number not in range(1, len(answers) + 1):
        raise RecipeError(f"turn is {number:g}, and {name} has {len(answers)} answers", where)
    return list(turns[: answers[int(number) - 1] + 1])


FORMS = (
    Form(
        frozenset(("response_0", "response_1", "better_response_id")),
        "better_response_id", "prompt", _pku_safe_rlhf, frozenset(("better_response_id",)),
    ),
    Form(
        frozenset(("response1", "response2", "overall_preference")),
        "overall_preference", "context", _helpsteer3,
        frozenset(("overall_preference", "individual_preference")),
    ),
    Form(
        frozenset(("response_1", "response_2", "preference_strength")),
        "preference_strength", "prompt", _helpsteer2, frozenset(("preference_strength",)),
    ),
    Form(
        frozenset(("human_ref_A", "human_ref_B", "labels")),
        "labels", "history", _shp, frozenset(("labels",)),
    ),
    Form(frozenset(("preferred_output", "non_preferred_output")), "preferred_output", "input", _openai),
    Form(frozenset(("chosen_response", "rejected_response")), "chosen_response", "prompt", _responses),
    Form(
        frozenset(("conversation_a", "conversation_b", "winner")), "winner", "prompt", _arena,
        frozenset(("winner", "turn")),
    ),
    Form(frozenset(("completions",)), "completions", "context", _nemo_rl),
    Form(frozenset(("answers", "turns")), "answers", "prompt", _ranked),
)  # fmt: skip

ARGILLA_COLUMNS = ("generations", "order", "rating")
"""What stands beside the sides in Argilla's orca pairs."""
ARGILLA_WORDS = ("unchanged", "swapped")
"""Words of its `status` under which the sides stand as they are meant."""


def without_status(row: Row, where: str) -> Row:
    """A pair without what Argilla noted of it. Raises RecipeError where its `status` says that neither side
    is preferred, or says what is not known.
    """
    if "status" not in row:
        return row
    status = row["status"]
    word = status.strip().casefold() if isinstance(status, str) else status
    if word == "tie":
        raise RecipeError(f"status is {status!r}: neither side is preferred", where)
    noted = [name for name in ARGILLA_COLUMNS if name in row and not is_missing(row[name])]
    if not noted:
        return row
    if word not in ARGILLA_WORDS:
        raise RecipeError(
            f"status must be {', '.join(ARGILLA_WORDS)} or tie beside {noted[0]}, found {describe(status)}",
            where,
        )
    left = {"status", *ARGILLA_COLUMNS}
    if is_missing(row.get("rejected_score")):  # the score of one side alone is none of a pair
        left.add("chosen_score")
    return {name: value for name, value in row.items() if name not in left}


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
        model = "unknown" if is_absent(answer.get("model")) else str(answer["model"])
        ranked.append((answer.get("answer", answer.get("text")), model, rank))
    return ranked if len(ranked) > 1 else None
