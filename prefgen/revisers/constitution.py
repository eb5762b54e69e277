"""Criticise and rewrite an answer by principles that are drawn anew each round (Constitutional AI, arXiv
2212.08073, section 3).

Each round draws one principle, asks for a critique of the answer under it, then for a revision. All revisions
are kept, each with its parent and the principle, so that a dataset can be made of every one of them; a round
that is lost ends the chain and is counted, and one that finds nothing to object to, or to change, leaves the
answer alone. The
open recipe (alignment-handbook) takes one round.
"""

import re
from collections.abc import Mapping

from pydantic import Field, model_validator

from prefgen.errors import ReplyError
from prefgen.kit.constitutions import draw_principles
from prefgen.kit.judge_prompt import reviser_messages, text_for_judge
from prefgen.kit.responses import revised_response
from prefgen.kit.templates import render
from prefgen.plugins.decorators import reviser
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Revision
from prefgen.text.normalize import normalize
from prefgen.types import Critique, Prompt, Response, assistant, user

EXEMPLAR_FIELDS = {"request", "reply", "critique", "revision"}
_NO_OBJECTION = re.compile(
    r"(?:none[.:,;] )?(?:(?:i (?:have|see|find)|there (?:is|are)|there's) )?"
    r"(?:no objections?|nothing (?:here )?(?:to object to|objectionable))"
    r"(?: (?:here|at all|(?:to|in|with|about) (?:the|this) (?:last )?(?:reply|response|answer)))?"
    r"(?: ?[-.,:;!\u2013\u2014](?P<rest>.*))?",
    re.DOTALL,
)
_OF_WEIGHT = re.compile(
    r"\b(?:but|however|although|though|except|yet|still|only|minor|unless|while|nevertheless|despite|could|should"
    r"|would|might|better|instead|improve\w*|lacks?|miss\w*|one|fails?|ought|must|needs?)\b"
)
_LONGEST_REMARK = 300


@reviser("constitution")
class ConstitutionReviser(Plugin):
    """Rounds of critique and revision. Paper: 4 rounds, 16 principles, 5 examples; temperature 1 (from
    memory).
    """

    texts = ("revisers/reviser_system.j2", "revisers/critique.j2", "revisers/revision.j2")

    model: str = Field(description="The model that criticises and rewrites, by its name under `models`.")
    constitution: str = Field(
        default="harmless",
        description="A constitution whose principles have a critique and a revision wording.",
    )
    group: str | None = Field(
        default=None, description="The group of principles, where the constitution has groups."
    )
    rounds: int = Field(
        default=4, ge=1, description="Rounds, each on the revision before (paper: 4; the open recipe: 1)."
    )
    exemplars: tuple[Mapping[str, str], ...] = Field(
        default=(),
        description=(
            "Solved examples: request, reply, critique, revision and, if wanted, critique_request (paper: 5)."
        ),
    )
    seed: int = Field(default=0, description="Seed of the draws of principles.")

    @model_validator(mode="after")
    def _check_exemplars(self) -> "ConstitutionReviser":
        for number, example in enumerate(self.exemplars, 1):
            if set(example) - {"critique_request"} != EXEMPLAR_FIELDS:
                raise ValueError(
                    f"exemplar {number} must have {', '.join(sorted(EXEMPLAR_FIELDS))}; found "
                    f"{', '.join(sorted(example))}"
                )
        return self

    def validate(self) -> None:
        draw_principles(self.constitution, "critique", 1, self.seed, group=self.group)

    async def revise(self, prompt: Prompt, response: Response, ask: Ask) -> Revision:
        revisions: list[Response] = []
        critiques: list[Critique] = []
        failures: list[ReplyError] = []
        latest = response
        for number in range(self.rounds):
            try:
                critique, latest = await self._round(prompt, response, latest, number, ask)
            except ReplyError as error:
                failures.append(error)
                break
            critiques.append(critique)
            if latest is not response and latest not in revisions:
                revisions.append(latest)
        return Revision(tuple(revisions), tuple(critiques), tuple(failures))

    async def _round(
        self, prompt: Prompt, first: Response, latest: Response, number: int, ask: Ask
    ) -> tuple[Critique, Response]:
        [principle] = draw_principles(
            self.constitution, "critique", 1, self.seed, prompt.id, first.id, number, group=self.group
        )
        messages = reviser_messages(
            "revisers/critique.j2",
            prompt,
            text=text_for_judge(latest),
            critique=principle.critique,
            exemplars=[{"critique_request": "", **example} for example in self.exemplars],
        )
        critique_reply = await ask(self.model, messages, sample=number)
        critique = Critique(response_id=latest.id, principle_id=principle.id, text=critique_reply.text)
        if objects_to_nothing(critique_reply.text):
            return critique, latest
        revision_request = render(
            "revisers/revision.j2",
            revision=principle.revision or "Rewrite the reply accordingly.",
            exemplars=self.exemplars,
        )
        reply = await ask(
            self.model, [*messages, assistant(critique_reply.text), user(revision_request)], sample=number
        )
        revision = revised_response(
            prompt, latest, reply, ask, self.model, origin="revised", sample=number, principle=principle.id
        )
        return critique, revision or latest


def objects_to_nothing(critique: str) -> bool:
    """Whether a critique says that there is no objection, and nothing else of weight: the answer stays as it
    is, and no revision is asked for.
    """
    plain = normalize(critique).replace("\u2019", "'").replace("*", "").strip(" .!\"'")
    if len(plain) > _LONGEST_REMARK or (found := _NO_OBJECTION.fullmatch(plain)) is None:
        return False
    return _OF_WEIGHT.search(found["rest"] or "") is None
