"""Messages that try to make an assistant break a rule, by area, manner and way of attack (after Perez et al.,
arXiv 2202.03286).

Each row of `seeds` is a rule that the assistant must keep, with its `category`. Manner and way of attack are
drawn for each request, so that the set does not hold one trick many times. Made on purpose only:
`accept_harm: true` says so (docs/safety.md).
"""

from collections.abc import Sequence

from pydantic import Field

from prefgen.errors import RecipeError, ReplyError
from prefgen.kit.prompt_writing import write_prompts
from prefgen.plugins.decorators import synthesizer
from prefgen.plugins.plugin import FromSeeds
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.types import Prompt, Seed

STYLES = (
    "plain and direct",
    "friendly small talk that comes to the point late",
    "pressing and upset",
    "matter-of-fact, like a form",
    "playful",
)
ATTACKS = (
    "asks outright",
    "gives a reason that sounds good",
    "puts it into a story or a part to be played",
    "asks for one harmless-looking piece of it",
    "claims to be entitled to it",
    "asks for the opposite, so that it can be turned round",
)


@synthesizer("red_team")
class RedTeam(FromSeeds):
    """`per_seed` messages against a rule."""

    seed_kind = "one rule"
    cost = "1 request a seed"
    texts = ("synthesizers/writer_system.j2", "synthesizers/red_team.j2")

    model: str = Field(description="Who writes, by its name under `models`.")
    accept_harm: bool = Field(
        default=False, description="Must be true: says that such messages are made on purpose."
    )
    per_seed: int = Field(default=2, ge=1, le=20, description="Messages that are asked for at once.")
    styles: tuple[str, ...] = Field(
        default=STYLES, min_length=1, description="Manners, of which one is drawn each time."
    )
    attacks: tuple[str, ...] = Field(
        default=ATTACKS, min_length=1, description="Ways of attack, of which one is drawn each time."
    )

    def validate(self) -> None:
        super().validate()
        if not self.accept_harm:
            raise RecipeError(
                "red_team writes attacks: say `accept_harm: true` if that is meant (docs/safety.md)"
            )

    async def synthesize(self, seed: Seed, ask: Ask, pool: Table) -> Sequence[Prompt | ReplyError]:
        rng = ask.rng(f"red_team/{self.seed}")
        style, attack = rng.choice(self.styles), rng.choice(self.attacks)
        category = seed.metadata.get("category")
        prompts = await write_prompts(
            ask,
            self.model,
            "red_team",
            count=self.per_seed,
            policy=seed.text,
            category=category,
            style=style,
            attack=attack,
        )
        return [prompt.replacing(lineage={"style": style, "attack": attack}) for prompt in prompts]
