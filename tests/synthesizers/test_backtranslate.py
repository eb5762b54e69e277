"""From texts that people wrote to the requests that they answer (instruction backtranslation, Li et al.,
arXiv 2308.06259). (prefgen/synthesizers/backtranslate.py)
"""

from tests.support.synthesizers import a_seed, an, asked_of, listed


async def test_a_request_is_kept_when_the_text_answers_it_and_the_text_becomes_its_reference():
    rate = '{"rationale": "It does.", "rating": %d}'

    [kept], _ = await asked_of(
        an("backtranslate", seeds="s"), a_seed("Tides rise twice."), listed("When do tides rise?"), rate % 4
    )
    [lost], _ = await asked_of(
        an("backtranslate", seeds="s"), a_seed("Tides rise twice."), listed("What is bread?"), rate % 2
    )

    assert kept.references == ("Tides rise twice.",)
    assert kept.lineage["fit"] == 4
    assert lost.code == "poor_fit"
