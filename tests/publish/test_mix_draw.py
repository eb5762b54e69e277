"""Which pairs of its parts a mix takes. (prefgen/publish/mix_draw.py)"""

import re
from random import Random

import pytest

from prefgen.errors import RecipeError
from prefgen.publish.mix_draw import MixPart, draw_parts, parse_part
from prefgen.stats.seeded_draws import uniform

WORDS = [f"word{i}" for i in range(200)]


def jaccard(one, two):
    first, second = (
        {tuple(text.split()[i : i + 3]) for i in range(len(text.split()) - 2)} for text in (one, two)
    )
    return len(first & second) / len(first | second)


def expected(parts, prompts, seed):
    """The same by definition: every text against every text that was given, by the true similarity."""
    given, drawn = [], []
    for part, texts in zip(parts, prompts, strict=True):
        draw = {text: uniform("mix", seed, part.name, 0, text) for text in texts}
        free = [text for text in sorted(draw, key=draw.get) if all(jaccard(text, g) < 0.8 for g in given)]
        if part.pairs is None:
            count = len([text for text in draw if draw[text] < part.share])
            places = [i for i, text in enumerate(texts) if text in free[:count]]
        else:
            places = sorted([i for text in free for i, t in enumerate(texts) if t == text][: part.pairs])
        given += {texts[i] for i in places}
        drawn.append(places)
    return drawn


def a_text(rng):
    return " ".join(rng.choices(WORDS, k=30))


def nearly(text):
    """Of similarity 0.81, which MinHash misses more often than not."""
    return " ".join([*text.split()[:-3], "so", "it", "is"])


@pytest.mark.parametrize("seed", range(3))
def test_draws_are_those_of_a_computation_by_brute_force(seed):
    rng = Random(seed)
    shared = [a_text(rng) for _ in range(40)]
    parts = [
        MixPart("a", 0.5, None),
        MixPart("b", None, 25),
        MixPart("c", 0.6, None),
        MixPart("d", 1.0, None),
    ]
    prompts = [
        rng.choices([*shared, *(a_text(rng) for _ in range(20))], k=70),
        [text for text in shared for _ in range(rng.randrange(3))],
        [nearly(text) if rng.random() < 0.5 else text for text in shared] + [a_text(rng) for _ in range(9)],
        [*shared, a_text(rng)],
    ]

    draws = draw_parts(parts, prompts, seed)

    assert [list(draw.places) for draw in draws] == expected(parts, prompts, seed)
    assert len(draws[1].places) <= draws[1].wanted == 25
    assert draws[3].wanted == 41


def test_the_order_of_parts_that_share_no_prompt_does_not_matter():
    rng = Random(1)
    parts = {"a": MixPart("a", 0.5, None), "b": MixPart("b", None, 7), "c": MixPart("c", 0.3, None)}
    prompts = {name: [a_text(rng) for _ in range(30)] for name in parts}

    def drawn(names):
        draws = draw_parts([parts[name] for name in names], [prompts[name] for name in names], 3)
        return {name: draw.places for name, draw in zip(names, draws, strict=True)}

    assert drawn("abc") == drawn("cab") == drawn("bca")


def test_a_part_draws_evenly_among_what_is_left_for_it():
    """Draws that the parts had in common would give B too few of the prompts that it shares with A."""
    rng = Random(2)
    shared, own = ([a_text(rng) for _ in range(300)] for _ in range(2))
    parts = [MixPart("a", 0.5, None), MixPart("b", None, 200)]

    first, second = draw_parts(parts, [shared, [*shared, *own]], 0)

    left = 300 - len(first.places)
    of_shared = sum(place < 300 for place in second.places)
    assert abs(of_shared - 200 * left / (left + 300)) < 22  # three and a half standard deviations


def test_a_version_or_a_place_does_not_change_the_draws(tmp_path):
    rng = Random(3)
    texts = [a_text(rng) for _ in range(40)]
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "run.jsonl").write_text("")

    def places(name):
        return draw_parts([MixPart(name, 0.5, None)], [texts], 0)[0].places

    assert places("me/data@v1.0.0") == places("me/data@v2.0.0") == places("me/data")
    assert places(str(tmp_path / "x" / "run.jsonl")) == places(str(tmp_path / "y" / "run.jsonl"))
    assert places("me/data") != places("me/other")


def test_a_part_that_stands_twice_gives_its_other_prompts():
    rng = Random(4)
    texts = [a_text(rng) for _ in range(50)]
    half = MixPart("a", 0.5, None)

    first, second = draw_parts([half, half], [texts, texts], 0)

    assert not {*first.places} & {*second.places}
    assert len(second.places) == min(second.wanted, 50 - len(first.places))


def test_more_than_there_is_is_refused_before_anything_is_drawn():
    with pytest.raises(RecipeError, match=re.escape("'a' has 2 pairs, and 3 are wanted of it")):
        draw_parts([MixPart("a", None, 3)], [["x", "y"]], 0)


@pytest.mark.parametrize(("words", "says"), [("x:1.5", "at most 1.0"), ("x:0", "at least 1")])
def test_an_amount_that_is_none_is_refused(words, says):
    with pytest.raises(RecipeError, match=says):
        parse_part(words)
