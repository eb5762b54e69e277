"""Keep prompts by how surprising a model finds them: exp of the mean negative log-probability of the tokens
of the last user turn after the first.

A very low perplexity is text that the model knows by heart, a very high one is noise (as in CCNet, arXiv
1911.00359, section 3.4). It needs a completions route that echoes the prompt with log-probabilities: vLLM has
it, `use: transformers` too; most chat providers do not.
"""

import math
from typing import Literal

from pydantic import Field, model_validator

from prefgen.errors import UnreadableReply
from prefgen.kit.curation import check_bounds, within_bounds
from prefgen.plugins.decorators import curator
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.types import Prompt


@curator("perplexity")
class Perplexity(Plugin):
    """Prompts whose perplexity lies within bounds; it stays in the prompt's metadata."""

    cost = "1 request of one token a prompt"

    model: str = Field(description="Who is asked for log-probabilities, by its name under `models`.")
    least: float | None = Field(default=None, ge=1, description="Least perplexity that stays.")
    most: float | None = Field(default=None, ge=1, description="Greatest perplexity that stays.")
    missing: Literal["keep", "drop"] = Field(
        default="keep", description="What becomes of a prompt whose log-probabilities were lost."
    )

    @model_validator(mode="after")
    def _check_bounds(self) -> "Perplexity":
        check_bounds(self.least, self.most)
        return self

    def output_column(self) -> str:
        return f"perplexity_{self.model}"

    async def annotate(self, prompt: Prompt, ask: Ask) -> float:
        reply = await ask.complete(
            self.model, prompt.text, echo=True, logprobs=1, max_tokens=1, temperature=0
        )
        if not "".join(reply.text.split()).startswith("".join(prompt.text.split())):  # llama.cpp's does not
            raise UnreadableReply(
                "the server does not echo the prompt, so its log-probabilities are of something else",
                code="no_logprobs",
                replies=(reply.text,),
                keys=(reply.key,),
            )
        logprobs = [token.logprob for token in reply.logprobs]
        prompt_logprobs = logprobs[: len(logprobs) - reply.usage.completion_tokens]
        if not prompt_logprobs:
            raise UnreadableReply(
                "the server gave no log-probabilities of the prompt",
                code="no_logprobs",
                replies=(reply.text,),
                keys=(reply.key,),
            )
        return math.exp(min(700.0, -math.fsum(prompt_logprobs) / len(prompt_logprobs)))

    def curate(self, rows: Table) -> Table:
        return within_bounds(rows, self.output_column(), "perplexity", self.least, self.most, self.missing)
