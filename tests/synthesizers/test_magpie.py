"""Let a chat model write the user's turn itself, from nothing but the template that stands before one
(Magpie, Xu et al., arXiv 2406.08464). (prefgen/synthesizers/magpie.py)
"""

from prefgen.testing import Scripted, a_pool
from prefgen.types import Reply, Seed
from tests.support.synthesizers import an, asked_of, texts


async def test_magpie_ends_where_the_user_would_begin():
    written, [asked] = await asked_of(
        an("magpie", template="llama3", system=["Be a cook."]),
        Seed(index=0, seed=0),
        "  How long do eggs take?\n",
    )

    assert texts(written) == ["How long do eggs take?"]
    assert asked.startswith(
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe a cook.<|eot_id|>"
    )
    assert asked.endswith("<|start_header_id|>user<|end_header_id|>\n\n")
    assert written[0].lineage == {"system": "Be a cook."}


async def test_magpie_loses_what_was_cut_off():
    [lost] = await an("magpie").synthesize(
        Seed(index=0, seed=0), Scripted([Reply(text="How long", finish_reason="length")]), a_pool()
    )

    assert lost.code == "length"
