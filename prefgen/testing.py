"""For tests of plug-ins, public: a scripted `ask`, sample records, and the contract that every plug-in of a
role keeps.

ask = Scripted(["Rating: 4"])                        # the replies, in the order asked
ask = Scripted(lambda text: "Rating: 5" if "Sure!" in text else "Rating: 2")
record = a_record("Help?", "Sure!", "No.")           # response ids are r0, r1
await contract_of_judge(MyJudge(), ask)
"""

import asyncio
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from prefgen.errors import ReplyError, UnreadableReply
from prefgen.plugins.type_words import kind_of
from prefgen.roles import Messages
from prefgen.tables import Table
from prefgen.types import Comparison, Flag, Message, Prompt, Record, Reply, Response, Score, Seed, user


class Scripted:
    """An `ask` that answers from a list (in the order asked; the last one repeats) or from a function of the
    request's text.
    """

    def __init__(
        self, script: Sequence[str | Reply] | Callable[[str], str | Reply], *, seed: int = 0
    ) -> None:
        self.name = "scripted"
        self._script = script
        self._seed = seed
        self.asked: list[tuple[str, tuple[Message, ...]]] = []
        self.options_of: Mapping[str, Any] = {}

    def again(self) -> "Scripted":
        """The same script from its beginning, with the same seed: a function must depend on its argument
        alone.
        """
        return Scripted(self._script, seed=self._seed)

    async def __call__(self, model: str, messages: Messages, /, **_: Any) -> Reply:
        turns = (user(messages),) if isinstance(messages, str) else tuple(messages)
        self.asked.append((model, turns))
        reply: str | Reply
        if callable(self._script):
            reply = self._script("\n\n".join(m.text for m in turns))
        else:
            reply = self._script[min(len(self.asked), len(self._script)) - 1]
        await asyncio.sleep(0)
        return reply if isinstance(reply, Reply) else Reply(text=reply, finish_reason="stop", model=model)

    async def complete(self, model: str, text: str, /, **options: Any) -> Reply:
        return await self(model, text, **options)

    async def score(
        self, model: str, prompt: Prompt, response: Response, other: Response | None = None, /
    ) -> float:
        text = (
            await self(model, [*prompt.messages, *response.messages, *(other.messages if other else ())])
        ).text
        try:
            return float(text)
        except ValueError:
            raise UnreadableReply(f"the script's reward is no number: {text[:60]!r}") from None

    async def embed(self, model: str, texts: Sequence[str], /) -> list[list[float]]:
        return [[float(len(text)), 1.0] for text in texts]

    async def step(self, name: str, function: Callable[..., Any], /, *args: Any, version: int = 1) -> Any:
        return function(*args)

    def rng(self, name: str) -> Random:
        return Random(f"{self._seed}/{name}")

    def label(self, model: str) -> str:
        return model

    def options(self, model: str) -> Mapping[str, Any]:
        return self.options_of


def a_record(
    prompt: str | Prompt, *responses: str, scores: Mapping[str, Sequence[float]] | None = None
) -> Record:
    """A record of `prompt` and `responses` with the ids r0, r1 ...; `scores` is {judge: one value a response}
    on a scale of 1 to 5.
    """
    record_prompt = Prompt.of(prompt) if isinstance(prompt, str) else prompt
    record_responses = tuple(
        Response.of(record_prompt, text, model=f"model-{i}", sample=0, finish_reason="stop").model_copy(
            update={"id": f"r{i}"}
        )
        for i, text in enumerate(responses)
    )
    record_scores = tuple(
        Score(response_id=f"r{i}", aspect="overall", value=value, scale=(1, 5), judge=judge)
        for judge, values in (scores or {}).items()
        for i, value in enumerate(values)
    )
    return Record(prompt=record_prompt, responses=record_responses, scores=record_scores)


def _from_the_beginning(ask: Any) -> Scripted | None:
    """An `ask` that says the same once more; of one that is no `Scripted` that cannot be had, which is
    said.
    """
    if isinstance(ask, Scripted):
        return ask.again()
    warnings.warn(
        f"whether the same replies give the same was not checked: {ask!r} is no Scripted", stacklevel=3
    )
    return None


async def contract_of_judge(judge: Any, ask: Any, record: Record | None = None) -> list[Any]:
    """Check what every judge must keep, and return its verdicts. Raises AssertionError naming the rule that
    is broken.

    It covers every response; scores are finite and on their scale; the same replies give the same verdicts;
    an unusable reply raises ReplyError or covers nothing with a number.
    """
    from prefgen.kit.call_method import call_method

    sample_record = record or a_record(
        "Name a colour.", "Blue is a colour.", "I would say green, perhaps.", "Red."
    )
    verdicts = list(
        await call_method(
            judge.judge, sample_record.prompt, sample_record.responses, ask, record=sample_record
        )
    )
    covered_responses = collect_covered_ids(verdicts)
    missing = [r.id for r in sample_record.responses if r.id not in covered_responses]
    assert not missing, f"the judge left out the responses {missing}"
    for verdict in verdicts:
        if isinstance(verdict, Score) and verdict.value is not None:
            assert math.isfinite(verdict.value), (
                f"{verdict.aspect} of {verdict.response_id} is {verdict.value}"
            )
    if (same_ask := _from_the_beginning(ask)) is not None:
        repeat_verdicts = list(
            await call_method(
                judge.judge, sample_record.prompt, sample_record.responses, same_ask, record=sample_record
            )
        )
        assert repeat_verdicts == verdicts, (
            "the same replies gave other verdicts: is there a clock or an unseeded random in it?"
        )
    if getattr(ask, "asked", None):
        for bad_reply in ("", "I cannot say.", "Rating: 900"):
            try:
                bad_verdicts = await call_method(
                    judge.judge,
                    sample_record.prompt,
                    sample_record.responses,
                    Scripted([bad_reply]),
                    record=sample_record,
                )
            except ReplyError:
                continue
            numeric_verdicts = [
                v
                for v in bad_verdicts
                if (isinstance(v, Score) and v.value is not None) or isinstance(v, Comparison)
            ]
            assert not numeric_verdicts, f"the reply {bad_reply!r} became {numeric_verdicts[0]!r}"
    return verdicts


async def contract_of_synthesizer(synthesizer: Any, ask: Any, seed: Seed | None = None) -> list[Any]:
    """Check what every synthesizer must keep, and return its prompts. Raises AssertionError naming the rule
    that is broken.

    It gives prompts that end with a user's turn that is not empty; the same replies give the same prompts; a
    reply that cannot be used raises ReplyError, or stands in the result as one, and is never a prompt.
    """
    from prefgen.kit.call_method import call_method

    start_seed = seed or Seed(
        index=0, seed=0, text="The tide clock on the harbour wall shows when boats may leave.", shots=SHOTS
    )
    pool = a_pool()
    results = list(await call_method(synthesizer.synthesize, start_seed, ask, pool))
    prompts = [item for item in results if not isinstance(item, ReplyError)]
    assert prompts, "the synthesizer wrote nothing"
    for prompt in prompts:
        assert isinstance(prompt, Prompt), f"the synthesizer returned {kind_of(prompt)}, not a Prompt"
        assert prompt.messages[-1].role == "user", "a prompt must end with a user's turn"
        assert prompt.messages[-1].text.strip(), "a prompt is empty"
    if (same_ask := _from_the_beginning(ask)) is not None:
        repeat_results = list(await call_method(synthesizer.synthesize, start_seed, same_ask, pool))
        assert [p for p in repeat_results if isinstance(p, Prompt)] == prompts, (
            "the same replies gave other prompts: is there an unseeded random in it?"
        )
    if getattr(ask, "asked", None):
        try:
            bad_results = await call_method(synthesizer.synthesize, start_seed, Scripted(["   "]), pool)
        except ReplyError:
            return results
        assert not [item for item in bad_results if isinstance(item, Prompt)], (
            "an empty reply became a prompt"
        )
    return results


SHOTS = ("How do lighthouses get their power?", "Name three knots for mooring a small boat.")


def a_pool() -> Table:
    """Two prompts, as a synthesizer sees those that there are already."""
    import pyarrow as pa

    columns = ("id", "text", "conversation", "source", "category", "language")
    rows = [
        dict.fromkeys(columns, text) for text in ("What is a spring tide?", "Why does the sea taste of salt?")
    ]
    return Table(pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in columns])))


def collect_covered_ids(verdicts: Sequence[Any]) -> set[str]:
    """The ids of the responses that some verdict is about."""
    response_ids: set[str] = set()
    for verdict in verdicts:
        if isinstance(verdict, Score):
            response_ids.add(verdict.response_id)
        elif isinstance(verdict, Comparison):
            response_ids |= {verdict.first_id, verdict.second_id}
        elif isinstance(verdict, Flag):
            response_ids.add(verdict.target_id)
    return response_ids


def contract_of_pairer(pairer: Any, record: Record) -> list[Any]:
    """Check what every pairer must keep, and return its pairs: pure, no self-pairs, chosen never below
    rejected, each pair once.
    """
    pairs = list(pairer.pair(record, Random(7)))
    assert pairs == list(pairer.pair(record, Random(7))), "the same record and generator gave other pairs"
    response_ids = {r.id for r in record.responses}
    seen: set[frozenset[str]] = set()
    for pair in pairs:
        sides = frozenset((pair.chosen_id, pair.rejected_id))
        assert sides <= response_ids, f"{pair} names a response that the record does not have"
        assert sides not in seen, f"{pair} stands twice, or both ways round"
        assert not sides & record.flagged(), f"{pair} holds a flagged response"
        seen.add(sides)
    return pairs
