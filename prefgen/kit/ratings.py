"""What judges share: a rating from one reply, the probability of a label or the expected number from
log-probabilities, votes.
"""

import math
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from prefgen.errors import PluginError, ReplyError, TruncatedReply, UnreadableReply, first_problem
from prefgen.kit.gather import gather, gather_settled
from prefgen.kit.replies import ParseFailure, ask_and_parse, json_object, parse_rating
from prefgen.kit.templates import render
from prefgen.roles import Ask, Verdict
from prefgen.text.near_duplicates import group_by_text
from prefgen.types import Comparison, Message, Prompt, Reply, Response, Score, Value, system, user

V = TypeVar("V", bound=Value)
LABEL_TOKENS = 4
"""Room for a label and for what some models write before it (a space, a bracket)."""
MIN_LABEL_MASS = 0.2
"""What the labels must have together where the model writes something else: less is no answer but noise."""
TOP_LOGPROBS = 20
"""Alternatives that are asked for at each place: the most that servers give."""


def conversation_for_judge(prompt: Prompt) -> list[Message]:
    """The conversation as judges see it: without system turns, which were not written to them."""
    return [m for m in prompt.messages if m.role != "system"]


def judge_messages(template: str, **values: Any) -> list[Message]:
    """The judge's system text, and the rendered question."""
    return [system(render("judges/judge_system.j2")), user(render(template, **values))]


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


_LABELLED = re.compile(r"(?:rating|score)[ \t]*[*_]*[ \t]*[:=][ \t]*([^\n]+)", re.IGNORECASE)


def read_rating(reply: Reply, scale: tuple[float, float]) -> tuple[float, str]:
    """(rating, rationale) of a reply in JSON, or in text by its last labelled number. Raises Unread."""
    text = reply.text
    try:
        fields = json_object(text)
    except ParseFailure:
        matches = _LABELLED.findall(text)
        if not matches:
            raise ParseFailure("no_rating", f"expected a labelled rating, found {text[:120]!r}") from None
        value = parse_rating(matches[-1], scale)
        preamble = text[: text.rfind(matches[-1])]
        return _require_number(value), _LABELLED.sub("", preamble[: preamble.rfind("\n") + 1]).strip()
    rationale = fields.get("rationale", "")
    if "rating" not in fields:
        raise ParseFailure("missing_field", f"expected a field 'rating', found {sorted(fields)}")
    return _require_number(parse_rating(fields["rating"], scale)), rationale if isinstance(
        rationale, str
    ) else ""


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
        all_verdicts += verdicts
        all_verdicts += [
            v.replacing(response_id=duplicate.id)
            for duplicate in group[1:]
            for v in verdicts
            if isinstance(v, Score)
        ]
    return all_verdicts


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


def read_metadata(prompt: Prompt, key: str, kind: type[V], judge: str) -> list[V]:
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
    ask: Ask, model: str, messages: Sequence[Message], response: Response, aspect: str, scale: tuple[float, float], *,
    samples: int = 1, min_valid: int = 1, **options: Any,
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


def label_probabilities_in(reply: Reply, labels: Sequence[str]) -> list[float] | None:
    """The probability of each label at the first place where one of them is likely, normalised over the
    labels.

    None when the server gave no log-probabilities. A label that is not among the alternatives counts with the
    most that it can have (no more than the least likely of them, nor than what they leave), never with zero.
    Raises Unread when none of the labels is there.
    """
    for place in reply.logprobs:
        alternatives = [(choice.token, choice.logprob) for choice in place.top] or [
            (place.token, place.logprob)
        ]
        masses: dict[str, float] = {}
        for token, logprob in alternatives:
            token_text = token.strip().strip("()[].:\"'*").casefold()
            if token_text:
                masses[token_text] = masses.get(token_text, 0.0) + math.exp(logprob)
        label_masses = [masses.get(label.casefold()) for label in labels]
        written_text = place.token.strip().strip("()[].:\"'*").casefold()
        if (
            written_text in {label.casefold() for label in labels}
            or math.fsum(mass or 0.0 for mass in label_masses) >= MIN_LABEL_MASS
        ):
            probabilities = [math.exp(logprob) for _, logprob in alternatives]
            remainder = (1 - math.fsum(probabilities)) / max(1, label_masses.count(None))
            missing_mass = max(1e-9, min(*probabilities, remainder))
            bounded_masses = [missing_mass if mass is None else mass for mass in label_masses]
            return [mass / math.fsum(bounded_masses) for mass in bounded_masses]
        if written_text:
            break  # the answer begins here, and it is none of the labels
    if not reply.logprobs:
        return None
    raise ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {reply.text[:60]!r}")


def parse_label(text: str, labels: Sequence[str]) -> str:
    """The one label that a reply gives: alone, after the last "answer" or "verdict", or as "text A" or "A is
    better". Raises Unread.
    """
    known_labels = {label.casefold(): label for label in labels}
    matches = re.findall(
        r"(?:answer|verdict|choice|rating|score)\b[^\n]*?[:=][\s*_(\[\"']*(\w+)(?![.,/]?\w)",
        text,
        re.IGNORECASE,
    )
    for candidate in (text.strip().strip("()[].:\"'*"), matches[-1] if matches else ""):
        if candidate.casefold() in known_labels:
            return known_labels[candidate.casefold()]
    alternation = "|".join(map(re.escape, labels))
    mentions = re.findall(
        rf"\b(?:[Tt]ext|[Rr]eply|[Rr]esponse|[Oo]ption)\s+({alternation})(?![\w.,/]*\w)", text
    )
    mentions += re.findall(rf"(?<![\w.,/-])({alternation})\s+(?:is|was|wins|seems|would be)\b", text)
    if len(set(mentions)) == 1 and not re.search(
        r"\b(?:not|neither|nor|both|equally)\b", text, re.IGNORECASE
    ):
        return mentions[0]
    raise ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {text[:120]!r}")


async def sample_votes(
    ask: Ask,
    model: str,
    messages: Sequence[Message],
    count: int,
    reader: Callable[[Reply], Any],
    **options: Any,
) -> tuple[list[Any], list[ReplyError]]:
    """`count` sampled replies, read: (what was read, what could not be). A vote that cannot be read is lost
    alone and not asked again.
    """

    async def ask_vote(number: int) -> Any:
        reply = await ask(model, messages, sample=number, **options)
        try:
            return reader(reply)
        except ParseFailure as error:
            raise UnreadableReply(
                str(error), code=error.complaint, replies=(reply.text,), keys=(reply.key,)
            ) from None

    outcomes = await gather_settled(ask_vote(number) for number in range(count))
    return [v for v in outcomes if not isinstance(v, ReplyError)], [
        v for v in outcomes if isinstance(v, ReplyError)
    ]


async def label_probabilities(
    ask: Ask, model: str, messages: Sequence[Message], labels: Sequence[str], *, fallback: int
) -> tuple[list[float], str]:
    """(probability of each label, how it was read): from log-probabilities, or from `fallback` sampled
    replies where there are none.

    Raises UnreadableReply when neither gives one of the labels.
    """
    reply = await ask(model, messages, logprobs=TOP_LOGPROBS, max_tokens=LABEL_TOKENS, temperature=0)
    try:
        probabilities = label_probabilities_in(reply, labels)
    except ParseFailure as error:
        raise UnreadableReply(
            str(error), code=error.complaint, replies=(reply.text,), keys=(reply.key,)
        ) from None
    if probabilities is not None:
        return probabilities, "logprobs"
    voted_labels, errors = await sample_votes(
        ask, model, messages, fallback, lambda r: parse_label(r.text, labels), temperature=1.0, max_tokens=16
    )
    if not voted_labels:
        raise errors[0] if errors else TruncatedReply("no vote was cast")
    return [voted_labels.count(label) / len(voted_labels) for label in labels], "votes"


def copy_comparisons(
    verdicts: Sequence[Verdict | ReplyError], groups: Iterable[Sequence[Response]], aspect: str
) -> list[Comparison]:
    """What comparisons of the first of each group (`group_by_text`) say of the others, which have the same
    text; between two of them it is even.
    """
    copies = []
    for group in groups:
        for duplicate in group[1:]:
            copies.append(
                Comparison(
                    first_id=group[0].id,
                    second_id=duplicate.id,
                    probability=0.5,
                    aspect=aspect,
                    rationale="the two are equal",
                )
            )
            for verdict in verdicts:
                if (
                    isinstance(verdict, Comparison)
                    and verdict.aspect == aspect
                    and group[0].id in (verdict.first_id, verdict.second_id)
                ):
                    id_field = "first_id" if verdict.first_id == group[0].id else "second_id"
                    copies.append(verdict.replacing(**{id_field: duplicate.id}))
    return copies
