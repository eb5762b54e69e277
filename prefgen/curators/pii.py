"""Take personal data out of prompts: addresses of mail and of machines, numbers of telephones, cards, bank accounts and social security.

What is found is replaced by its kind in angle brackets (`<PHONE_NUMBER>`), or the prompt goes. The patterns and their checks (sums of digits,
the numbering plans of countries) are Presidio's (`pip install 'prefgen[pii]'`, docs/decisions/003-libraries.md); nothing is fetched, and names of
people are not looked for, since that takes a model. References and metadata are left as they are.
"""
# pyright: reportMissingImports=false, reportUntypedBaseClass=false

import importlib.util
from collections import Counter
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field, field_validator

from prefgen.errors import RecipeError
from prefgen.plugins.registry import Plugin, curator, did_you_mean
from prefgen.tables import Dropped, Table
from prefgen.types import Message, Prompt, TextPart

KINDS = ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "US_SSN")
MARK = "pii"


@curator("pii")
class Pii(Plugin):
    """Prompts without personal data of the kinds that are named."""

    libraries = ("presidio-analyzer",)

    action: Literal["replace", "drop"] = Field(
        "replace", description="Put the kind in its place, or drop the prompt."
    )
    kinds: tuple[str, ...] = Field(
        KINDS, min_length=1, description=f"What is looked for: {', '.join(KINDS)}."
    )
    regions: tuple[str, ...] = Field(
        ("US", "GB", "DE", "FR", "ES", "IT", "IN", "CA", "AU"),
        description="Countries whose telephone numbers are known without a +.",
    )

    @field_validator("kinds")
    @classmethod
    def _kinds_are_known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        for kind in kinds:
            if kind not in KINDS:
                raise ValueError(f"there is no kind {kind!r}{did_you_mean(kind, KINDS)}")
        return kinds

    def validate(self) -> None:
        if importlib.util.find_spec("presidio_analyzer") is None:
            raise RecipeError("`use: pii` needs Presidio: pip install 'prefgen[pii]'")

    def rewrite(self, prompt: Prompt) -> Prompt:
        found: Counter[str] = Counter()
        messages = (
            tuple(self._scrubbed(message, found) for message in prompt.messages)
            if self.action == "replace"
            else ()
        )
        if not found:
            return prompt
        same = {
            name: getattr(prompt, name)
            for name in type(prompt).model_fields
            if name not in ("id", "messages", "lineage")
        }
        lineage = {**prompt.lineage, MARK: dict(sorted(found.items()))}
        return Prompt.of(messages, lineage=lineage, **same)

    def _scrubbed(self, message: Message, found: Counter[str]) -> Message:
        """The message with kinds in the place of what was found, which is counted."""

        def of(text: str) -> str:
            out, at = [], 0
            for start, end, kind in self._spans(text):
                out += [text[at:start], f"<{kind}>"]
                at = end
                found[kind] += 1
            return "".join([*out, text[at:]])

        content = message.content
        if isinstance(content, str):
            return message.replacing(content=of(content))
        return message.replacing(
            content=tuple(TextPart(text=of(p.text)) if isinstance(p, TextPart) else p for p in content)
        )

    def _spans(self, text: str) -> list[tuple[int, int, str]]:
        """(start, end, kind) of what was found, from left to right, the surest first where two overlap."""
        found: list[tuple[float, int, int, str]] = []
        for recogniser in _recognisers(self.kinds, self.regions):
            for one in recogniser.analyze(text, recogniser.supported_entities, None):
                found.append((-one.score, one.start, one.end, str(one.entity_type)))
        kept: list[tuple[int, int, str]] = []
        for _, start, end, kind in sorted(found):
            if all(end <= a or start >= b for a, b, _ in kept):
                kept.append((start, end, kind))
        return sorted(kept)

    def curate(self, rows: Table) -> Table:
        if self.action == "replace":
            return rows
        gone = {}
        for row_id, text in zip(rows.ids(), rows.column("conversation"), strict=True):
            kinds = sorted({kind for _, _, kind in self._spans(text or "")})
            if kinds:
                gone[row_id] = Dropped(f"personal data: {', '.join(kinds)}")
        return rows.dropping(gone)


@lru_cache(maxsize=8)
def _recognisers(kinds: tuple[str, ...], regions: tuple[str, ...]) -> list[Any]:
    from presidio_analyzer import predefined_recognizers as known  # 0.9 s

    class Mail(known.EmailRecognizer):
        """Without the check of the domain, which fetches a list from the network."""

        def validate_result(self, pattern_text: str) -> bool | None:  # pyright: ignore[reportIncompatibleMethodOverride]
            return None

    made = {
        "EMAIL_ADDRESS": Mail,
        "PHONE_NUMBER": lambda: known.PhoneRecognizer(supported_regions=regions),
        "CREDIT_CARD": known.CreditCardRecognizer,
        "IBAN_CODE": known.IbanRecognizer,
        "IP_ADDRESS": known.IpRecognizer,
        "US_SSN": known.UsSsnRecognizer,
    }
    return [made[kind]() for kind in kinds]
