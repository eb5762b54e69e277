"""The self-test of a server: some short requests that tell which of what prefgen asks for it answers, and
whether what it answers is true. Servers differ most in what they silently leave out: a temperature that is
not used, log-probabilities of other tokens, a schema that is not kept.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.calls.server_asked import ASKED, DRAW_TOKENS, AskedServer
from prefgen.calls.server_judgement import (
    echo_finding,
    logprobs_finding,
    schema_finding,
    seeds_findings,
)
from prefgen.calls.server_report import Build, Finding, ListedModel, ServerReport, State
from prefgen.transport.request import ModelResponse
from prefgen.transport.server_access import ServerAccess, ServerReply

LONG_NAME = "Invent a name of at least eighty letters for a small bird, and rate it from 1 to 5."
SCHEMA_TOKENS = 160
BEGUN = "The old fisherman walked along the beach and found"
CONTINUED_TOKENS = 8
MOST_NAME = 12
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": MOST_NAME},
        "rating": {"type": "integer", "enum": [1, 2, 3, 4, 5]},
    },
    "required": ["name", "rating"],
    "additionalProperties": False,
}
STOPS = ("@@1", "@@2", "@@3", "@@4", "@@5", "@@6")
MANY_ALTERNATIVES, FEW_ALTERNATIVES = 20, 5
NO_SUCH_MODEL = "prefgen-doctor-no-such-model"
LABELS = ("1", "2")
_LENGTHS = ("max_model_len", "context_length", "context_window", "max_context_length")
"""Where lists of models say how much a model reads and writes."""
_VERSION = re.compile(r"/v\d+\w*(?:/|$)")


async def check_server(access: ServerAccess, model: str = "") -> ServerReport:
    """What a server does with short requests to `model` (else the first that it lists). Never raises for
    what it answers.
    """
    report = ServerReport(access.address, model)
    try:
        await _ServerCheck(access, report).look()
    finally:
        report.requests, report.tokens = access.requests, access.tokens
    return report


async def build_of(access: ServerAccess, model: str) -> tuple[Build, ServerReply, Sequence[ListedModel]]:
    """(what tells its states apart, its answer to the question for its models, those). Asks no model."""
    listing = await access.get(f"{access.address}/models")
    models = _listed(listing.data) if listing.is_ok else ()
    root = next((each.root for each in models if each.id == model), "")
    version = ""
    if listing.status:
        said = await access.get(f"{access.root}/version")
        version = said.data.get("version") if said.is_ok and isinstance(said.data, Mapping) else ""
    return Build(_text(version), listing.software, root), listing, models


def _listed(data: Any) -> Sequence[ListedModel]:
    """The models of a list; what is none is left out."""
    entries = data.get("data") if isinstance(data, Mapping) else data
    listed = list[ListedModel]()
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and isinstance(entry.get("id"), str) and entry["id"]:
            lengths = [entry[name] for name in _LENGTHS if type(entry.get(name)) is int and entry[name] > 0]
            length = lengths[0] if lengths else None
            listed.append(
                ListedModel(entry["id"][:200], _text(entry.get("root")), _text(entry.get("parent")), length)
            )
    return listed


def _text(value: Any) -> str:
    return " ".join(value.split())[:200] if isinstance(value, str) else ""


def _state_of(reply: ServerReply) -> State:
    """What a reply without an answer says of what was asked for."""
    return "not offered" if reply.is_refusal or reply.is_no_route else "not known"


class _ServerCheck:
    """One look at a model of a server."""

    def __init__(self, access: ServerAccess, report: ServerReport) -> None:
        self._access, self._report = access, report
        self._asked = asked = AskedServer(access, report)
        self._chat, self._body, self._post = asked.chat, asked.body, asked.post

    async def look(self) -> None:
        report = self._report
        report.build, listing, report.models = await build_of(self._access, report.model)
        if (fault := self._fault_of_listing(listing)) is not None:
            report.fault = fault
            return
        if not report.model and report.models:
            report.model = report.models[0].id
            report.build = Build(report.build.version, report.build.software, report.models[0].root)
        if not report.model:
            why = f" ({listing.words})" if listing.words else ""
            report.fault = f"it lists no model{why}: say which with --model NAME{self._lacks_version()}"
            return
        self._asked.add(self._listed_finding(listing))
        chat = await self._asked.first_answer()
        if report.fault:
            return
        if chat:
            await self._look_at_draws(chat[0])
            looks = (self._look_at_n, self._look_at_logprobs, self._look_at_schema, self._look_at_stops)
            further = (*looks, self._look_at_names)
        else:
            further = ()
        found = await asyncio.gather(
            *(look() for look in further), self._look_at_echo(), self._look_at_embeddings(),
            self._look_at_scores(), self._look_at_tokens(has_chat=bool(chat)),
        )  # fmt: skip
        for findings in found:
            self._asked.add(*findings)
        self._asked.add(self._length_finding())

    def _fault_of_listing(self, listing: ServerReply) -> str | None:
        """Why nobody needs to ask further; None where that is to be tried."""
        if listing.status == 0:
            return f"no server answers ({listing.words})"
        if listing.status in (401, 403):
            named = self._access.key_env or "OPENAI_API_KEY"
            return f"it refuses the key of {named} ({listing.words})"
        if 300 <= listing.status < 400:
            return f"{listing.words}; no prompt and no key goes where nobody said: give that address"
        return None

    def _lacks_version(self) -> str:
        return "" if _VERSION.search(self._access.address) else ". Does the address lack /v1 at its end?"

    def _listed_finding(self, listing: ServerReply) -> Finding | None:
        model, models = self._report.model, self._report.models
        if not models:
            what = listing.words or "its list of models is empty"
            return Finding("models", "not offered", f"a list of models ({what})")
        if any(each.id == model for each in models):
            return Finding("models", "works", f"its list of models has {model!r}")
        names = ", ".join(each.id for each in models[:5])
        return Finding("models", "fails", f"its list of models does not have {model!r} (it has {names})")

    async def _look_at_draws(self, first: ModelResponse) -> None:
        """Whether draws differ, and equal seeds do not."""
        draws = [first]
        for seed in (2, 1, 3):
            _, responses, _ = await self._chat(self._body(ASKED, DRAW_TOKENS, temperature=1.0, seed=seed))
            if not responses:
                break
            draws.append(responses[0])
            if seed == 1 and draws[1].reply.text != first.reply.text:
                break
        self._asked.add(*seeds_findings([draw.reply for draw in draws], takes_seed=self._asked.takes_seed))

    async def _look_at_n(self) -> Sequence[Finding]:
        body = self._body(ASKED, DRAW_TOKENS, temperature=1.0, seed=5, n=2)
        reply, responses, wrong = await self._chat(body, 2)
        single = "Draws are asked for one by one: the prompt is read for each"
        if len(responses) == 2:
            return [Finding("n", "works", "several draws come of one request (n)")]
        if responses or reply.is_refusal:
            self._report.hints["n"] = False
            why = "n = 2 brings one draw" if responses else f"n = 2 is refused ({wrong})"
            return [Finding("n", "not offered", why, single, "n: false")]
        return [Finding("n", "not known", f"n = 2 is not answered ({wrong})")]

    async def _look_at_logprobs(self) -> Sequence[Finding]:
        """Log-probabilities of a chat's answer, and how many alternatives."""
        tried = list[tuple[int, ServerReply, Sequence[ModelResponse], str]]()
        for alternatives in (MANY_ALTERNATIVES, FEW_ALTERNATIVES):
            fields = {"temperature": 0, "logprobs": True, "top_logprobs": alternatives}
            reply, responses, wrong = await self._chat(self._body("Say one word.", 8, **fields))
            tried.append((alternatives, reply, responses, wrong))
            if responses or not reply.is_refusal:
                break
        alternatives, reply, responses, wrong = tried[-1]
        finding = logprobs_finding(
            responses[0].reply if responses else None, alternatives, wrong, is_refused=reply.is_refusal
        )
        if finding.state == "not offered":
            self._report.hints["alternatives"] = 0
        elif finding.state == "works" and alternatives < MANY_ALTERNATIVES:
            self._report.hints["alternatives"] = alternatives
        return [finding]

    async def _look_at_schema(self) -> Sequence[Finding]:
        wanted = {"name": "bird", "schema": SCHEMA, "strict": True}
        body = self._body(LONG_NAME, SCHEMA_TOKENS, temperature=0)
        body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        reply, responses, wrong = await self._chat(body)
        is_refused = reply.is_refusal or reply.status >= 500
        finding = schema_finding(
            responses[0].reply if responses else None, wrong, most=MOST_NAME, is_refused=is_refused
        )
        if finding.setting:
            self._report.hints["schema_as"] = "text"
        return [finding]

    async def _look_at_stops(self) -> Sequence[Finding]:
        reply, responses, wrong = await self._chat(self._body("Say one word.", 4, stop=list(STOPS)))
        if responses:
            return [Finding("stops", "works", f"{len(STOPS)} stop strings are taken")]
        if not reply.is_refusal:
            return [Finding("stops", "not known", f"stop strings: no answer ({wrong})")]
        cut = "prefgen sends four, and cuts at the others itself"
        return [Finding("stops", "not offered", f"more than four stop strings ({wrong})", cut)]

    async def _look_at_names(self) -> Sequence[Finding]:
        body = self._body("Say one word.", 1) | {"model": NO_SUCH_MODEL}
        reply, responses, wrong = await self._chat(body)
        if responses:
            means = "A name that is mistyped is answered by whatever is loaded: look which model it is"
            return [Finding("foreign", "fails", "a model that there is not is answered for", means)]
        if reply.is_refusal:
            return [
                Finding("foreign", "works", f"a model that there is not is refused (HTTP {reply.status})")
            ]
        return [Finding("foreign", "not known", f"a model that there is not: {wrong}")]

    async def _look_at_echo(self) -> Sequence[Finding]:
        """A text is continued, then the whole is read again: the same tokens have the same probabilities."""
        body: dict[str, Any] = {"model": self._report.model, "logprobs": 1}
        if self._asked.takes_temperature:
            body["temperature"] = 0
        reply = await self._post("completions", body | {"prompt": BEGUN, "max_tokens": CONTINUED_TOKENS})
        written, wrong = self._access.responses(reply, "completion")
        if not written:
            state = _state_of(reply)
            means = "Magpie and perplexity need them"
            return [Finding("completion", state, f"completions of a text ({wrong})", means)]
        found = Finding("completion", "works", "a text is continued (completions)")
        whole = BEGUN + written[0].reply.text
        again = await self._post("completions", body | {"prompt": whole, "max_tokens": 1, "echo": True})
        echoed, wrong = self._access.responses(again, "completion")
        return [
            found, echo_finding(written[0].reply, echoed[0].reply if echoed else None, whole, wrong)
        ]  # fmt: skip

    async def _look_at_embeddings(self) -> Sequence[Finding]:
        reply = await self._post("embeddings", {"model": self._report.model, "input": ["a bird"]})
        vectors, wrong = self._access.responses(reply, "embed")
        if vectors:
            return [Finding("embed", "works", "texts are embedded")]
        state = _state_of(reply)
        means = "Curators that compare meanings want another model for it"
        return [Finding("embed", state, f"embeddings ({wrong})", means)]

    async def _look_at_scores(self) -> Sequence[Finding]:
        """The routes of reward models."""
        model = self._report.model
        messages = [{"role": "user", "content": "Name a bird."}, {"role": "assistant", "content": "A wren."}]
        shown = {"model": model, "messages": messages, "use_activation": False}
        pair = {"model": model, "text_1": "Name a bird.", "text_2": "A wren.", "use_activation": False}
        asked = {"score": (pair, False), "classify": (shown, True), "pooling": (shown, True)}
        routes = [
            name for name, (body, above) in asked.items() if await self._scores(name, body, above=above)
        ]
        self._report.routes = routes
        if not routes:
            means = "As a reward model it cannot be asked; it may well write and judge"
            return [Finding("score", "not offered", "rewards (score, classify, pooling)", means)]
        best = next((name for name in ("classify", "pooling") if name in routes), "score")
        found = f"rewards are given by {', '.join(routes)}"
        means = "" if best != "score" else "score shows no chat template, which suits cross-encoders alone"
        return [Finding("score", "works", found, means, f"score_route: {best}")]

    async def _scores(self, name: str, body: Mapping[str, Any], *, above: bool) -> bool:
        responses, _ = self._access.responses(await self._post(name, body, above=above), "score")
        return bool(responses)

    async def _look_at_tokens(self, *, has_chat: bool) -> Sequence[Finding]:
        """Whether it tells how a text is split, and with that the probability of each label in an opened
        turn.
        """
        numbers = [await self._tokens_of(label) for label in LABELS]
        if not all(numbers):
            words = "the tokens of a text (/tokenize)"
            return [Finding("tokenize", "not offered", words, "Lengths of prompts are estimated")]
        findings = [Finding("tokenize", "works", "it tells the tokens of a text (/tokenize)")]
        if not has_chat or any(len(each) != 1 for each in numbers):
            return findings
        body = self._body("Rate a wren: 1 or 2?", 1, temperature=0)
        body["messages"].append({"role": "assistant", "content": "Rating: "})
        body |= {"add_generation_prompt": False, "continue_final_message": True, "logprobs": True}
        body["logprob_token_ids"] = [each[0] for each in numbers]
        _, responses, _ = await self._chat(body)
        places = responses[0].reply.logprobs if responses else ()
        seen = {choice.token.strip() for choice in places[0].top} if places else set[str]()
        if set(LABELS) <= seen:
            words = "the probability of every label is told in an opened turn (continue_final_message)"
            return [*findings, Finding("opened_turn", "works", words)]
        means = "Labels are asked for in a turn of its own"
        words = "the probability of every label in an opened turn"
        return [*findings, Finding("opened_turn", "not offered", words, means)]

    async def _tokens_of(self, text: str) -> Sequence[int]:
        body = {
            "model": self._report.model, "prompt": text, "content": text, "add_special_tokens": False
        }  # fmt: skip
        data = (await self._post("tokenize", body, above=True)).data
        tokens = data.get("tokens") if isinstance(data, Mapping) else None
        return [n for n in tokens if type(n) is int] if isinstance(tokens, list) else ()

    def _length_finding(self) -> Finding:
        listed = next((each for each in self._report.models if each.id == self._report.model), None)
        if listed is None or listed.max_model_len is None:
            return Finding("context", "not known", "how many tokens the model reads and writes")
        return Finding("context", "works", f"the model reads and writes {listed.max_model_len:,} tokens")
