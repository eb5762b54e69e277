"""One model answers at several temperatures, so that its answers differ in care and daring.
(prefgen/samplers/ladder.py)
"""

from prefgen.samplers.ladder import Ladder
from prefgen.testing import Scripted
from tests.support.sampled import PROMPT


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
