"""Write prompts around keywords of a text and a stranger among them (SynPO, Dong et al., arXiv 2410.06961,
section 2.1).

Keywords are drawn from the seed's text (2 in the paper) and from another row (1, the noise that makes prompts
differ). Names and stop words are left out: a word is a name when it stands with a capital letter within a
sentence, and nowhere without. The paper trains a generator on such triples; here a model is asked for it.
"""

import re
from collections.abc import Sequence
from random import Random

from pydantic import Field

from prefgen.errors import RecipeError, ReplyError, UnreadableReply
from prefgen.kit.prompt_writing import write_prompts
from prefgen.plugins.decorators import synthesizer
from prefgen.plugins.plugin import FromSeeds
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.types import Prompt, Seed

WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
STOP_WORDS = """
about above after again against also although always among another anything around away back because become
been before being below better between beyond both bring came cannot come could does doing done down each
either else enough even ever every everyone everything find first from further gave give given goes going
gone good great have having hence here hers herself himself however into itself just keep know last later
least less like little long look made make makes making many maybe might more most much must myself need
never next none nothing often once only other others ours ourselves over perhaps please quite rather really
same seem seen several shall should since some someone something soon still such sure take taken tell than
that their theirs them then there therefore these they thing things think this those though through thus
together told took toward under until upon used using very want well went were what whatever when where
whether which while whom whose will with within without would write year years your yours yourself
"""
STOP_WORD_SET = frozenset(STOP_WORDS.split())


@synthesizer("keywords")
class Keywords(FromSeeds):
    """One prompt a seed, in which its keywords matter."""

    seed_kind = "one text"
    cost = "1 request a seed"
    texts = ("synthesizers/writer_system.j2", "synthesizers/keywords.j2")

    model: str = Field(description="Who writes, by its name under `models`.")
    own: int = Field(default=2, ge=1, le=8, description="Keywords of the seed's text (paper: 2).")
    noise: int = Field(default=1, ge=0, le=4, description="Keywords of another row (paper: 1).")
    shots: int = Field(default=1, ge=0, description="Rows from which the noise is drawn.")

    def validate(self) -> None:
        super().validate()
        if self.noise and not self.shots:
            raise RecipeError("keywords: the noise is drawn from other rows, and `shots` is 0")

    async def synthesize(self, seed: Seed, ask: Ask, pool: Table) -> Sequence[Prompt | ReplyError]:
        rng = ask.rng(f"keywords/{self.seed}")
        own = sample_keywords(seed.text or "", self.own, rng, ())
        noise = sample_keywords("\n".join(seed.shots), self.noise, rng, own)
        if len(own) < self.own or len(noise) < self.noise:
            return [
                UnreadableReply(
                    f"too few keywords in the texts: {', '.join([*own, *noise]) or 'none'}",
                    code="too_few_keywords",
                )
            ]
        words = [*own, *noise]
        rng.shuffle(words)
        return [
            prompt.replacing(lineage={"keywords": words})
            for prompt in await write_prompts(ask, self.model, "keywords", keywords=words)
        ]


def sample_keywords(text: str, count: int, rng: Random, excluded: Sequence[str]) -> list[str]:
    """`count` keywords of a text (fewer where it has fewer), in a seeded draw."""
    candidates = [word for word in keywords_of(text) if word not in excluded]
    return rng.sample(candidates, min(count, len(candidates)))


def keywords_of(text: str) -> list[str]:
    """Words of four letters and more (two, in scripts without capitals) that are neither stop words nor
    names, each once, in order.
    """
    seen_lower: dict[str, bool] = {}
    names: set[str] = set()
    for match in WORD.finditer(text):
        word = match[0]
        folded = word.casefold()
        cased = word.upper() != word.lower()
        if len(word) < (4 if cased else 2) or folded in STOP_WORD_SET:
            continue
        seen_lower[folded] = seen_lower.get(folded, False) or not cased or word[0].islower()
        prefix = text[: match.start()].rstrip(" \t\"'“(")
        if cased and word[0].isupper() and prefix and prefix[-1] not in ".!?:\n":
            names.add(folded)
    return [word for word, is_lower in seen_lower.items() if is_lower or word not in names]
