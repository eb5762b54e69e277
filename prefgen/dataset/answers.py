"""Answers that stand in a row as a list, as responses with their models and scores."""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.dataset.answer_groups import named_columns
from prefgen.dataset.cells import as_number, as_optional_text, decoded, describe, is_list, is_missing
from prefgen.dataset.comparing_names import saying_of_each
from prefgen.dataset.conversation import parse_conversation
from prefgen.dataset.flat_conversation import is_hh
from prefgen.errors import RecipeError
from prefgen.types import Response, Score

PARALLEL_COLUMNS = ("labels", "label", "preferences")
"""Columns that may say something of each answer, in lists of their own, beside those of scores and ranks."""


def answer_items(
    row: Mapping[str, Any], where: str, columns: Mapping[str, str] | None = None
) -> Sequence[Any]:
    """The answers that a row lists. Raises RecipeError where there is none, and for a list beside it that
    says something of each and is not understood: the answers may then be no answers, but steps of one.
    Answers that `columns` name are meant, whatever is beside them.
    """
    name = next((n for n in ("completions", "responses") if not is_missing(row.get(n))), None)
    items: Any = None if name is None else decoded(row[name])
    if name is None or not is_list(items):
        raise RecipeError(
            "no responses in this row: expected chosen and rejected, completions, responses, or completion "
            f"and label; found {', '.join(map(str, row))}. They can be named: columns: {{chosen: NAME, "
            "rejected: NAME}",
            where,
        )
    if name not in (columns or {}) and (column := _says_of_each(row, name, items)) is not None:
        raise RecipeError(
            f"{column} says something of each of the {name}, and what is not known (the scale of a rating is "
            f"not): take the answers alone (columns: {{{name}: {name}}})",
            where,
        )
    return items


def _says_of_each(row: Mapping[str, Any], name: str, items: Sequence[Any]) -> str | None:
    """A list as long as that of the answers, or a key of each of them, that says how good they are and is not
    read; UltraFeedback's overall scores stand beside ratings that are.
    """
    for column in (*PARALLEL_COLUMNS, *saying_of_each(named_columns(row))):
        values = decoded(row.get(column))
        if column != name and is_list(values) and len(values) == len(items):
            return column
    if items and all(isinstance(item, Mapping) and "annotations" not in item for item in items):
        rated = saying_of_each(tuple(key for key in items[0] if isinstance(key, str)))
        return next((key for key in rated if isinstance(items[0][key], int | float)), None)
    return None


def parse_answers(
    row: Mapping[str, Any], items: Sequence[Any], prompt_id: str, where: str
) -> tuple[list[Response], list[Score]]:
    """The answers, with the models that they or a list beside them name, and UltraFeedback's ratings. Raises
    RecipeError.
    """
    models = decoded(row.get("models"))
    models = models if is_list(models) and len(models) == len(items) else [None] * len(items)
    responses: list[Response] = []
    scores: list[Score] = []
    for i, item in enumerate(items):
        given: Mapping[str, Any] = item if isinstance(item, Mapping) else {}
        model = as_optional_text(given.get("model", models[i]), "model", where) or "unknown"
        response = parse_response(prompt_id, given.get("response", item), where, sample=i, model=model)
        scores += _ultrafeedback_scores(given, response.id, where) if "response" in given else []
        responses.append(response)
    return responses, scores


def _ultrafeedback_scores(item: Mapping[str, Any], response_id: str, where: str) -> list[Score]:
    annotations = decoded(item.get("annotations"))
    if is_missing(annotations):
        return []
    if not isinstance(annotations, Mapping):
        raise RecipeError(f"annotations must be a mapping by aspect, found {describe(annotations)}", where)
    scores = []
    for aspect, given in annotations.items():
        annotation: Any = given[0] if isinstance(given, list) and given else given
        rating = annotation.get("Rating") if isinstance(annotation, Mapping) else None
        if rating is None:
            continue
        is_na = str(rating).strip().upper() in ("N/A", "NA")
        value = None if is_na else as_number(rating, f"the rating of {aspect}", where)
        if value is not None and value not in (1, 2, 3, 4, 5):
            raise RecipeError(f"rating {rating!r} of {aspect!r} is none of 1 to 5 and N/A", where)
        rationale = annotation.get("Rationale")
        scores.append(
            Score(
                response_id=response_id,
                aspect=str(aspect),
                value=value,
                scale=(1, 5),
                judge="imported",
                rationale=rationale if isinstance(rationale, str) else None,
            )
        )
    return scores


def parse_response(
    prompt_id: str, value: Any, where: str, *, sample: int, model: str = "unknown"
) -> Response:
    """A response of one turn, or of several that end with the assistant's."""
    if isinstance(value, Mapping) and "content" not in value and isinstance(value.get("text"), str):
        value = value["text"]
    elif isinstance(value, Mapping):
        value = [{"role": "assistant", **value}]
    if isinstance(value, str) and is_hh(value):
        raise RecipeError(f"a response is a whole conversation in one text ({value.strip()[:40]!r})", where)
    turns = parse_conversation(value, where, name="a response", role="assistant")
    if turns[0].role != "assistant" or turns[-1].role != "assistant":
        roles = ", ".join(turn.role for turn in turns)
        raise RecipeError(f"a response must begin and end with the assistant's turn (roles: {roles})", where)
    return Response.of(prompt_id, turns, model=model, sample=sample, origin="imported")
