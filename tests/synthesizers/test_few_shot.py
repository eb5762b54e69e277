"""Write new prompts like those of a file: a few of its rows are shown, others each time.
(prefgen/synthesizers/few_shot.py)
"""

from prefgen.testing import SHOTS
from tests.support.synthesizers import a_seed, an, asked_of, listed, texts


async def test_few_shot_shows_the_seed_and_its_examples_and_a_drawn_topic():
    seed = a_seed(shots=list(SHOTS))

    written, [asked] = await asked_of(
        an("few_shot", per_seed=2, about=["knots"], instructions="Be brief."), seed, listed("A?", "B?")
    )

    assert texts(written) == ["A?", "B?"]
    for shown in (seed.text, *SHOTS, "about knots", "Be brief."):
        assert shown in asked


async def test_few_shot_takes_a_template_of_ones_own():
    template = "{{ count }} like {{ text }} and {{ shots|length }}, level {{ metadata.level }}"

    _, [asked] = await asked_of(
        an("few_shot", template=template), a_seed("X", level=3, shots=["Y"]), listed("Z?")
    )

    assert asked == "1 like X and 2, level 3"
