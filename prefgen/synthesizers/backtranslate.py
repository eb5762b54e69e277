"""From texts that people wrote to the requests that they answer (instruction backtranslation, Li et al.,
arXiv 2308.06259).

A model writes the request, then rates how well the text answers it (1 to 5); what is below `least` is lost
and counted. The text stays with the prompt as its reference answer, so that judges that take references see
it.
"""

from collections.abc import Sequence

from pydantic import Field

from prefgen.errors import ReplyError, UnreadableReply
from prefgen.kit.prompt_writing import write_prompts
from prefgen.kit.ratings import ONE_TO_FIVE, ask_rating, rating_schema
from prefgen.kit.templates import render
from prefgen.plugins.decorators import synthesizer
from prefgen.plugins.plugin import FromSeeds
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.types import Prompt, Seed, system, user


@synthesizer("backtranslate")
class Backtranslate(FromSeeds):
    """One prompt a text, with the text as its reference. Paper: kept at 5 (4 in an ablation)."""

    seed_kind = "one text"
    cost = "2 requests a seed, 1 with `least: null`"
    texts = (
        "synthesizers/writer_system.j2", "synthesizers/reader_system.j2", "synthesizers/backtranslate.j2",
        "synthesizers/fit.j2",
    )  # fmt: skip

    model: str = Field(description="Who writes the request, by its name under `models`.")
    grader: str | None = Field(
        default=None, description="Who rates how well the text answers it. Default: the same model."
    )
    least: float | None = Field(default=4.0, ge=1, le=5, description="Least rating; null rates nothing.")

    def models_used(self) -> tuple[str, ...]:
        return (self.model, *((self.grader,) if self.grader else ()))

    async def synthesize(self, seed: Seed, ask: Ask, pool: Table) -> Sequence[Prompt | ReplyError]:
        text = seed.text or ""
        [request, *_] = await write_prompts(ask, self.model, "backtranslate", text=text)
        lineage = {}
        if self.least is not None:
            messages = [
                system(render("synthesizers/reader_system.j2")),
                user(render("synthesizers/fit.j2", request=request.text, text=text)),
            ]
            rating, reason = await ask_rating(
                ask,
                self.grader or self.model,
                messages,
                ONE_TO_FIVE,
                schema=rating_schema(*ONE_TO_FIVE),
                temperature=0,
            )
            if rating < self.least:
                return [
                    UnreadableReply(
                        f"the text answers the request with {rating:g} of 5: {reason[:120]}",
                        code="poor_fit",
                        replies=(request.text,),
                    )
                ]
            lineage = {"fit": rating}
        return [request.replacing(references=(text,), lineage=lineage)]
