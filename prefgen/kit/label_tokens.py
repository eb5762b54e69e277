"""The probability of each label, by the log-probabilities of the tokens in which a reply gives it."""

import math
import re
from collections.abc import Mapping, Sequence

from prefgen.kit.parse_failure import ParseFailure
from prefgen.types import Reply, TokenLogprob

MAX_UNKNOWN_MASS = 0.02
"""What a label may have of which it is not known whether it goes on: more could move the mean of ten ratings
by over a tenth.
"""
LEAST_MASS = 1e-9
_LEAD_IN = re.compile(
    r"[\s*_`(\[{\"'#:.]*(?:(?:the|my)\b\s*)?(?:(?:final|overall|better|best)\b\s*)?"
    r"(?:answer|verdict|choice|winner|rating|score|text|reply|response|option|label|assistant)?(?:\s+is)?[\s*_`(\[{\"'#:.]*",
    re.IGNORECASE,
)
"""What a model may write before a label."""
_WORD_BEGINS = "▁Ġ"
"""How tokenizers spell the blank before a word."""


def label_probabilities_in(reply: Reply, labels: Sequence[str]) -> list[float] | None:
    """The probability of each label, normalised over the labels, at the place where the reply gives one:
    after markup, white space and words like "Answer:", which are stepped over as they were written.

    A label of several tokens ("10") is followed into the next place. None when the server gave no
    log-probabilities. A label that is not among the alternatives counts with the most that it can have (no
    more than the least likely of them, nor than what they leave), never with zero. Raises ParseFailure when
    none of the labels is there, or when it cannot be told which one it is.
    """
    if not reply.logprobs:
        return None
    known = {label.casefold() for label in labels}
    is_cut = reply.finish_reason == "length"
    written = ""
    for number, place in enumerate(reply.logprobs):
        token = _token_text(place.token)
        masses = _masses(place)
        is_label = token.casefold() in known
        if not is_label and _LEAD_IN.fullmatch(written + _blank(place.token) + token):
            written += _blank(place.token) + token
            continue
        following = reply.logprobs[number + 1] if number + 1 < len(reply.logprobs) else None
        goes_on = "".join(later.token for later in reply.logprobs[number + 1 :])
        is_verdict = (
            is_label
            and _is_no_word(written, token, labels)
            and _may_follow(token, following, known)
            and _ends_here(written, goes_on, token, known)
            and (not is_cut or _is_whole(written, token, goes_on, known))
        )
        if is_verdict:
            masses = _followed(masses, known, token.casefold(), following)
            return _normalised(masses, labels, place)
        break  # the answer begins here, and it is none of the labels
    raise ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {reply.text[:60]!r}")


def _may_follow(token: str, following: TokenLogprob | None, known: set[str]) -> bool:
    """Whether a label ends at its token: an end, a blank or a closing mark follows, or the rest of a longer
    label.
    """
    if following is None or _AFTER_LABEL.fullmatch(following.token):
        return True
    rest = _token_text(following.token)
    return bool(rest) and f"{token}{rest}".casefold() in known


def _ends_here(written: str, goes_on: str, token: str, known: set[str]) -> bool:
    """Whether what follows a label leaves it the whole verdict: nothing more in its line, which is neither an
    item of a list nor the heading of what is said of one text.
    """
    longer = max(len(label) for label in known if label.startswith(token.casefold())) - len(token)
    rest = goes_on[longer:] if f"{token}{goes_on[:longer]}".casefold() in known else goes_on
    line, _, following = re.sub(r"<[^<>]*>|[▁Ġ]", " ", rest).partition("\n")
    is_heading = bool(following.strip()) and _HEADS.search(written.rstrip()) is not None
    return not re.search(r"\w", line) and not is_heading


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
_AFTER_LABEL = re.compile(r"[\s.)\]}*_`\"']*|<[^<>]*>")


def _token_text(token: str) -> str:
    """A token without blanks and marks around it."""
    return token.lstrip(_WORD_BEGINS).strip().strip("()[]{}<>.:\"'*_`")


def _blank(token: str) -> str:
    """The blank that a token begins with, or that stands for its marks."""
    return "" if token[:1].isalnum() else " "


def _masses(place: TokenLogprob) -> dict[str, float]:
    """{text of a token, in small letters: its probability, over all spellings}."""
    masses: dict[str, float] = {}
    for token, logprob in _alternatives(place):
        text = _token_text(token).casefold()
        if text:
            masses[text] = masses.get(text, 0.0) + math.exp(logprob)
    return masses


def _alternatives(place: TokenLogprob) -> list[tuple[str, float]]:
    return [(choice.token, choice.logprob) for choice in place.top] or [(place.token, place.logprob)]


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
                raise ParseFailure(
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
    probabilities = [math.exp(logprob) for _, logprob in _alternatives(place)]
    remainder = (1 - math.fsum(probabilities)) / max(1, label_masses.count(None))
    missing_mass = max(LEAST_MASS, min(*probabilities, remainder))
    bounded = [missing_mass if mass is None else max(LEAST_MASS, mass) for mass in label_masses]
    return [mass / math.fsum(bounded) for mass in bounded]
