"""Drop prompts that are none, or that a language model cannot answer: by their length, characters,
repetition, language and wording.

Each rule is one that a field turns on; every row that goes says which rule it broke. The word lists are
English.
"""

import re
import unicodedata
from collections import Counter

from pydantic import Field, field_validator

from prefgen.errors import did_you_mean
from prefgen.plugins.decorators import curator
from prefgen.plugins.plugin import Plugin
from prefgen.tables import Dropped, Table
from prefgen.text.language import known_languages, language_of
from prefgen.text.near_duplicates import words_of

UNANSWERABLE = re.compile(
    r"\b(?:(?:this|(?:the )?following|attached|above|below|given)\s+"
    r"(?:image|picture|photo|photograph|video|audio|recording|screenshot|chart|graph|diagram|figure|map|link"
    r"|url|website|webpage|pdf|file|attachment|document)\b(?!\s+(?:format|type|system|name))"
    r"|(?:attached|upload(?:ed)?|enclosed)\b[^.?!\n]{0,30}"
    r"\b(?:image|picture|photo|file|pdf|document|video)\b)",
    re.IGNORECASE,
)
PLACEHOLDER = re.compile(
    r"\[(?:insert|your|name|company|topic|date|x+|\.{3})[^\]\n]{0,40}\]|(?<![\w\]}\\$])\{\{?\s*\w+\s*\}?\}"
    r"|<(?:insert|your|name)[^>\n]{0,40}>|\bx{3,}\b|\blorem ipsum\b|_{4,}",
    re.IGNORECASE,
)


@curator("heuristics")
class Heuristics(Plugin):
    """Rules that need no model. Defaults: Self-Instruct's 3 to 150 words, and nothing that needs what is not
    there.
    """

    least_words: int = Field(
        default=3,
        ge=0,
        description="Fewest words (characters, in a script without spaces) of the last user turn.",
    )
    most_words: int | None = Field(default=150, ge=1, description="Most words of the last user turn.")
    most_repetition: float = Field(
        default=0.5, gt=0, le=1, description="Greatest part of its runs of three words that are repetitions."
    )
    least_letters: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Least part of its characters, without spaces, that are letters or digits.",
    )
    languages: tuple[str, ...] = Field(
        default=(),
        description="Languages that stay (en, de ...); a text whose language cannot be told stays too.",
    )
    unanswerable: bool = Field(
        default=True, description="Drop what asks about a picture, a file or a link that is not there."
    )
    placeholders: bool = Field(
        default=True, description="Drop what holds a gap to be filled in: [insert name], {topic}, ____."
    )

    @field_validator("languages")
    @classmethod
    def _check_languages(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        for code in codes:
            if code not in known_languages():
                hint = did_you_mean(code, known_languages()) if len(code) == 2 else ": en, de, zh ..."
                raise ValueError(f"there is no language {code!r}{hint}")
        return codes

    def curate(self, rows: Table) -> Table:
        dropped = {}
        for row_id, text in zip(rows.ids(), rows.column("text"), strict=True):
            reason = self.broken_rule(text or "")
            if reason:
                dropped[row_id] = Dropped(reason)
        return rows.dropping(dropped)

    def broken_rule(self, text: str) -> str | None:
        """The first rule that a text breaks, with what was found."""
        words = words_of(text)
        if len(words) < self.least_words:
            return f"too short ({len(words)} words)"
        if self.most_words is not None and len(words) > self.most_words:
            return f"too long ({len(words)} words)"
        return (
            self._few_letters(text)
            or self._repetition(words)
            or (_match_reason("needs what is not there", UNANSWERABLE, text) if self.unanswerable else None)
            or (_match_reason("holds a gap", PLACEHOLDER, text) if self.placeholders else None)
            or (self._foreign_language(text) if self.languages else None)
        )

    def _few_letters(self, text: str) -> str | None:
        characters = [c for c in text if not c.isspace()]
        share = sum(c.isalnum() or unicodedata.category(c).startswith("M") for c in characters) / max(
            1, len(characters)
        )
        return f"few letters ({share:.0%})" if share < self.least_letters else None

    def _repetition(self, words: list[str]) -> str | None:
        runs = Counter(zip(words, words[1:], words[2:], strict=False))
        total = runs.total()
        share = (total - len(runs)) / total if total >= 6 else 0.0
        return f"repeats itself ({share:.0%})" if share > self.most_repetition else None

    def _foreign_language(self, text: str) -> str | None:
        language = language_of(text)
        return (
            f"another language ({language})"
            if language is not None and language not in self.languages
            else None
        )


def _match_reason(description: str, pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return f"{description} ({match[0][:40]!r})" if match else None
