"""Several models of a pool answer each prompt: which ones is drawn by prompt (UltraFeedback, arXiv
2310.01377, section 2.1).

With `principles`, each answer is written under a system prompt of a drawn principle, from a constitution with
paraphrases.
"""

from collections.abc import Mapping, Sequence

from pydantic import Field, model_validator

from prefgen.errors import ReplyError
from prefgen.kit.constitutions import Constitution, load_constitution
from prefgen.kit.gather import gather_settled
from prefgen.kit.responses import one_response
from prefgen.plugins.decorators import sampler
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask
from prefgen.stats.seeded_draws import exponential, seeded_order, uniform
from prefgen.types import Prompt, Response


@sampler("pool")
class Pool(Plugin):
    """`per_prompt` distinct models of `models` answer, `n` times each."""

    models: tuple[str, ...] = Field(min_length=1, description="The pool, by the names under `models`.")
    per_prompt: int = Field(default=4, ge=1, description="Distinct models a prompt (paper: 4 of 17).")
    n: int = Field(default=1, ge=1, description="Answers of each.")
    principles: str | None = Field(
        default=None, description="A constitution whose system prompts are mixed in, such as ultrafeedback."
    )
    seed: int = Field(default=0, description="Seed of the draws of models and principles.")
    reasoning: str = Field(
        default="drop", pattern="^(drop|keep)$", description="Whether reasoning goes into pairs."
    )

    @model_validator(mode="after")
    def _check_per_prompt(self) -> "Pool":
        if self.per_prompt > len(self.models):
            raise ValueError(f"per_prompt is {self.per_prompt} and the pool has {len(self.models)} models")
        return self

    def validate(self) -> None:
        if self.principles:
            load_constitution(self.principles)

    async def sample(self, prompt: Prompt, ask: Ask) -> Sequence[Response | ReplyError]:
        models = seeded_order(self.models, self.seed, prompt.id)[: self.per_prompt]
        constitution = load_constitution(self.principles) if self.principles else None
        requests = []
        for model in models:
            principle, system_text = self._choose_principle(constitution, prompt, model)
            requests += [
                one_response(
                    ask, model, prompt, i, self.reasoning, principle=principle, system_text=system_text
                )
                for i in range(self.n)
            ]
        return await gather_settled(requests)

    def _choose_principle(
        self, constitution: Constitution | None, prompt: Prompt, model: str
    ) -> tuple[str | None, str | None]:
        if constitution is None:
            return None, None
        mix: Mapping[str, float] = constitution.mix.get(prompt.source, constitution.mix.get("default", {}))
        options = [p for p in constitution.principles if p.system and (not mix or mix.get(p.id, 0) > 0)]
        if not options:
            return None, None
        weights = {p.id: mix.get(p.id, 1.0) for p in options}
        principle = min(options, key=lambda p: exponential(weights[p.id], self.seed, prompt.id, model, p.id))
        wording = min(principle.system, key=lambda text: uniform(self.seed, prompt.id, model, text))
        return principle.id, wording
