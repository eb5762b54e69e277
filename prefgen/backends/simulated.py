"""A model that is not one: for trying prefgen out without network, key or weights.

It writes answers whose quality is planted and visible (the number of points they make), and judges by that visible feature with a
planted noise and a planted preference for the text shown first. Nothing here says anything about real models; every row, card
and manifest that holds its words names it "simulated".
"""

import hashlib
import math
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import orjson
from pydantic import Field

from prefgen.plugins.registry import Plugin, backend
from prefgen.roles import ModelRequest, ModelResponse
from prefgen.transport.openai_protocol import reply_of
from prefgen.types import Reply

POINTS = (
    "First, it helps to say what the question is really about.",
    "A short example makes the idea easier to hold on to.",
    "There is a common mistake here, and it is worth naming.",
    "The usual advice has an exception that matters in practice.",
    "Two approaches exist; the simpler one is enough most of the time.",
    "A quick check at the end shows whether it worked.",
)
OPENINGS = (
    "How do I repair",
    "What should I know about",
    "Can you compare ways to store",
    "Who first thought of",
    "What is the use of",
)
THINGS = (
    "a garden fence",
    "old photographs",
    "a sourdough starter",
    "bicycle gears",
    "tide tables",
    "library catalogues",
    "wool blankets",
)
WISHES = (
    "with a small budget",
    "in ten minutes",
    "for a class of children",
    "without special tools",
    "in a cold climate",
    "step by step",
)
BEFORE_USER = re.compile(r"(?:user\W*|\[INST\])\Z")
"""Where a completion is to write a user's turn."""
EVOLVE = re.compile(r"\bno more than about twenty words longer\b")
TWIN = re.compile(r"\bthat is entirely harmless\b")
HARMLESS = "harmless and simulated"
SHOWN = re.compile(r"^<text (\w+)>\n(.*?)\n</text \1>$", re.DOTALL | re.MULTILINE)
REWRITE = re.compile(r"\b(?:rewrite|revise|improve)\b[^\n]*\Z", re.IGNORECASE)
"""The last line of a request for a better version of the last text."""
LABELS = re.compile(r"\b(\w+) or (\w+)\W*\Z")
NUMBERS = re.compile(r"from 1 \([^)]*\) to (\d+) \([^)]*\)\. Answer with the number")


@backend("simulated")
class Simulated(Plugin):
    """An embedded stand-in for a model."""

    skill: float | None = Field(
        None,
        ge=0,
        le=1,
        description="How many points answers tend to make; default: drawn from the model's name.",
    )
    noise: float = Field(
        0.5, ge=0, description="Standard deviation of the judge's error, in points of its scale of 1 to 5."
    )
    position_bias: float = Field(0.3, description="Points that the judge adds to the text shown first.")
    latency_ms: float = Field(0.0, ge=0, description="Time that an answer takes.")

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator["SimulatedModel"]:
        """Nothing is opened."""
        yield SimulatedModel(self)


class SimulatedModel:
    """See `prefgen.roles.Model`."""

    backend = "simulated"
    host = "simulated"

    def __init__(self, settings: Simulated) -> None:
        self._settings = settings

    async def send(self, call: ModelRequest) -> Sequence[ModelResponse]:
        import asyncio

        if self._settings.latency_ms:
            await asyncio.sleep(self._settings.latency_ms / 1000)
        return [self._answer(call, seed) for seed in call.seeds]

    def parse(self, raw: bytes, endpoint: str) -> Reply:
        return reply_of(orjson.loads(raw), endpoint)

    def _answer(self, call: ModelRequest, seed: int | None) -> ModelResponse:
        shown = "\n\n".join(m.text for m in call.messages) or call.text or "\n".join(call.inputs)
        rng = Random(
            int.from_bytes(
                hashlib.blake2b(f"{call.model}|{seed}|{shown}".encode(), digest_size=8).digest(), "big"
            )
        )
        name = f"simulated/{call.model}"
        if call.endpoint == "embed":
            data = [
                {"index": i, "embedding": [_unit(text, j) for j in range(16)]}
                for i, text in enumerate(call.inputs)
            ]
            whole: dict[str, Any] = {"data": data, "model": name}
        elif call.endpoint in ("score", "rank"):
            points = float(_points(call.messages[-1].text))
            whole = {
                "data": [
                    {
                        "score": points
                        if call.endpoint == "score"
                        else _points(call.messages[-2].text) - points
                    }
                ],
                "model": name,
            }
        else:
            text = self._text(call, shown, rng)
            usage = {"prompt_tokens": len(shown) // 4 + 4, "completion_tokens": len(text) // 4 + 1}
            choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
            choice |= (
                {"message": {"role": "assistant", "content": text}}
                if call.endpoint == "chat"
                else {"text": text}
            )
            if call.endpoint == "completion" and call.logprobs and call.echo:
                choice["logprobs"] = _echoed(call.text)
                usage["completion_tokens"] = 0
            if call.logprobs and call.endpoint == "chat":
                odds = self._odds(shown, Random(f"odds {shown}"))
                top = [{"token": label, "logprob": math.log(max(p, 1e-9))} for label, p in odds]
                choice["message"]["content"] = odds[0][0] if odds else text
                choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}] if top else []}
            whole = {"choices": [choice], "model": name, "usage": usage}
        return ModelResponse(orjson.dumps(whole), reply_of(whole, call.endpoint), name)

    def _odds(self, shown: str, rng: Random) -> list[tuple[str, float]]:
        """(label, probability) of the labels or numbers that a judge is asked for, the likeliest first; none where it is asked for neither."""
        texts = [match[2] for match in SHOWN.finditer(shown)]
        labels, numbers = LABELS.search(shown), NUMBERS.search(shown)
        if numbers and texts:
            top = int(numbers[1])
            middle = 1 + (self._quality(texts[-1], 1, rng) - 1) / 4 * (top - 1)
            weights = [(str(n), math.exp(-((n - middle) ** 2) / 2)) for n in range(1, top + 1)]
        elif labels and len(texts) >= 2:
            first, second = (self._quality(text, i, rng) for i, text in enumerate(texts[-2:]))
            weights = [(labels[1], math.exp(first)), (labels[2], math.exp(second))]
        else:
            return []
        total = math.fsum(weight for _, weight in weights)
        return sorted(((label, weight / total) for label, weight in weights), key=lambda item: -item[1])

    def _text(self, call: ModelRequest, shown: str, rng: Random) -> str:
        texts = [match[2] for match in SHOWN.finditer(shown)]
        wanted = call.messages[-1].text if call.messages else ""
        if call.schema is not None:
            if "prompts" in call.schema.get("properties", {}):
                return orjson.dumps({"prompts": self._prompts(call.schema, shown, texts, rng)}).decode()
            if "seeks_harm" in call.schema.get("properties", {}):
                return orjson.dumps(
                    {"reason": "simulated: harmless is what says so", "seeks_harm": HARMLESS not in shown}
                ).decode()
            ratings = [self._quality(text, i, rng) for i, text in enumerate(texts)]
            return orjson.dumps(_fill(call.schema, ratings, 0)).decode()
        if texts and REWRITE.search(wanted):
            return self._rewritten(texts[-1], rng)
        if texts and wanted.rstrip().endswith("Final judgment: yes or no"):
            passed = self._quality(texts[-1], 1, rng) >= 3
            return f"simulated: {_points(texts[-1])} points are made.\n\nFinal judgment: {'yes' if passed else 'no'}"
        if texts:
            return "\n\n".join(
                f"Text {i + 1}\nRating: {round(self._quality(text, i, rng))}\nRationale: simulated: {_points(text)} points are made."
                for i, text in enumerate(texts)
            )
        if call.endpoint == "completion" and BEFORE_USER.search(call.text):
            return self._prompts({}, shown, (), rng)[0]
        skill = self._settings.skill
        if skill is None:
            skill = (
                int.from_bytes(hashlib.blake2b(call.model.encode(), digest_size=2).digest(), "big") / 65535
            )
        made = sum(rng.random() < 0.25 + 0.6 * skill for _ in POINTS)
        topic = " ".join(re.findall(r"\w+", call.messages[-1].text if call.messages else call.text)[:8])
        points = rng.sample(POINTS, made)
        return "\n".join(
            [
                f"(Simulated answer about: {topic})",
                *(f"- {point}" for point in points),
                f"That makes {made} points.",
            ]
        )

    def _rewritten(self, text: str, rng: Random) -> str:
        """The text with one visible point more, where there is one left."""
        left = [point for point in POINTS if point not in text]
        kept = [line for line in text.splitlines() if not line.startswith("That makes ")]
        added = [f"- {rng.choice(left)}"] if left else []
        return "\n".join([*kept, *added, f"That makes {_points(text) + len(added)} points."])

    def _prompts(self, schema: Mapping[str, Any], shown: str, texts: Sequence[str], rng: Random) -> list[str]:
        """Made-up questions; of a text that is to be evolved, that text with a wish more."""
        if texts and EVOLVE.search(shown):
            return [f"{texts[-1].rstrip('.?! ')}, {rng.choice(WISHES)}?"]
        ending = f"({HARMLESS})" if TWIN.search(shown) else rng.choice(WISHES)
        wanted = schema.get("properties", {}).get("prompts", {}).get("minItems", 1)
        return [f"{rng.choice(OPENINGS)} {rng.choice(THINGS)} {ending}?" for _ in range(wanted)]

    def _quality(self, text: str, position: int, rng: Random) -> float:
        """The judge's opinion on 1 to 5: the visible points, its noise, and its liking for what comes first."""
        value = 1 + 4 * _points(text) / len(POINTS) + rng.gauss(0, self._settings.noise)
        return min(5.0, max(1.0, value + (self._settings.position_bias if position == 0 else 0.0)))


def _points(text: str) -> int:
    return sum(point in text for point in POINTS)


def _unit(text: str, axis: int) -> float:
    return hashlib.blake2b(f"{axis}|{text}".encode(), digest_size=1).digest()[0] / 255


def _fill(schema: Mapping[str, Any], ratings: Sequence[float], index: int) -> Any:
    """A value that fits `schema`; numbers with a scale get the rating of the text that their key names (text_1, text_2 ...)."""
    if "anyOf" in schema:
        return _fill(schema["anyOf"][0], ratings, index)
    if "enum" in schema:
        return schema["enum"][index % len(schema["enum"])]
    kind = schema.get("type")
    if kind == "object":
        out = {}
        for key, part in schema.get("properties", {}).items():
            numbered = re.search(r"_(\d+)$", key)
            out[key] = _fill(part, ratings, int(numbered[1]) - 1 if numbered else index)
        return out
    if kind == "array":
        return [_fill(schema["items"], ratings, index) for _ in range(max(1, schema.get("minItems", 1)))]
    if kind in ("integer", "number"):
        low, high = schema.get("minimum", 1), schema.get("maximum", 5)
        rating = ratings[index] if index < len(ratings) else 3.0
        value = low + (rating - 1) / 4 * (high - low)
        return round(value) if kind == "integer" else round(value, 2)
    return True if kind == "boolean" else "simulated: judged by the points that the text makes"


def _echoed(text: str) -> dict[str, Any]:
    """Log-probabilities of a text's words: the longer a word, the more it surprises."""
    words = re.findall(r"\s*\S+", text)
    return {"tokens": words, "token_logprobs": [None, *(-0.5 * len(word.strip()) for word in words[1:])]}
