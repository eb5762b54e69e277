"""Write prompts around keywords of a text and a stranger among them (SynPO, Dong et al., arXiv 2410.06961,
section 2.1). (prefgen/synthesizers/keywords.py)
"""

from prefgen.synthesizers.keywords import keywords_of
from tests.support.synthesizers import a_seed, an, asked_of, listed


def test_keywords_leave_out_names_stop_words_and_short_words():
    text = "Anna sails to Oslo. Boats carry timber, and Anna likes the timber. There were about nine of them."

    assert keywords_of(text) == ["sails", "boats", "carry", "timber", "likes", "nine"]
    assert keywords_of("港口的潮汐时钟。") == ["港口的潮汐时钟"]


async def test_keywords_come_from_the_seed_and_one_from_another_text():
    written, [asked] = await asked_of(
        an("keywords", seeds="s"), a_seed("boats carry timber", shots=["ovens bake bread"]), listed("A?")
    )

    words = written[0].lineage["keywords"]
    assert len(words) == 3
    assert len({"boats", "carry", "timber"} & set(words)) == 2
    assert ", ".join(words) in asked


async def test_too_few_keywords_are_lost_without_asking():
    [lost], asked = await asked_of(
        an("keywords", seeds="s"), a_seed("Anna and Oslo", shots=["them"]), "never"
    )

    assert lost.code == "too_few_keywords"
    assert asked == []
