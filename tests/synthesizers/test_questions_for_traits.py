"""Questions whose answers show whether an assistant has a trait (Kundu et al., arXiv 2310.13798, section
2.1). (prefgen/synthesizers/questions_for_traits.py)
"""

from tests.support.synthesizers import a_seed, an, asked_of, listed


async def test_questions_for_a_trait_do_not_name_it_and_have_it_as_category():
    written, [asked] = await asked_of(
        an("questions_for_traits", per_seed=2, examples=["Q?"], seeds="s"),
        a_seed("It flatters."),
        listed("A?", "B?"),
    )

    assert [p.category for p in written] == ["It flatters."] * 2
    assert "It flatters." in asked
    assert "Q?" in asked
