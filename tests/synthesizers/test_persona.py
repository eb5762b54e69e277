"""Write what a described person might ask (Persona Hub, Ge et al., arXiv 2406.20094): each row of `seeds` is
a persona. (prefgen/synthesizers/persona.py)
"""

from tests.support.synthesizers import a_seed, an, asked_of, listed


async def test_persona_asks_for_a_drawn_kind():
    _, [asked] = await asked_of(
        an("persona", kinds=["a recipe"], seeds="s.jsonl"), a_seed("A sailor."), listed("A?")
    )

    assert "as a recipe" in asked
    assert "A sailor." in asked
