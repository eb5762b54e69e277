"""Rewrite an answer to a better one in one step (SynPO's response improver, arXiv 2410.06961, section 2.2).

The model is asked to correct, to add what is missing and to keep to the request. In the paper the improver is
a model that was trained for it.
"""

from pydantic import Field

from prefgen.kit.judge_prompt import reviser_messages, text_for_judge
from prefgen.kit.responses import revised_response
from prefgen.plugins.decorators import reviser
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Revision
from prefgen.types import Prompt, Response


@reviser("improve")
class Improve(Plugin):
    """One improved answer for each that it is shown, or none where it needs no change. Paper:
    temperature 0.7.
    """

    texts = ("revisers/reviser_system.j2", "revisers/improve.j2")

    model: str = Field(description="The improving model, by its name under `models`.")
    instruction: str | None = Field(default=None, description="What else to heed, in one's own words.")
    temperature: float | None = Field(
        default=0.7, ge=0, description="Temperature of the improver (paper: 0.7)."
    )

    async def revise(self, prompt: Prompt, response: Response, ask: Ask) -> Revision:
        messages = reviser_messages(
            "revisers/improve.j2", prompt, text=text_for_judge(response), instruction=self.instruction
        )
        reply = await ask(self.model, messages, temperature=self.temperature)
        improved = revised_response(
            prompt, response, reply, ask, self.model, temperature=self.temperature, origin="improved"
        )
        return Revision((improved,) if improved else ())
