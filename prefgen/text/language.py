"""Which language a text is written in, by py3langid (docs/decisions/003-libraries.md): in process, without a
network.
"""

from functools import cache
from typing import Any

MIN_PROBABILITY = 0.5
"""Least probability of a language that counts as told: short texts, code and mixtures have less."""


def language_of(text: str) -> str | None:
    """The ISO 639-1 code of a text's language (en, de, zh ...); None where it cannot be told."""
    if not any(c.isalpha() for c in text):
        return None
    language, probability = _identifier().classify(text)
    return language if probability >= MIN_PROBABILITY else None


def known_languages() -> list[str]:
    """The codes of the languages that can be told apart."""
    return sorted(_identifier().labels)


@cache
def _identifier() -> Any:
    """Loaded when it is first wanted: half a second."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
