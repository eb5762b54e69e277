"""Keep prompts by how often a policy solves them: one that it always or never solves teaches it nothing.

The policy answers each prompt `n` times, and each answer is compared with the prompt's references, as the
judge `verifier` does. The share that is right stays in the prompt's metadata. Its draws are others than those
of the samplers that follow: a prompt that is kept for lucky answers must not bring just these along. A prompt
without references, or whose answers were all lost, has no rate, which is not taken for a low one.
"""

from typing import Literal

from pydantic import Field, model_validator

from prefgen.errors import ReplyError, UnreadableReply
from prefgen.kit.curation import check_bounds, within_bounds
from prefgen.kit.gather import gather_settled
from prefgen.plugins.decorators import curator
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.text.final_answer import Check, check_answer, why_not_checked
from prefgen.types import Prompt


@curator("pass_rate")
class PassRate(Plugin):
    """Prompts that `model` solves in `least` to `most` of its answers."""

    cost = "n requests a prompt (one, where the server has n)"

    model: str = Field(description="The policy, by its name under `models`.")
    n: int = Field(default=8, ge=1, description="Answers a prompt.")
    check: Check = Field(default="number", description="How an answer is compared with the references.")
    tolerance: float = Field(default=1e-6, ge=0, description="number: largest relative difference.")
    least: float | None = Field(
        default=0.1, ge=0, le=1, description="Least share of right answers that stays."
    )
    most: float | None = Field(
        default=0.9, ge=0, le=1, description="Greatest share of right answers that stays."
    )
    missing: Literal["keep", "drop"] = Field(
        default="keep", description="What becomes of a prompt without a rate."
    )

    @model_validator(mode="after")
    def _check_bounds(self) -> "PassRate":
        check_bounds(self.least, self.most)
        return self

    def output_column(self) -> str:
        return f"pass_rate_{self.model}"

    async def annotate(self, prompt: Prompt, ask: Ask) -> float:
        if (reason := why_not_checked(prompt.references, self.check)) is not None:
            raise UnreadableReply(f"no rate: {reason}", code="no_reference")
        replies = await gather_settled(
            ask(self.model, prompt.messages, sample=draw) for draw in range(self.n)
        )
        failures = [reply for reply in replies if isinstance(reply, ReplyError)]
        if len(failures) == len(replies):
            raise failures[0]
        texts = [reply.text for reply in replies if not isinstance(reply, ReplyError)]
        outcomes = [check_answer(text, prompt.references, self.check, self.tolerance) for text in texts]
        grades = [is_right for is_right, _ in outcomes if is_right is not None]
        if not grades:
            message = f"no rate: of {len(texts)} answers none could be read: {outcomes[0][1]}"
            raise UnreadableReply(message, code="no_answer", replies=tuple(texts))
        return sum(grades) / len(grades)

    def curate(self, rows: Table) -> Table:
        return within_bounds(rows, self.output_column(), "pass rate", self.least, self.most, self.missing)
