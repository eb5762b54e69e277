"""Carry a conversation on: an assistant answers, and a simulated user asks again, until the wanted number of
turns.

Each row of `seeds` opens a conversation (a first request, or several turns). What comes out ends with the
user's last turn, so that it is a prompt like any other. The user's move is drawn each time, so that
conversations do not all go the same way.
"""

from collections.abc import Sequence

from pydantic import Field

from prefgen.errors import ReplyError
from prefgen.kit.prompt_writing import write_prompts
from prefgen.plugins.decorators import synthesizer
from prefgen.plugins.plugin import FromSeeds
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.types import Message, Prompt, Seed, assistant, user

MOVES = (
    "ask about a detail of the last reply",
    "bring in a circumstance that changes the answer",
    "disagree with a point of the last reply, and say why",
    "ask for the same in another form",
    "move on to a matter that follows from it",
)


@synthesizer("multi_turn")
class MultiTurn(FromSeeds):
    """Conversations that end with a user's turn."""

    seed_kind = "one opening"
    cost = "2 requests a further turn and seed"
    texts = ("synthesizers/writer_system.j2", "synthesizers/next_turn.j2")

    model: str = Field(description="The assistant of the conversation, by its name under `models`.")
    user_model: str | None = Field(default=None, description="Who plays the user. Default: the same model.")
    turns: int = Field(default=1, ge=1, le=10, description="Further turns of the user.")
    moves: tuple[str, ...] = Field(
        default=MOVES, min_length=1, description="What the user may do next, of which one is drawn each time."
    )

    def models_used(self) -> tuple[str, ...]:
        return (self.model, *((self.user_model,) if self.user_model else ()))

    async def synthesize(self, seed: Seed, ask: Ask, pool: Table) -> Sequence[Prompt | ReplyError]:
        rng = ask.rng(f"multi_turn/{self.seed}")
        turns: list[Message] = [*seed.messages] or [user(seed.text or "")]
        for _ in range(self.turns):
            reply = await ask(self.model, turns)
            turns.append(assistant(reply.text))
            [next_turn, *_] = await write_prompts(
                ask,
                self.user_model or self.model,
                "next_turn",
                conversation=turns,
                move=rng.choice(self.moves),
            )
            turns.append(user(next_turn.text))
        return [Prompt.of(turns)]
