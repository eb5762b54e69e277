"""Change only what a critique names, so that chosen and rejected differ in that and in little else.

The flaws are those that judges of an earlier stage wrote about the answer, or, where there are none, those
that the model is asked to name. An answer without flaws is left alone.
"""

from pydantic import Field

from prefgen.kit.judge_prompt import reviser_messages, text_for_judge
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.replies import ask_and_parse, require_field
from prefgen.kit.reply_json import json_object
from prefgen.kit.responses import revised_response
from prefgen.plugins.decorators import reviser
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Revision
from prefgen.types import Critique, Prompt, Record, Reply, Response


@reviser("minimal_edit")
class MinimalEdit(Plugin):
    """One edited answer for each that has flaws."""

    texts = ("revisers/reviser_system.j2", "revisers/find_flaws.j2", "revisers/minimal_edit.j2")

    model: str = Field(description="The model that names flaws and edits, by its name under `models`.")
    most: int = Field(default=3, ge=1, description="Most flaws that are mended at once.")
    temperature: float | None = Field(default=0.0, ge=0, description="Temperature of both.")

    async def revise(self, prompt: Prompt, response: Response, ask: Ask, record: Record) -> Revision:
        known_flaws = [critique.text for critique in record.critiques if critique.response_id == response.id][
            : self.most
        ]
        flaws = known_flaws or await self._find_flaws(prompt, response, ask)
        if not flaws:
            return Revision(())
        messages = reviser_messages(
            "revisers/minimal_edit.j2", prompt, text=text_for_judge(response), flaws=flaws
        )
        reply = await ask(self.model, messages, temperature=self.temperature)
        revision = revised_response(
            prompt, response, reply, ask, self.model, temperature=self.temperature, origin="refined"
        )
        critiques = (
            () if known_flaws else tuple(Critique(response_id=response.id, text=flaw) for flaw in flaws)
        )
        if revision is None or revision.text == response.text.strip():
            return Revision((), critiques)
        return Revision((revision,), critiques)

    async def _find_flaws(self, prompt: Prompt, response: Response, ask: Ask) -> list[str]:
        messages = reviser_messages(
            "revisers/find_flaws.j2", prompt, text=text_for_judge(response), most=self.most
        )
        schema = {
            "title": "flaws", "type": "object", "required": ["flaws"], "additionalProperties": False,
            "properties": {"flaws": {"type": "array", "maxItems": self.most, "items": {"type": "string"}}},
        }  # fmt: skip

        def read_flaws(reply: Reply) -> list[str]:
            texts = require_field(json_object(reply.text), "flaws", list)
            if not all(isinstance(flaw, str) for flaw in texts):
                raise ParseFailure("wrong_type", f"expected a list of texts, found {texts!r:.120}")
            return [flaw for flaw in texts if flaw.strip()][: self.most]

        flaws, _ = await ask_and_parse(
            ask,
            self.model,
            messages,
            read_flaws,
            schema=schema,
            temperature=self.temperature,
        )
        return flaws
