"""A model that is not one: for trying prefgen out without network, key or weights.

It writes answers whose quality is planted and visible (the number of points they make), and judges by that
visible feature with a planted noise and a planted preference for the text shown first. Nothing here says
anything about real models; every row, card and manifest that holds its words names it "simulated".
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

from prefgen.plugins.decorators import backend
from prefgen.plugins.plugin import Plugin
from prefgen.transport.openai_replies import reply_of
from prefgen.transport.request import ModelRequest, ModelResponse
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
USER_TURN_START = re.compile(r"(?:user\W*|\[INST\])\Z")
"""Where a completion is to write a user's turn."""
EVOLVE_REQUEST = re.compile(r"\bno more than about twenty words longer\b")
TWIN_REQUEST = re.compile(r"\bthat is entirely harmless\b")
HARMLESS_MARK = "harmless and simulated"
FENCED_TEXT = re.compile(r"^<text (\w+)>\n(.*?)\n</text \1>$", re.DOTALL | re.MULTILINE)
REWRITE_REQUEST = re.compile(r"\b(?:rewrite|revise|improve)\b[^\n]*\Z", re.IGNORECASE)
"""The last line of a request for a better version of the last text."""
LABEL_CHOICE = re.compile(r"\b(\w+) or (\w+)\W*\Z")
NUMBER_SCALE = re.compile(r"from 1 \([^)]*\) to (\d+) \([^)]*\)\. Answer with the number")


@backend("simulated")
class Simulated(Plugin):
    """An embedded stand-in for a model."""

    asks_nobody = True

    skill: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="How many points answers tend to make; default: drawn from the model's name.",
    )
    noise: float = Field(
        default=0.5,
        ge=0,
        description="Standard deviation of the judge's error, in points of its scale of 1 to 5.",
    )
    position_bias: float = Field(
        default=0.3, description="Points that the judge adds to the text shown first."
    )
    latency_ms: float = Field(default=0.0, ge=0, description="Time that an answer takes.")

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator["SimulatedModel"]:
        """Nothing is opened."""
        yield SimulatedModel(self)


class SimulatedModel:
    """See `prefgen.transport.request.ConnectedModel`."""

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
        prompt_text = "\n\n".join(m.text for m in call.messages) or call.text or "\n".join(call.inputs)
        rng = Random(
            int.from_bytes(
                hashlib.blake2b(f"{call.model}|{seed}|{prompt_text}".encode(), digest_size=8).digest(), "big"
            )
        )
        name = f"simulated/{call.model}"
        if call.endpoint == "embed":
            data = [
                {"index": i, "embedding": [_embedding_value(text, j) for j in range(16)]}
                for i, text in enumerate(call.inputs)
            ]
            body: dict[str, Any] = {"data": data, "model": name}
        elif call.endpoint in ("score", "rank"):
            points = float(_count_points(call.messages[-1].text))
            body = {
                "data": [
                    {
                        "score": points
                        if call.endpoint == "score"
                        else _count_points(call.messages[-2].text) - points
                    }
                ],
                "model": name,
            }
        else:
            text = self._write_text(call, prompt_text, rng)
            usage = {"prompt_tokens": len(prompt_text) // 4 + 4, "completion_tokens": len(text) // 4 + 1}
            choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
            choice |= (
                {"message": {"role": "assistant", "content": text}}
                if call.endpoint == "chat"
                else {"text": text}
            )
            if call.endpoint == "completion" and call.logprobs and call.echo:
                choice["logprobs"] = _echo_logprobs(call.text)
                usage["completion_tokens"] = 0
            if call.logprobs and call.endpoint == "chat":
                label_probabilities = self._label_probabilities(prompt_text, Random(f"odds {prompt_text}"))
                top_logprobs = [
                    {"token": label, "logprob": math.log(max(p, 1e-9))} for label, p in label_probabilities
                ]
                choice["message"]["content"] = label_probabilities[0][0] if label_probabilities else text
                choice["logprobs"] = {
                    "content": [{**top_logprobs[0], "top_logprobs": top_logprobs}] if top_logprobs else []
                }
            body = {"choices": [choice], "model": name, "usage": usage}
        return ModelResponse(orjson.dumps(body), reply_of(body, call.endpoint), name)

    def _label_probabilities(self, prompt_text: str, rng: Random) -> list[tuple[str, float]]:
        """(label, probability) of the labels or numbers that a judge is asked for, the likeliest first; none
        where it is asked for neither.
        """
        texts = [match[2] for match in FENCED_TEXT.finditer(prompt_text)]
        label_match, number_match = LABEL_CHOICE.search(prompt_text), NUMBER_SCALE.search(prompt_text)
        if number_match and texts:
            highest = int(number_match[1])
            center = 1 + (self._quality(texts[-1], 1, rng) - 1) / 4 * (highest - 1)
            weights = [(str(n), math.exp(-((n - center) ** 2) / 2)) for n in range(1, highest + 1)]
        elif label_match and len(texts) >= 2:
            first_quality, second_quality = (self._quality(text, i, rng) for i, text in enumerate(texts[-2:]))
            weights = [(label_match[1], math.exp(first_quality)), (label_match[2], math.exp(second_quality))]
        else:
            return []
        total = math.fsum(weight for _, weight in weights)
        return sorted(((label, weight / total) for label, weight in weights), key=lambda item: -item[1])

    def _write_text(self, call: ModelRequest, prompt_text: str, rng: Random) -> str:
        texts = [match[2] for match in FENCED_TEXT.finditer(prompt_text)]
        last_message = call.messages[-1].text if call.messages else ""
        if call.schema is not None:
            if "prompts" in call.schema.get("properties", {}):
                return orjson.dumps(
                    {"prompts": self._write_prompts(call.schema, prompt_text, texts, rng)}
                ).decode()
            if "seeks_harm" in call.schema.get("properties", {}):
                return orjson.dumps(
                    {
                        "reason": "simulated: harmless is what says so",
                        "seeks_harm": HARMLESS_MARK not in prompt_text,
                    }
                ).decode()
            ratings = [self._quality(text, i, rng) for i, text in enumerate(texts)]
            return orjson.dumps(_fill_schema(call.schema, ratings, 0)).decode()
        if texts and REWRITE_REQUEST.search(last_message):
            return self._rewrite(texts[-1], rng)
        if texts and last_message.rstrip().endswith("Final judgment: yes or no"):
            passed = self._quality(texts[-1], 1, rng) >= 3
            return (
                f"simulated: {_count_points(texts[-1])} points are made.\n\nFinal judgment: "
                f"{'yes' if passed else 'no'}"
            )
        if texts:
            return "\n\n".join(
                f"Text {i + 1}\nRating: {round(self._quality(text, i, rng))}\nRationale: simulated: "
                f"{_count_points(text)} points are made."
                for i, text in enumerate(texts)
            )
        if call.endpoint == "completion" and USER_TURN_START.search(call.text):
            return self._write_prompts({}, prompt_text, (), rng)[0]
        skill = self._settings.skill
        if skill is None:
            skill = (
                int.from_bytes(hashlib.blake2b(call.model.encode(), digest_size=2).digest(), "big") / 65535
            )
        point_count = sum(rng.random() < 0.25 + 0.6 * skill for _ in POINTS)
        topic = " ".join(re.findall(r"\w+", call.messages[-1].text if call.messages else call.text)[:8])
        points = rng.sample(POINTS, point_count)
        return "\n".join(
            [
                f"(Simulated answer about: {topic})",
                *(f"- {point}" for point in points),
                f"That makes {point_count} points.",
            ]
        )

    def _rewrite(self, text: str, rng: Random) -> str:
        """The text with one visible point more, where there is one left."""
        unused_points = [point for point in POINTS if point not in text]
        kept_lines = [line for line in text.splitlines() if not line.startswith("That makes ")]
        new_lines = [f"- {rng.choice(unused_points)}"] if unused_points else []
        return "\n".join(
            [*kept_lines, *new_lines, f"That makes {_count_points(text) + len(new_lines)} points."]
        )

    def _write_prompts(
        self, schema: Mapping[str, Any], prompt_text: str, texts: Sequence[str], rng: Random
    ) -> list[str]:
        """Made-up questions; of a text that is to be evolved, that text with a wish more."""
        if texts and EVOLVE_REQUEST.search(prompt_text):
            return [f"{texts[-1].rstrip('.?! ')}, {rng.choice(WISHES)}?"]
        ending = f"({HARMLESS_MARK})" if TWIN_REQUEST.search(prompt_text) else rng.choice(WISHES)
        count = schema.get("properties", {}).get("prompts", {}).get("minItems", 1)
        return [f"{rng.choice(OPENINGS)} {rng.choice(THINGS)} {ending}?" for _ in range(count)]

    def _quality(self, text: str, position: int, rng: Random) -> float:
        """The judge's opinion on 1 to 5: the visible points, its noise, and its liking for what comes
        first.
        """
        value = 1 + 4 * _count_points(text) / len(POINTS) + rng.gauss(0, self._settings.noise)
        return min(5.0, max(1.0, value + (self._settings.position_bias if position == 0 else 0.0)))


def _count_points(text: str) -> int:
    return sum(point in text for point in POINTS)


def _embedding_value(text: str, axis: int) -> float:
    return hashlib.blake2b(f"{axis}|{text}".encode(), digest_size=1).digest()[0] / 255


def _fill_schema(schema: Mapping[str, Any], ratings: Sequence[float], index: int) -> Any:
    """A value that fits `schema`; numbers with a scale get the rating of the text that their key names
    (text_1, text_2 ...).
    """
    if "anyOf" in schema:
        return _fill_schema(schema["anyOf"][0], ratings, index)
    if "enum" in schema:
        return schema["enum"][index % len(schema["enum"])]
    kind = schema.get("type")
    if kind == "object":
        properties = {}
        for key, property_schema in schema.get("properties", {}).items():
            match = re.search(r"_(\d+)$", key)
            properties[key] = _fill_schema(property_schema, ratings, int(match[1]) - 1 if match else index)
        return properties
    if kind == "array":
        return [
            _fill_schema(schema["items"], ratings, index) for _ in range(max(1, schema.get("minItems", 1)))
        ]
    if kind in ("integer", "number"):
        low, high = schema.get("minimum", 1), schema.get("maximum", 5)
        rating = ratings[index] if index < len(ratings) else 3.0
        value = low + (rating - 1) / 4 * (high - low)
        return round(value) if kind == "integer" else round(value, 2)
    return True if kind == "boolean" else "simulated: judged by the points that the text makes"


def _echo_logprobs(text: str) -> dict[str, Any]:
    """Log-probabilities of a text's words: the longer a word, the more it surprises."""
    words = re.findall(r"\s*\S+", text)
    return {"tokens": words, "token_logprobs": [None, *(-0.5 * len(word.strip()) for word in words[1:])]}
