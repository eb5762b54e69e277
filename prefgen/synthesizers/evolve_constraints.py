"""Add demands that an answer must meet, so that it can be told whether it did (SPaR, Cheng et al., arXiv
2412.11605, section 3.1).

One demand of 14 families is drawn as the main one, and one to three more beside it (six families are about
form, four about content, four general). The judges `binary_vote` and `checklist` tell whether an answer meets
them.
"""

from collections.abc import Sequence

from pydantic import Field, model_validator

from prefgen.errors import ReplyError
from prefgen.kit.prompt_writing import write_prompts
from prefgen.plugins.decorators import synthesizer
from prefgen.plugins.plugin import FromSeeds
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.types import Prompt, Seed

FAMILIES = {
    "structure": "a form that the whole answer has, such as a table, a letter, a dialogue or numbered steps",
    "markup": "how it is set, such as headings, bold words, or code in a fence",
    "length": "how long it is, in words, sentences or paragraphs",
    "opening": "how it begins or ends",
    "order": "in which order things come",
    "data": "a notation that a program could read, such as JSON with given fields",
    "include": "something that must be mentioned, or words that must stand in it",
    "leave_out": "something that must not be mentioned, or words that must not stand in it",
    "example": "examples, numbers or sources that it must give, and how many",
    "angle": "from whose point of view, or with what in view, the matter is treated",
    "tone": "the tone, such as formal, warm or terse",
    "audience": "for whom it is written",
    "language": "the language or the level of language",
    "role": "as whom the assistant is to speak",
}


@synthesizer("evolve_constraints")
class EvolveConstraints(FromSeeds):
    """One prompt a seed, with demands. Paper: one main demand of 14 families and one to three more,
    temperature 0.7.
    """

    seed_kind = "one prompt"
    cost = "1 request a seed"
    texts = ("synthesizers/writer_system.j2", "synthesizers/constraints.j2")

    model: str = Field(description="Who writes, by its name under `models`.")
    families: tuple[str, ...] = Field(
        default=tuple(FAMILIES), min_length=1, description="Families of demands from which is drawn."
    )
    more: tuple[int, int] = Field(default=(1, 3), description="Least and most demands beside the main one.")

    @model_validator(mode="after")
    def _check_families(self) -> "EvolveConstraints":
        unknown = set(self.families) - set(FAMILIES)
        if unknown:
            raise ValueError(f"there is no family {sorted(unknown)[0]!r}: {', '.join(FAMILIES)}")
        if not 0 <= self.more[0] <= self.more[1] < len(self.families):
            raise ValueError(
                f"more must be two numbers below the {len(self.families)} families, the least first; found "
                f"{self.more!r}"
            )
        return self

    async def synthesize(self, seed: Seed, ask: Ask, pool: Table) -> Sequence[Prompt | ReplyError]:
        rng = ask.rng(f"constraints/{self.seed}")
        main, *more = rng.sample(self.families, 1 + rng.randint(*self.more))
        demands = [FAMILIES[name] for name in more]
        lineage = {"constraints": [main, *more], "parent": (seed.text or "")[:500]}
        prompts = await write_prompts(
            ask, self.model, "constraints", text=seed.text, main=FAMILIES[main], more=demands
        )
        return [prompt.replacing(lineage=lineage) for prompt in prompts]
