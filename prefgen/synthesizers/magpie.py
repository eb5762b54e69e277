"""Let a chat model write the user's turn itself, from nothing but the template that stands before one
(Magpie, Xu et al., arXiv 2406.08464).

The completions route is given the pre-query template, with a system turn before it if wanted; what the model
writes there is a prompt. It needs no seeds. The model must be reached raw: a server that wraps prompts in its
own template would answer instead of asking.
"""

from collections.abc import Sequence

from pydantic import Field

from prefgen.errors import RecipeError, ReplyError, UnreadableReply, did_you_mean
from prefgen.plugins.decorators import synthesizer
from prefgen.plugins.plugin import FromSeeds
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.text.leaks import Leaked, without_leaks
from prefgen.transport.endings import ending_of
from prefgen.types import Prompt, Seed

CHATML_TURN = "<|im_start|>{role}\n{content}<|im_end|>\n"
LLAMA_TURN = "<|start_header_id|>{role}<|end_header_id|>\n\n{content}<|eot_id|>"
TEMPLATES: dict[str, tuple[str, str, str]] = {
    "chatml": ("", CHATML_TURN, "<|im_start|>user\n"),
    "llama3": ("<|begin_of_text|>", LLAMA_TURN, "<|start_header_id|>user<|end_header_id|>\n\n"),
    "mistral": ("<s>", "[SYSTEM_PROMPT] {content}[/SYSTEM_PROMPT]", "[INST]"),
    "gemma": ("<bos>", "<start_of_turn>{role}\n{content}<end_of_turn>\n", "<start_of_turn>user\n"),
}
"""{family: (start of a text, a system turn, what stands before a user's turn)}."""
STOPS = ("<|im_end|>", "<|eot_id|>", "[/INST]", "<end_of_turn>", "<|im_start|>", "<|start_header_id|>")


@synthesizer("magpie")
class Magpie(FromSeeds):
    """One prompt a seed; `count` says how many."""

    cost = "1 completion a seed"

    model: str = Field(
        description=(
            "The chat model that writes, by its name under `models`; reached by its completions route."
        )
    )
    template: str = Field(
        default="chatml",
        description="chatml (Qwen and others), llama3, mistral, gemma, or the pre-query text itself.",
    )
    system: tuple[str, ...] = Field(
        default=(), description="System prompts that steer the topic, of which each request is given one."
    )
    most_tokens: int = Field(
        default=256, ge=8, description="Longest prompt, in tokens: one that is cut off is lost."
    )

    def validate(self) -> None:
        if self.seeds is not None:
            raise RecipeError("magpie starts from nothing: give `count`, and topics as `system`")
        if self.template not in TEMPLATES and not set(self.template) & set("<[\n"):
            raise RecipeError(
                f"magpie knows no template {self.template!r}{did_you_mean(self.template, list(TEMPLATES))}"
            )
        if self.system and self.template not in TEMPLATES:
            raise RecipeError(
                "magpie: how a system turn looks is known for "
                + ", ".join(TEMPLATES)
                + "; write it into the template instead"
            )

    async def synthesize(self, seed: Seed, ask: Ask, pool: Table) -> Sequence[Prompt | ReplyError]:
        start, turn, pre_query = TEMPLATES.get(self.template, ("", "", self.template))
        topic = ask.rng(f"magpie/{self.seed}").choice(self.system) if self.system else None
        system_turn = turn.format(role="system", content=topic) if topic else ""
        reply = await ask.complete(
            self.model, start + system_turn + pre_query, max_tokens=self.most_tokens, stop=STOPS
        )
        try:
            text = without_leaks(reply.text).strip()
        except Leaked as leaked:
            reason = f"the prompt goes on after {leaked.leak.mark!r}"
            return [UnreadableReply(reason, code="leak", replies=(reply.text,), keys=(reply.key,))]
        if ending_of(reply.finish_reason) != "whole":
            code = reply.finish_reason or "cut"
            return [
                UnreadableReply("the prompt was cut off", code=code, replies=(reply.text,), keys=(reply.key,))
            ]
        if not text:
            return [
                UnreadableReply(
                    "the model wrote no user turn", code="empty", replies=(reply.text,), keys=(reply.key,)
                )
            ]
        return [Prompt.of(text).replacing(lineage={"system": topic} if topic else {})]
