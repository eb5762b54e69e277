"""Records and pairs as lines of JSON, in the columns of the Parquet that a run writes
(`prefgen.dataset.parquet`). (prefgen/dataset/serialize.py)
"""

from collections.abc import Sequence

from prefgen import Ask, Plugin, Prompt, Response, gather, sampler
from prefgen.dataset.read_run import read_records
from tests.support.recipes import a_recipe, run


class OfMyOwn(Response):
    """A response with a method more."""

    def shout(self) -> str:
        return self.text.upper()


@sampler("test_own_values")
class OwnValues(Plugin):
    model: str

    async def sample(self, prompt: Prompt, ask: Ask) -> Sequence[Response]:
        replies = await gather(ask(self.model, prompt.messages, sample=i) for i in range(2))
        return [OfMyOwn.of(prompt, r.message, model=ask.name, sample=i) for i, r in enumerate(replies)]


async def test_a_sampler_may_return_values_of_a_class_of_its_own(tmp_path):
    recipe = a_recipe()
    recipe["stages"][1] = {"sample": {"mine": {"use": "test_own_values", "model": "writer"}}}

    assert (await run(recipe, tmp_path / "out")).complete
    assert {r.model for record in read_records(tmp_path / "out") for r in record.responses} == {"mine"}
