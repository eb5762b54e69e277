"""A task of distilabel that answers a prompt: TextGeneration, URIAL, ChatGeneration ...
(`prefgen[distilabel]`).

The task runs as distilabel wrote it; its requests go through `ask` (`prefgen.integrations.bridge`).
"""

from collections.abc import Sequence

from pydantic import Field

from prefgen.errors import ReplyError, UnreadableReply
from prefgen.integrations.tasks import DistilabelTask, row_of
from prefgen.plugins.decorators import sampler
from prefgen.roles import Ask
from prefgen.types import Prompt, Reply, Response


@sampler("distilabel")
class DistilabelSampler(DistilabelTask):
    """`n` answers of the task."""

    known_outputs = ("generation",)
    cost = "n requests a prompt"

    n: int = Field(default=1, ge=1, description="Answers a prompt.")
    seed: int = Field(default=0, description="Seed of what the task draws.")

    async def sample(self, prompt: Prompt, ask: Ask) -> Sequence[Response | ReplyError]:
        column = self.task_output()
        if (
            len([m for m in prompt.messages if m.role != "system"]) > 1
            and "messages" not in self.build_task().inputs
        ):
            message = (
                f"distilabel's {self.task} answers one turn, and this prompt is a conversation: "
                "ChatGeneration takes one"
            )
            return [UnreadableReply(message, code="multi_turn")]
        outputs, replies = await self.run(row_of(prompt, self.columns), ask, self.seed, draws=self.n)
        finish_reasons = {reply.text: reply.finish_reason for reply in replies if isinstance(reply, Reply)}
        sampling = dict(ask.options(self.model))
        responses: list[Response | ReplyError] = []
        for i, row in enumerate(outputs):
            text = row.get(column)
            if not isinstance(text, str) or not text.strip():
                failure = replies[i] if i < len(replies) else None
                responses.append(
                    failure
                    if isinstance(failure, ReplyError)
                    else self.unreadable_reply(replies[i : i + 1], column)
                )
                continue
            fields = {"model": ask.label(self.model), "sampling": sampling, "sample": i}
            responses.append(Response.of(prompt, text, finish_reason=finish_reasons.get(text), **fields))
        return responses
