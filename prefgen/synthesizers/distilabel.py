"""A task of distilabel that writes prompts: EvolInstruct, SelfInstruct, Magpie ... (`prefgen[distilabel]`).

The seed's text is the task's `instruction` and `input`, its metadata are further columns. The task runs as
distilabel wrote it; its requests go through `ask` (`prefgen.integrations.bridge`).
"""

from collections.abc import Sequence
from typing import Any

from prefgen.dataset.columns import as_messages
from prefgen.errors import RecipeError, ReplyError
from prefgen.integrations.tasks import DistilabelTask
from prefgen.plugins.decorators import synthesizer
from prefgen.plugins.plugin import FromSeeds
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.types import Prompt, Seed, user

PROMPT_OUTPUTS = (
    "evolved_instructions",
    "evolved_instruction",
    "instructions",
    "conversation",
    "instruction",
    "queries",
    "user",
)


@synthesizer("distilabel")
class DistilabelSynthesizer(DistilabelTask, FromSeeds):
    """What the task writes from a seed."""

    known_outputs = PROMPT_OUTPUTS
    cost = (
        "what the task asks: EvolInstruct num_evolutions requests a seed, SelfInstruct 1, Magpie 1 "
        "(`only_instruction: true`)"
    )

    async def synthesize(self, seed: Seed, ask: Ask, pool: Table) -> Sequence[Prompt | ReplyError]:
        row = dict(seed.metadata)
        if seed.text is not None:
            row |= {"instruction": seed.text, "input": seed.text, "text": seed.text}
        row |= {
            column: seed.metadata[field] for column, field in self.columns.items() if field in seed.metadata
        }
        outputs, replies = await self.run(row, ask, self.seed)
        column = self.task_output()
        prompts: list[Prompt | ReplyError] = []
        for output in outputs:
            value = output.get(column)
            texts = [value] if isinstance(value, str) or column == "conversation" else value or []
            prompts += [
                prompt for text in texts if (prompt := _parse_prompt(text, seed.text, column)) is not None
            ]
        return prompts or [self.unreadable_reply(replies, column)]


def _parse_prompt(value: Any, seed: str | None, column: str) -> Prompt | None:
    """None for what is empty, or is the seed itself."""
    if isinstance(value, str):
        return Prompt.of([user(value.strip())]) if value.strip() and value.strip() != seed else None
    try:
        return Prompt.of(as_messages(value, column)) if value else None
    except RecipeError:
        return None
