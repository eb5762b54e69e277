"""The probability of each label, by the log-probabilities of the tokens in which a reply gives it."""

import math
import re
from collections.abc import Mapping, Sequence

from prefgen.kit.answer_tokens import answer_tokens
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.reply_labels import label_in_text
from prefgen.types import Reply, TokenLogprob

MAX_UNKNOWN_MASS = 0.02
"""What a label may have of which it is not known whether it goes on: more could move the mean of ten ratings
by over a tenth.
"""
LEAST_MASS = 1e-9
ROUNDING = 0.05
"""By how much probabilities of half precision may be above 1."""
_LEAD_IN = re.compile(
    r"[\s*_`(\[{\"'#:.]*(?:(?:the|my)\b\s*)?(?:(?:final|overall|better|best)\b\s*)?"
    r"(?:answer|verdict|choice|winner|rating|score|text|reply|response|option|label|assistant)?(?:\s+is)?[\s*_`(\[{\"'#:.]*",
    re.IGNORECASE,
)
"""What a model may write before a label."""
_WORD_BEGINS = "▁Ġ"
"""How tokenizers spell the blank before a word."""


class UntoldLabel(ParseFailure):
    """A label begins a longer one, and the tokens do not say which of the two is meant."""


def label_probabilities_in(reply: Reply, labels: Sequence[str]) -> list[float] | None:
    """The probability of each label, normalised over the labels, at the place where the reply gives one:
    after markup, white space and words like "Answer:", which are stepped over as they were written.

    A label of several tokens ("10") is followed into the next place. None when the server gave no
    log-probabilities, or none of what it wrote. A label that is not among the alternatives counts with the
    most that it can have (no more than the least likely of them, nor than what they leave), never with zero.
    Raises ParseFailure when none of the labels is there, or when it cannot be told which one it is.
    """
    places = answer_tokens(reply)
    if not places:
        return None
    known = {label.casefold() for label in labels}
    number, written = _place_of_answer(places, known)
    is_cut = reply.finish_reason == "length"
    if number is None or not _is_verdict(places, number, written, labels, is_cut=is_cut):
        found = "".join(place.token for place in places)
        raise ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {found[:60]!r}")
    place, *later = places[number:]
    token, masses = _token_text(place.token).casefold(), _masses(place)
    if masses[token] <= LEAST_MASS:
        raise ParseFailure(
            "ambiguous", f"expected log-probabilities, found {place.logprob} of what was written"
        )
    followed = _followed(masses, known, token, later[0] if later else None)
    return _normalised(followed, labels, place)


def _place_of_answer(places: Sequence[TokenLogprob], known: set[str]) -> tuple[int | None, str]:
    """(the place where the answer begins, what was written before it); None where there is no answer."""
    written = ""
    for number, place in enumerate(places):
        token = _token_text(place.token)
        spelled = _blank(place.token) + token
        if token.casefold() in known or not _LEAD_IN.fullmatch(written + spelled):
            return number, written
        written += spelled
    return None, written


def _is_verdict(
    places: Sequence[TokenLogprob], number: int, written: str, labels: Sequence[str], *, is_cut: bool
) -> bool:
    """Whether the token at that place is a label, and the verdict of the whole reply."""
    known = {label.casefold() for label in labels}
    place, *later = places[number:]
    token, goes_on = _token_text(place.token), "".join(other.token for other in later)
    before = "".join(other.token for other in places[:number])
    if token.casefold() not in known or _GLUED.search(before + place.token):
        return False
    ratio = None if is_cut else _ratio_of(labels).match(goes_on)
    if ratio is not None:
        goes_on = goes_on[ratio.end() :]
    return (
        _is_no_word(written, token, labels)
        and (ratio is not None or _may_follow(token, later[0] if later else None, known))
        and _ends_here(written, goes_on, token, labels)
        and (not is_cut or _is_whole(written, token, goes_on, known))
    )


def _ratio_of(labels: Sequence[str]) -> re.Pattern[str]:
    """What may follow a rating of 1 to 10: "/10" or "out of 10"."""
    if len(labels) < 3 or not all(label.isdigit() for label in labels):
        return _NOTHING
    return re.compile(rf"\s?(?:/|out of|of)\s?{max(map(int, labels))}(?!\w|[.,]\d)")


def _may_follow(token: str, following: TokenLogprob | None, known: set[str]) -> bool:
    """Whether a label ends at its token: an end, a blank or a closing mark follows, or the rest of a longer
    label.
    """
    if following is None or _AFTER_LABEL.fullmatch(following.token):
        return True
    rest = _token_text(following.token)
    return bool(rest) and f"{token}{rest}".casefold() in known


def _ends_here(written: str, goes_on: str, token: str, labels: Sequence[str]) -> bool:
    """Whether what follows a label leaves it the whole verdict: nothing more in its line, which is neither an
    item of a list nor the heading of what is said of one text, and in other lines nothing that would make it
    doubtful in a text.
    """
    label = next(
        label
        for label in sorted(labels, key=len, reverse=True)
        if f"{token}{goes_on}".casefold().startswith(label.casefold())
    )
    rest = goes_on[len(label) - len(token) :]
    line, _, following = re.sub(r"<[^<>]*>|[▁Ġ]", " ", rest.replace("Ċ", "\n")).partition("\n")
    if re.search(r"\w", line) or not following.strip():
        return not re.search(r"\w", line)
    try:
        said = label_in_text(f"Answer: {label}\nReason: {following.strip()}", labels)
    except ParseFailure:
        return False
    return said == label and not _HEADS.search(written.rstrip())


def _is_no_word(written: str, token: str, labels: Sequence[str]) -> bool:
    """Whether a label in other letters ("a" for "A") stands alone or after a colon, where it is no word."""
    return token in labels or not re.search(r"\w", written) or written.rstrip(" *_`").endswith(":")


def _is_whole(written: str, token: str, goes_on: str, known: set[str]) -> bool:
    """Whether a label at the end of a reply that our own limit cut is certainly the whole verdict: it begins
    no longer label, and is no heading and no item of a list.
    """
    if not goes_on:
        is_begun = any(label != token.casefold() and label.startswith(token.casefold()) for label in known)
        return not is_begun and not re.search(r"\w", written)
    if _HEADS.search(written.rstrip()):
        return False
    return "\n" in goes_on or not goes_on.lstrip(_WORD_BEGINS + " *_`").startswith((".", ")"))


_HEADS = re.compile(r"#|(?:^|[\s*])(?:text|reply|response|option|assistant)[\s*]*\Z", re.IGNORECASE)
_AFTER_LABEL = re.compile(r"[\sĊ.)\]}*_`\"']*|<[^<>]*>")
_GLUED = re.compile(r"[.#]\d+\D*\Z")
"""A mark that makes a number another one, or the number of a heading: .8 and #1."""
_NOTHING = re.compile(r"(?!)")


def _token_text(token: str) -> str:
    """A token without blanks and marks around it; one that is a part of a number is left as it is."""
    bare = token.lstrip(_WORD_BEGINS).strip()
    return bare if _GLUED.search(bare) else bare.strip("()[]{}<>.:\"'*_`")


def _blank(token: str) -> str:
    """The blank that a token begins with, or that stands for its marks."""
    return "" if token[:1].isalnum() else " "


def _masses(place: TokenLogprob) -> dict[str, float]:
    """{text of a token, in small letters: its probability, over all spellings}. Raises ParseFailure for what
    are no log-probabilities.
    """
    masses: dict[str, float] = {}
    for token, probability in _alternatives(place):
        text = _token_text(token).casefold()
        if text:
            masses[text] = masses.get(text, 0.0) + probability
    return masses


def _alternatives(place: TokenLogprob) -> list[tuple[str, float]]:
    """The tokens that could have stood there with their probabilities; the one that was written is one of
    them, whether or not the server lists it.
    """
    found = [(choice.token, _probability(choice.logprob)) for choice in place.top]
    if place.token not in {token for token, _ in found}:
        found.append((place.token, _probability(place.logprob)))
    if math.fsum(probability for _, probability in found) > 1 + ROUNDING:
        raise ParseFailure("ambiguous", f"expected log-probabilities, found {place.top!r:.120}")
    return found


def _probability(logprob: float) -> float:
    """Minus infinity is one of none. Raises ParseFailure for NaN, and for one above 0."""
    if not logprob <= ROUNDING:
        raise ParseFailure("ambiguous", f"expected a log-probability, found {logprob}")
    return math.exp(min(logprob, 0.0))


def _followed(
    masses: Mapping[str, float], known: set[str], token: str, following: TokenLogprob | None
) -> dict[str, float]:
    """The masses of labels where one may begin another ("1" and "10") and the longer one is not a token: of
    the one that was written the next place says how it goes on; of one that was not nobody knows. Raises
    ParseFailure where that matters.
    """
    followed = dict(masses)
    for label in sorted(known):
        longer = [other for other in known if other != label and other.startswith(label)]
        if not longer or label not in masses or any(other in masses for other in longer):
            continue
        if token != label:
            if masses[label] > MAX_UNKNOWN_MASS:
                raise UntoldLabel(
                    "ambiguous", f"expected a rating, and cannot tell {label} from {', '.join(longer)}"
                )
            continue
        going_on = _masses(following) if following is not None else {}
        for other in longer:
            rest = going_on.get(other[len(label) :], 0.0)
            followed[other] = masses[label] * rest
            followed[label] -= masses[label] * rest
    return followed


def _normalised(masses: Mapping[str, float], labels: Sequence[str], place: TokenLogprob) -> list[float]:
    label_masses = [masses.get(label.casefold()) for label in labels]
    probabilities = [probability for _, probability in _alternatives(place)]
    remainder = (1 - math.fsum(probabilities)) / max(1, label_masses.count(None))
    missing_mass = max(LEAST_MASS, min(*probabilities, remainder))
    bounded = [missing_mass if mass is None else max(LEAST_MASS, mass) for mass in label_masses]
    return [mass / math.fsum(bounded) for mass in bounded]
