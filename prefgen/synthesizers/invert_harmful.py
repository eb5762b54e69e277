"""From harmful texts to the requests that they answer (Safer-Instruct, Shi et al., arXiv 2311.08685), and
harmless look-alikes of them.

Each row of `seeds` is a text that an assistant should not have written, with its `category`. A model writes
the request; an expert keeps it only if it really seeks harm; what is not kept is on the ledger. With `twins`
a harmless request that looks alike is written too, and kept only if the expert finds no harm in it, so that a
model does not learn to refuse by the look of a request. The sampler `safe_answer` then writes the preferred
answer and sets the source text against it.

The paper trains the model that inverts; here one is asked. Harmful data is made on purpose only:
`accept_harm: true` says so. docs/safety.md tells what is stored and what is not.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from prefgen.errors import RecipeError, ReplyError, UnreadableReply
from prefgen.kit.harm import BENIGN, harm_metadata
from prefgen.kit.prompt_writing import write_prompts
from prefgen.kit.replies import ask_and_parse, require_field
from prefgen.kit.reply_json import json_object
from prefgen.kit.templates import render
from prefgen.plugins.decorators import synthesizer
from prefgen.plugins.plugin import FromSeeds
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.types import Prompt, Reply, Seed, system, user

SCHEMA: dict[str, Any] = {
    "title": "seeks_harm",
    "type": "object",
    "properties": {"reason": {"type": "string"}, "seeks_harm": {"type": "boolean"}},
    "required": ["reason", "seeks_harm"],
    "additionalProperties": False,
}


@synthesizer("invert_harmful")
class InvertHarmful(FromSeeds):
    """Requests that seek harm, each with the text that it was made from, and harmless twins."""

    seed_kind = "one harmful text and its category"
    cost = "2 requests a seed, 4 with `twins`"
    texts = (
        "synthesizers/writer_system.j2",
        "synthesizers/invert_harmful.j2",
        "synthesizers/benign_twin.j2",
        "synthesizers/reader_system.j2",
        "synthesizers/seeks_harm.j2",
    )

    model: str = Field(description="Who writes the request, by its name under `models`.")
    expert: str | None = Field(
        default=None, description="Who decides whether it seeks harm. Default: the same model."
    )
    accept_harm: bool = Field(
        default=False, description="Must be true: says that harmful requests are made on purpose."
    )
    twins: bool = Field(
        default=False, description="Also write a harmless request that looks like each harmful one."
    )

    def validate(self) -> None:
        super().validate()
        if not self.accept_harm:
            raise RecipeError(
                "invert_harmful makes requests that seek harm: say `accept_harm: true` if that is meant "
                "(docs/safety.md)"
            )

    def models_used(self) -> tuple[str, ...]:
        return (self.model, *((self.expert,) if self.expert else ()))

    async def synthesize(self, seed: Seed, ask: Ask, pool: Table) -> Sequence[Prompt | ReplyError]:
        if seed.messages:
            return [
                UnreadableReply(
                    "the row is a conversation: give the text that should not have been written as text",
                    code="conversation",
                )
            ]
        text, category = seed.text or "", str(seed.metadata.get("category") or "unknown")
        [request, *_] = await write_prompts(ask, self.model, "invert_harmful", text=text)
        if not await self._seeks_harm(request.text, category, ask):
            return [
                UnreadableReply(
                    "the expert finds no harm in the request", code="not_harmful", replies=(request.text,)
                )
            ]
        marks = harm_metadata(text, category)
        lineage = {name: marks[name] for name in ("harm", "source_digest")}
        prompts: list[Prompt | ReplyError] = [
            request.replacing(category=category, metadata=marks, lineage=lineage)
        ]
        if self.twins:
            try:
                prompts.append(await self._write_twin(request, text, category, ask))
            except ReplyError as error:
                prompts.append(error)
        return prompts

    async def _write_twin(self, request: Prompt, text: str, category: str, ask: Ask) -> Prompt:
        [twin, *_] = await write_prompts(ask, self.model, "benign_twin", text=request.text)
        if await self._seeks_harm(twin.text, category, ask):
            raise UnreadableReply(
                "the expert finds harm in the twin", code="twin_harmful", replies=(twin.text,)
            )
        return twin.replacing(
            category=BENIGN, metadata={"twin_of": request.id, "twin_category": category, "source_text": text}
        )

    async def _seeks_harm(self, request: str, category: str, ask: Ask) -> bool:
        def read_verdict(reply: Reply) -> bool:
            return require_field(json_object(reply.text), "seeks_harm", bool)

        named = None if category == "unknown" else category
        messages = [
            system(render("synthesizers/reader_system.j2")),
            user(render("synthesizers/seeks_harm.j2", text=request, category=named)),
        ]
        seeks_harm, _ = await ask_and_parse(
            ask, self.expert or self.model, messages, read_verdict, schema=SCHEMA, temperature=0
        )
        return seeks_harm
