"""Samplers that vary one thing: temperature, system prompt, a reward model's choice."""

from prefgen.errors import TruncatedReply
from prefgen.samplers.best_of import BestOf
from prefgen.samplers.contrast import Contrast
from prefgen.samplers.ladder import Ladder
from prefgen.testing import Scripted
from prefgen.types import Prompt, Response

PROMPT = Prompt.of("Say hello.")


async def test_a_ladder_asks_at_each_temperature_and_notes_it():
    seen = []

    class Notes(Scripted):
        async def __call__(self, model, messages, /, **options):
            seen.append((options["temperature"], options["sample"]))
            return await super().__call__(model, messages)

    responses = await Ladder(model="m", temperatures=(0.0, 1.0), n=2).sample(PROMPT, Notes(["Hello."]))

    assert sorted(seen) == [(0.0, 0), (1.0, 0), (1.0, 1)]
    assert [r.sampling["temperature"] for r in responses] == [0.0, 1.0, 1.0]
    assert len({r.id for r in responses}) == 3


async def test_contrast_asks_under_opposed_system_prompts():
    ask = Scripted(lambda text: "Hello!" if "Be kind." in text else "What?")

    responses = await Contrast(model="m", toward="Be kind.", away="Be rude.").sample(PROMPT, ask)

    assert [(r.principle, r.text) for r in responses] == [("toward", "Hello!"), ("away", "What?")]


async def test_best_of_keeps_what_the_reward_model_likes_and_counts_what_was_lost():
    draws = iter(["worse", " ", "best", "good"])

    def says(text):
        for word, score in (("worse", "0.1"), ("best", "0.9"), ("good", "0.5")):
            if word in text:
                return score
        return next(draws)

    kept = await BestOf(model="m", scorer="r", n=4, keep=2).sample(PROMPT, Scripted(says))

    assert [r.text for r in kept if isinstance(r, Response)] == ["best", "good"]
    assert [type(r) for r in kept if not isinstance(r, Response)] == [TruncatedReply]
