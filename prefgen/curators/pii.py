"""Take personal data out of prompts: addresses of mail and of machines, numbers of telephones, cards, bank
accounts and social security.

What is found is replaced by its kind in angle brackets (`<PHONE_NUMBER>`), or the prompt goes. The patterns
and their checks (sums of digits, the numbering plans of countries) are Presidio's (`pip install
'prefgen[pii]'`, docs/decisions/003-libraries.md); nothing is fetched, and names of people are not looked for,
since that takes a model. References, metadata and lineage are left as they are.
"""
# pyright: reportMissingImports=false, reportUntypedBaseClass=false

import importlib.util
from collections import Counter
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field, field_validator

from prefgen.errors import RecipeError, did_you_mean
from prefgen.plugins.decorators import curator
from prefgen.plugins.plugin import Plugin
from prefgen.tables import Dropped, Table
from prefgen.types import Message, Prompt, TextPart

ENTITIES = ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "US_SSN")
LINEAGE_KEY = "pii"


@curator("pii")
class Pii(Plugin):
    """Prompts without personal data of the kinds that are named."""

    libraries = ("presidio-analyzer",)

    action: Literal["replace", "drop"] = Field(
        default="replace", description="Put the kind in its place, or drop the prompt."
    )
    kinds: tuple[str, ...] = Field(
        default=ENTITIES, min_length=1, description=f"What is looked for: {', '.join(ENTITIES)}."
    )
    regions: tuple[str, ...] = Field(
        default=("US", "GB", "DE", "FR", "ES", "IT", "IN", "CA", "AU"),
        description="Countries whose telephone numbers are known without a +.",
    )

    @field_validator("kinds")
    @classmethod
    def _check_kinds(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        for kind in kinds:
            if kind not in ENTITIES:
                raise ValueError(f"there is no kind {kind!r}{did_you_mean(kind, ENTITIES)}")
        return kinds

    def validate(self) -> None:
        if importlib.util.find_spec("presidio_analyzer") is None:
            raise RecipeError("`use: pii` needs Presidio: pip install 'prefgen[pii]'")

    def rewrite(self, prompt: Prompt) -> Prompt:
        counts: Counter[str] = Counter()
        messages = (
            tuple(self._scrub(message, counts) for message in prompt.messages)
            if self.action == "replace"
            else ()
        )
        if not counts:
            return prompt
        other_fields = {
            name: getattr(prompt, name)
            for name in type(prompt).model_fields
            if name not in ("id", "messages", "lineage")
        }
        lineage = {**prompt.lineage, LINEAGE_KEY: dict(sorted(counts.items()))}
        return Prompt.of(messages, lineage=lineage, **other_fields)

    def _scrub(self, message: Message, counts: Counter[str]) -> Message:
        """The message with kinds in the place of what was found, which is counted."""

        def scrub(text: str) -> str:
            parts, position = [], 0
            for start, end, kind in self._spans(text):
                parts += [text[position:start], f"<{kind}>"]
                position = end
                counts[kind] += 1
            return "".join([*parts, text[position:]])

        content = message.content
        if isinstance(content, str):
            return message.replacing(content=scrub(content))
        return message.replacing(
            content=tuple(TextPart(text=scrub(p.text)) if isinstance(p, TextPart) else p for p in content)
        )

    def _spans(self, text: str) -> list[tuple[int, int, str]]:
        """(start, end, kind) of what was found, from left to right, the surest first where two overlap."""
        matches: list[tuple[float, int, int, str]] = []
        for recogniser in _recognisers(self.kinds, self.regions):
            for match in recogniser.analyze(text, recogniser.supported_entities, None):
                matches.append((-match.score, match.start, match.end, str(match.entity_type)))
        spans: list[tuple[int, int, str]] = []
        for _, start, end, kind in sorted(matches):
            if all(end <= a or start >= b for a, b, _ in spans):
                spans.append((start, end, kind))
        return sorted(spans)

    def curate(self, rows: Table) -> Table:
        if self.action == "replace":
            return rows
        dropped = {}
        for row_id, text in zip(rows.ids(), rows.column("conversation"), strict=True):
            kinds = sorted({kind for _, _, kind in self._spans(text or "")})
            if kinds:
                dropped[row_id] = Dropped(f"personal data: {', '.join(kinds)}")
        return rows.dropping(dropped)


@lru_cache(maxsize=8)
def _recognisers(kinds: tuple[str, ...], regions: tuple[str, ...]) -> list[Any]:
    from presidio_analyzer import predefined_recognizers as known  # 0.9 s

    class Mail(known.EmailRecognizer):
        """Without the check of the domain, which fetches a list from the network."""

        def validate_result(  # pyright: ignore[reportIncompatibleMethodOverride]
            self, pattern_text: str
        ) -> bool | None:
            return None

    factories = {
        "EMAIL_ADDRESS": Mail,
        "PHONE_NUMBER": lambda: known.PhoneRecognizer(supported_regions=regions),
        "CREDIT_CARD": known.CreditCardRecognizer,
        "IBAN_CODE": known.IbanRecognizer,
        "IP_ADDRESS": known.IpRecognizer,
        "US_SSN": known.UsSsnRecognizer,
    }
    return [factories[kind]() for kind in kinds]
