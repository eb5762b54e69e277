"""A server that is looked at, asked by requests as it takes them: which of the plainest fields those are is
learnt first, so that all else can be asked.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.calls.server_judgement import usage_finding
from prefgen.calls.server_report import Finding, ServerReport
from prefgen.transport.request import ModelResponse
from prefgen.transport.server_access import ServerAccess, ServerReply

ASKED = "Invent a name for a small bird, and say in one sentence why it is called so."
DRAW_TOKENS = 24
AT_ONCE = 4


class AskedServer:
    """A model of a server; what is found goes into its report."""

    def __init__(self, access: ServerAccess, report: ServerReport) -> None:
        self.access, self.report = access, report
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._token_field: str | None = "max_tokens"
        self.takes_temperature = self.takes_seed = True

    def add(self, *findings: Finding | None) -> None:
        self.report.findings += [finding for finding in findings if finding is not None]

    def body(self, content: str, tokens: int, **fields: Any) -> dict[str, Any]:
        """A chat request as this server takes it."""
        body: dict[str, Any] = {
            "model": self.report.model,
            "messages": [{"role": "user", "content": content}],
        }
        if self._token_field:
            body[self._token_field] = tokens
        if not self.takes_temperature:
            fields.pop("temperature", None)
        if not self.takes_seed:
            fields.pop("seed", None)
        return body | fields

    async def post(self, path: str, body: Mapping[str, Any], *, above: bool = False) -> ServerReply:
        base = self.access.root if above else self.access.address
        async with self._slots:
            return await self.access.post(f"{base}/{path}", body)

    async def chat(
        self, body: Mapping[str, Any], draws: int = 1
    ) -> tuple[ServerReply, Sequence[ModelResponse], str]:
        """(what came, its answers, what is wrong with it); asked twice where the server failed."""
        reply = await self.post("chat/completions", body)
        if reply.status >= 500 and not reply.is_no_route:
            reply = await self.post("chat/completions", body)
        responses, wrong = self.access.responses(reply, "chat", draws)
        return reply, responses, wrong

    async def first_answer(self) -> Sequence[ModelResponse]:
        """A first draw, and which of the plainest fields the server takes. Sets the report's fault where it
        answers nothing at all.
        """
        reply, responses, wrong = await self.chat(self.body(ASKED, DRAW_TOKENS, temperature=1.0, seed=1))
        if responses:
            self.add(
                Finding("chat", "works", "a chat is answered"),
                usage_finding(reply.data, responses[0].reply),
            )
            await self._learn_temperature()
            self.report.fingerprint = self.access.plain(responses[0].fingerprint)[:80]
            return responses
        if reply.is_no_route and self.report.lacks_model:
            known = ", ".join(each.id for each in self.report.models[:5])
            self.report.fault = f"it has no model {self.report.model!r} ({wrong}); it has {known}"
            return ()
        if reply.is_no_route and self.report.models:
            self.add(
                Finding(
                    "chat", "not offered", f"chats ({wrong})", "Only what stands below can be asked of it"
                )
            )
            return ()
        if not reply.is_refusal and reply.status < 500:
            self.report.fault = self._fault_of_chat(reply, wrong)
            return ()
        return await self._learn_fields(wrong)

    def _fault_of_chat(self, reply: ServerReply, wrong: str) -> str:
        if reply.status in (401, 402, 403):
            return f"a chat is refused ({wrong}): is the key in {self.access.key_env} right?"
        if reply.status == 0:
            return f"a chat is not answered ({wrong}); a server that loads its model first wants --timeout"
        return f"a chat is not answered ({wrong})"

    async def _learn_fields(self, wrong: str) -> Sequence[ModelResponse]:
        """Ask without any field, then with each by itself."""
        self._token_field, self.takes_temperature, self.takes_seed = None, False, False
        reply, responses, still_wrong = await self.chat(self.body("Say one word.", 0))
        if not responses:
            known = ", ".join(each.id for each in self.report.models[:5])
            lists = f"; it has {known}" if known and reply.status == 404 else ""
            self.report.fault = f"a chat is refused ({still_wrong or wrong}){lists}"
            return ()
        self.add(
            Finding("chat", "works", "a chat is answered"), usage_finding(reply.data, responses[0].reply)
        )
        for field in ("max_tokens", "max_completion_tokens"):
            if (await self.chat(self.body(ASKED, 0) | {field: DRAW_TOKENS}))[1]:
                self._token_field = field
                break
        self._note_token_field()
        await self._learn_temperature()
        self.takes_seed = bool((await self.chat(self._with("seed", 1)))[1])
        if not self.takes_seed:
            self.report.hints["send_seed"] = False
        fields = {"temperature": 1.0, "seed": 1}
        return (await self.chat(self.body(ASKED, DRAW_TOKENS, **fields)))[1] or responses

    async def _learn_temperature(self) -> None:
        """Models that reason take their own alone, which is 1."""
        reply, responses, wrong = await self.chat(self._with("temperature", 0))
        self.takes_temperature = bool(responses) or not reply.is_refusal
        if responses:
            self.add(Finding("temperature", "works", "a temperature is taken"))
        elif reply.is_refusal:
            means = "Models that reason draw as they will"
            words = f"a temperature of 0 is refused ({wrong})"
            self.add(Finding("temperature", "fails", words, means, "temperature: null"))

    def _with(self, field: str, value: Any) -> dict[str, Any]:
        return self.body(ASKED, DRAW_TOKENS) | {field: value}

    def _note_token_field(self) -> None:
        if self._token_field == "max_completion_tokens":
            self.report.hints["token_field"] = self._token_field
            self.add(
                Finding(
                    "token_field", "works", "the limit of tokens is called max_completion_tokens",
                    setting="token_field: max_completion_tokens",
                )
            )  # fmt: skip
        elif self._token_field is None:
            self.add(Finding("token_field", "fails", "no limit of tokens is taken", "Answers may get long"))
