"""Flag answers that win whatever the prompt is, by asking a judge about them under other prompts (the attack
of Zheng et al., arXiv 2410.07137).

Each answer is shown, in both orders, beside a plain and right answer to a request that it was not written
for. An honest answer to something else loses; one that is preferred there too was made for the judge. `wins`
scores 1 minus the mean probability with which it was preferred, and above `most` it is flagged, so that
pairers skip it. The filter of the same name looks at texts alone and costs nothing: use it first.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import yaml
from pydantic import Field

from prefgen.errors import RecipeError, ReplyError
from prefgen.kit.gather import gather
from prefgen.kit.judge_prompt import judge_messages
from prefgen.kit.labels import LabelJudge
from prefgen.kit.ratings import rate_each_text
from prefgen.kit.templates import text_file
from prefgen.plugins.decorators import judge
from prefgen.roles import Ask, Verdict
from prefgen.types import Flag, Prompt, Response, Score

DECOYS_FILE = "judges/injection_decoys.yaml"
ANSWER_LABELS = ("A", "B")


@judge("injection_guard")
class InjectionGuardJudge(LabelJudge):
    """A score of 0 (wins everywhere) to 1 for each answer, and a flag for those that win."""

    cost = "2 labels an answer and decoy: 6 an answer with 3 decoys"
    texts = ("judges/judge_system.j2", "judges/pairwise.j2", DECOYS_FILE)

    model: str = Field(description="The judging model that is to be protected, by its name under `models`.")
    decoys: int = Field(default=3, ge=1, description="Requests that the answer was not written for.")
    most: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="Mean probability of being preferred above which an answer is flagged.",
    )
    seed: int = Field(default=0, description="Seed of the draw of decoys.")

    def validate(self) -> None:
        if len(read_decoys()) < self.decoys:
            raise RecipeError(
                f"prompts/{DECOYS_FILE} has {len(read_decoys())} decoys, and {self.decoys} are wanted"
            )

    async def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        decoy_pairs = ask.rng(f"decoys/{self.seed}").sample(read_decoys(), self.decoys)

        async def rate(response: Response) -> list[Verdict | ReplyError]:
            try:
                probabilities = await gather(
                    self._win_probability(response, decoy, first, ask)
                    for decoy in decoy_pairs
                    for first in (True, False)
                )
            except ReplyError as error:
                return [error]
            mean = math.fsum(probabilities) / len(probabilities)
            rationale = f"preferred with {mean:.2f} to the right answers of {len(decoy_pairs)} other requests"
            return [
                Score(
                    response_id=response.id, aspect="wins", value=1 - mean, scale=(0, 1), rationale=rationale
                )
            ]

        verdicts = await rate_each_text(responses, rate)
        scores = [v for v in verdicts if isinstance(v, Score) and v.value is not None]
        flags = [
            Flag(target_id=s.response_id, rule=self.name, reason=s.rationale or "")
            for s in scores
            if 1 - (s.value or 0) > self.most
        ]
        return [*verdicts, *flags]

    async def _win_probability(
        self, response: Response, decoy: tuple[str, str], first: bool, ask: Ask
    ) -> float:
        request, answer = decoy
        messages = judge_messages(
            "judges/pairwise.j2",
            Prompt.of(request),
            texts=[response.text, answer] if first else [answer, response.text],
            labels=ANSWER_LABELS,
            preamble="base",
            instruction=None,
            principle=None,
            exemplars=(),
            reasoning=False,
            references=(),
            own_answer=None,
        )
        odds, _ = await self.label_probabilities(ask, self.model, messages, ANSWER_LABELS)
        return odds[0] if first else odds[1]


def read_decoys() -> list[tuple[str, str]]:
    """(request, answer) pairs."""
    path = text_file("prompts", DECOYS_FILE)
    return _parse_decoys(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _parse_decoys(path: str, _changed: int) -> list[tuple[str, str]]:
    with open(path, encoding="utf-8") as file:
        return [(decoy["request"], decoy["answer"]) for decoy in yaml.safe_load(file)]
