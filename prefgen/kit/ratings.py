"""What judges that rate share: a rating from one reply, several of them, and the same for the same text."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, TypeVar

from pydantic import ValidationError

from prefgen.errors import PluginError, ReplyError, first_problem
from prefgen.kit.fields_beside import reasons_beside
from prefgen.kit.gather import gather, gather_settled
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.rating_doubts import has_other_scale, is_contradicted, is_doubted_outside
from prefgen.kit.replies import ask_and_parse
from prefgen.kit.reply_json import field_name, holds_object, json_object
from prefgen.kit.reply_ratings import Scale, parse_rating, rating_in_text
from prefgen.kit.votes import sample_votes
from prefgen.roles import Ask, Verdict
from prefgen.text.near_duplicates import group_by_text
from prefgen.types import Comparison, Critique, Message, Prompt, Reply, Response, Score, Value

MetadataValue = TypeVar("MetadataValue", bound=Value)
ONE_TO_FIVE = (1.0, 5.0)


def rating_schema(
    low: float, high: float, *, whole: bool = True, reason: str = "rationale"
) -> dict[str, Any]:
    """{rationale, rating}: the reason comes first, so that the rating follows from it."""
    kind = "integer" if whole else "number"
    bounds = {"minimum": int(low) if whole else low, "maximum": int(high) if whole else high}
    return {
        "title": "rating",
        "type": "object",
        "properties": {reason: {"type": "string"}, "rating": {"type": kind, **bounds}},
        "required": [reason, "rating"],
        "additionalProperties": False,
    }


RATING_FIELDS = ("rating", "score", "overall_rating", "overall_score", "final_rating", "final_score")
"""Names under which an object may hold its rating."""
_TOP_WORDS = frozenset((
    "scale", "max", "maximum", "highest", "range", "denominator", "possible", "ceiling", "top",
))  # fmt: skip
_NUMBERS = re.compile(r"\d+(?:\.\d+)?")
USUAL_FIELDS = frozenset({"rationale", "rating", "types"})


def read_rating(reply: Reply, scale: Scale) -> tuple[float, str]:
    """(rating, rationale) of a reply: a JSON object, or words with a rating line. Raises ParseFailure."""
    text = reply.text
    if not holds_object(text):
        rating = rating_in_text(text, scale)
        return _require_number(rating.value), rating.rationale
    fields = json_object(text)
    if len(fields) == 1 and isinstance(inside := fields.get("text_1", fields.get("text")), dict):
        fields = inside
    rationale = fields.get("rationale", "")
    rating = _require_number(rating_in_object(fields, scale))
    if is_doubted_outside(text, rating, scale):
        raise ParseFailure("ambiguous", f"expected a rating and its reasons, found {text[:120]!r}")
    return rating, rationale if isinstance(rationale, str) else ""


def rating_in_object(
    fields: Mapping[str, Any], scale: Scale, *, not_applicable: bool = False, may_doubt: bool = True
) -> float | None:
    """The rating that an object holds under a name that means one (None for N/A); two must be equal, and its
    reasons must not speak of another (looked at only with `may_doubt`). Raises ParseFailure.
    """
    if not may_doubt and fields.keys() <= USUAL_FIELDS and type(fields.get("rating")) is int:
        return parse_rating(fields["rating"], scale)  # as nearly all are
    named = {field_name(name): value for name, value in fields.items()}
    counted = {name: value for name, value in named.items() if name in RATING_FIELDS}
    tops = {name: value for name, value in named.items() if name not in counted and _is_of_scale(name)}
    if any(not _is_top_of(scale, value) for value in tops.values() if value is not None):
        raise ParseFailure("out_of_scale", f"expected a rating on its scale, found {fields!r:.120}")
    ratings = {parse_rating(value, scale, not_applicable=not_applicable) for value in counted.values()}
    if len(ratings) != 1 or len(named) != len(fields):
        code = "ambiguous" if ratings else "missing_field"
        raise ParseFailure(code, f"expected a field 'rating', found {sorted(fields)}")
    rating = ratings.pop()
    others = {name: value for name, value in named.items() if name not in counted and name not in tops}
    reasons = reasons_beside(others)
    if is_contradicted(reasons, rating, scale) or has_other_scale(reasons, scale, rating):
        raise ParseFailure("ambiguous", f"expected reasons for the rating, found {reasons[:120]!r}")
    return rating


def may_doubt_ratings(text: str, digits: int) -> bool:
    """Whether the reasons of an object may hold a word against its ratings: more digits than the `digits` of
    its keys and values, a null in the place of one, or a word that takes a rating back, gives one or turns
    the texts round. Quick, since it is asked of every reply.
    """
    spelled = text.encode()
    if len(spelled) - len(spelled.translate(None, b"0123456789")) != digits:
        return True
    words = frozenset(spelled.translate(_IN_SMALL_WORDS).split())
    is_number = not words.isdisjoint(_NUMBER_WORDS) and _ENDS_ON_NUMBER.search(spelled) is not None
    return is_number or not words.isdisjoint(_SECOND_THOUGHTS)


_SECOND_THOUGHTS = frozenset(
    b"null wait oops hold scratch strike mistake mistaken bad reflection reconsideration thought"
    b" thoughts look inspection let kidding joking guess lower lowered lowering raise raised raising"
    b" change changed changing revise revised revising reconsider reconsidered adjust adjusted"
    b" adjusting corrected correction downgrade downgraded upgrade upgraded update updated deduct"
    b" deducted subtract subtracted retract meant misread misjudged wrong swap swapped swaps exchanged"
    b" reversed reverse switched mislabeled mislabelled versa round around called named renamed"
    b" denotes sorry actually edit hmm back lowest highest bottom worst marks grade score excellent"
    b" perfect flawless outstanding superb wonderful terrible awful useless horrible worthless".split()
)
_NUMBER_WORDS = frozenset((b"one", b"two", b"three", b"four", b"five"))
_ENDS_ON_NUMBER = re.compile(rb"\b(?:one|two|three|four|five)(?: stars?| points?)?[^ \w]", re.IGNORECASE)
_IN_SMALL_WORDS = bytes(
    n + 32 if 65 <= n <= 90 else n if 97 <= n <= 122 or n > 127 else 32 for n in range(256)
)


def _is_of_scale(name: str) -> bool:
    return "out_of" in name or bool(_TOP_WORDS & set(name.split("_")))


def _is_top_of(scale: Scale, value: Any) -> bool:
    """Whether a value ("5", "1-5", [1, 5]) names this scale: its top, and its bottom where there are two."""
    numbers = [float(number) for number in _NUMBERS.findall(str(value))]
    return numbers in ([scale[1]], list(scale))


def _require_number(value: float | None) -> float:
    if value is None:
        raise ParseFailure("no_rating", "the rating is not applicable, which this judge does not know")
    return value


def check_samples(samples: int, min_valid: int, temperature: float | None) -> None:
    """Raises ValueError where several samples would be one, or where no number of them could be enough."""
    if min_valid > samples:
        raise ValueError(f"min_valid is {min_valid} and only {samples} are asked for")
    if samples > 1 and temperature == 0:
        raise ValueError("several samples at temperature 0 are one: give a temperature above 0")


async def ask_rating(
    ask: Ask, model: str, messages: Sequence[Message], scale: tuple[float, float], **options: Any
) -> tuple[float, str]:
    """Ask for a rating; one that cannot be read is asked for once more. Raises UnreadableReply."""
    result, _ = await ask_and_parse(ask, model, messages, lambda reply: read_rating(reply, scale), **options)
    return result


async def rate_each_text(
    responses: Sequence[Response], rate: Callable[[Response], Awaitable[Sequence[Verdict | ReplyError]]]
) -> list[Verdict | ReplyError]:
    """What `rate` says of each response, asked once where several have the same text: the same answer has the
    same rating.
    """
    groups = group_by_text(responses)
    all_verdicts: list[Verdict | ReplyError] = []
    for group, verdicts in zip(groups, await gather(rate(group[0]) for group in groups), strict=True):
        all_verdicts += copy_to_equal_texts(verdicts, [group])
    return all_verdicts


def copy_to_equal_texts(
    verdicts: Sequence[Verdict | ReplyError], groups: Iterable[Sequence[Response]]
) -> list[Verdict | ReplyError]:
    """The verdicts, and those on the first of each group (`group_by_text`) for the others of it too."""
    copies = [
        v.replacing(response_id=duplicate.id)
        for group in groups
        for duplicate in group[1:]
        for v in verdicts
        if isinstance(v, Score | Critique) and v.response_id == group[0].id
    ]
    return [*verdicts, *copies]


async def judge_each(
    responses: Sequence[Response], rate: Callable[[Response], Awaitable[Verdict]]
) -> list[Verdict | ReplyError]:
    """`rate_each_text` for a judge that gives one verdict a response, or raises ReplyError."""
    return await rate_each_text(responses, lambda response: gather_settled([rate(response)]))


def not_applicable_scores(
    ids: Iterable[str], aspect: str, scale: tuple[float, float], rationale: str
) -> list[Score]:
    """Scores that do not apply to these responses: covered, and neither low nor high."""
    return [Score(response_id=i, aspect=aspect, value=None, scale=scale, rationale=rationale) for i in ids]


def read_metadata(prompt: Prompt, key: str, kind: type[MetadataValue], judge: str) -> list[MetadataValue]:
    """What a prompt's metadata holds for a judge under `key`: a list of `kind`, or one text. Raises
    PluginError.
    """
    value: Any = prompt.metadata.get(key) or ()
    try:
        return [kind.model_validate(item) for item in ([value] if isinstance(value, str) else value)]
    except (ValidationError, TypeError) as error:
        detail = first_problem(error)[1] if isinstance(error, ValidationError) else str(error)
        raise PluginError(
            f"{judge}: metadata.{key} of prompt {prompt.id[:12]} cannot be read: {detail}"
        ) from None


def check_scale(scale: tuple[float, float]) -> None:
    """Raises ValueError unless the lower bound stands first."""
    if not scale[0] < scale[1]:
        raise ValueError(f"scale must be two numbers, the lower first; found {scale!r}")


async def ask_ratings(
    ask: Ask, model: str, messages: Sequence[Message], response: Response, aspect: str,
    scale: tuple[float, float], *, samples: int = 1, min_valid: int = 1, **options: Any,
) -> list[Score | ReplyError]:  # fmt: skip
    """`samples` ratings of one response, each a score of its own; with fewer than `min_valid` that can be
    read there is none.

    A single one that cannot be read is asked for once more with its error shown; of several each is lost
    alone.
    """
    if samples == 1:
        [outcome] = await gather_settled([ask_rating(ask, model, messages, scale, **options)])
        ratings, errors = ([], [outcome]) if isinstance(outcome, ReplyError) else ([outcome], [])
    else:
        ratings, errors = await sample_votes(
            ask, model, messages, samples, lambda reply: read_rating(reply, scale), **options
        )
    if len(ratings) < min_valid:
        return list(errors)
    scores = [
        Score(
            response_id=response.id,
            aspect=aspect,
            value=value,
            scale=scale,
            rationale=rationale or None,
            sample=number,
        )
        for number, (value, rationale) in enumerate(ratings)
    ]
    return [*scores, *errors]


def copy_comparisons(
    verdicts: Sequence[Verdict | ReplyError], groups: Iterable[Sequence[Response]], aspect: str
) -> list[Comparison]:
    """What comparisons of the first of each group (`group_by_text`) say of the others, which have the same
    text; between two of them it is even.
    """
    groups = list(groups)
    equal_ids = {group[0].id: [r.id for r in group] for group in groups}
    copies = [
        Comparison(
            first_id=a.id, second_id=b.id, probability=0.5, aspect=aspect, rationale="the two are equal"
        )
        for group in groups
        for a, b in combinations(group, 2)
    ]
    for verdict in verdicts:
        if isinstance(verdict, Comparison) and verdict.aspect == aspect:
            copies += [
                verdict.replacing(first_id=first_id, second_id=second_id)
                for first_id in equal_ids[verdict.first_id]
                for second_id in equal_ids[verdict.second_id]
                if (first_id, second_id) != (verdict.first_id, verdict.second_id)
            ]
    return copies
