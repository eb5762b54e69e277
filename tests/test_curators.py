"""Curators of prompts: each row that goes says why, and which row or benchmark item it was like."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from prefgen.curators.dedupe import cosines_of, near_duplicates
from prefgen.dataset.read_run import read_records
from prefgen.errors import RecipeError
from prefgen.kit.templates import set_recipe_folder
from prefgen.plugins.registry import find
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.text.near_duplicates import words_of
from prefgen.text.vectors import hashed_ngrams
from tests.support.recipes import a_recipe, run
from tests.support.tables import curated, prompts

LONG = "Explain how a tide clock works and why it needs to be set again every few weeks by hand"


@pytest.mark.parametrize(
    ("method", "again"),
    [
        ("rouge_l", "Explain how the tide clock works, and why it needs to be set every few weeks by hand"),
        (
            "semantic",
            "explain how a tide clock works & why it needs to be set again every few weeks by hand!",
        ),
        (
            "minhash",
            "explain how a tide clock works and why it needs to be set again every few weeks by hand.",
        ),
        (
            "exact",
            "  EXPLAIN how a tide clock works and why it needs to be set again  every few weeks by hand",
        ),
    ],
)
def test_what_is_nearly_the_same_goes_and_the_first_stays(method, again):
    left = curated(
        "dedupe",
        prompts(LONG, "Name three knots for a boat.", again, "Bake a loaf of rye bread at home."),
        method=method,
    )

    assert left.ids() == ["p0", "p1", "p3"]
    assert left.dropped["p2"].neighbour == "p0"


def test_rouge_l_is_the_f_measure_of_the_longest_common_subsequence():
    ten = "a b c d e f g h i j"

    assert curated("dedupe", prompts(ten, "a b c d e f g x y z"), method="rouge_l", threshold=0.7).ids() == [
        "p0"
    ]
    assert curated("dedupe", prompts(ten, "a b c d e f x y z w"), method="rouge_l", threshold=0.7).ids() == [
        "p0",
        "p1",
    ]
    assert curated("dedupe", prompts(ten, "j i h g f e d c b a"), method="rouge_l", threshold=0.7).ids() == [
        "p0",
        "p1",
    ]


def test_rouge_l_misses_none_that_is_as_alike(tmp_path):
    """Against comparing all with all."""
    from random import Random

    from rapidfuzz.distance import LCSseq

    rng = Random(3)
    texts = [" ".join(rng.choice("abcdefgh") for _ in range(rng.randint(1, 9))) for _ in range(120)]
    kept: list[int] = []
    for i, text in enumerate(texts):
        mine = words_of(text)
        similar = [
            2 * LCSseq.similarity(mine, words_of(texts[j])) / (len(mine) + len(words_of(texts[j])))
            for j in kept
        ]
        if not similar or max(similar) < 0.6:
            kept.append(i)

    assert curated("dedupe", prompts(*texts), method="rouge_l", threshold=0.6).ids() == [
        f"p{i}" for i in kept
    ]


def test_vectors_are_compared_over_blocks_with_those_that_stay():
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((2500, 16)).astype(np.float32)
    matrix[2400] = matrix[3] + 0.01
    matrix[5] = matrix[4] + 0.01
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)

    gone = near_duplicates([str(i) for i in range(2500)], cosines_of(matrix), 0.98, "cosine")

    assert {k: g.neighbour for k, g in gone.items()} == {"2400": "3", "5": "4"}


def test_hashed_vectors_have_length_one_and_tell_topics_apart():
    vectors = hashed_ngrams(
        ["How do tides work?", "How do the tides work?", "Bake rye bread.", "", "潮汐是如何运作的？"]
    )

    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 0, 1], abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.7 > 0.3 > abs(vectors[0] @ vectors[2])
    assert hashed_ngrams(["How do tides work?"])[0, :8].tolist() == vectors[0, :8].tolist()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Hi there", "too short (2 words)"),
        ("word " * 151, "too long (151 words)"),
        ("go on and " * 10, "repeats itself"),
        ("@@@@ #### $$$$ %%%% one two three", "few letters"),
        ("What is shown in this picture of a bird?", "needs what is not there ('this picture')"),
        ("Summarise the attached PDF for me please.", "needs what is not there"),
        ("Write a letter to [insert name] about the rent.", "holds a gap"),
        ("Explain {topic} to a child of ten.", "holds a gap"),
        ("Das ist ein schöner Tag, und wir gehen in den Wald.", "another language (de)"),
    ],
)
def test_a_prompt_that_is_none_goes_with_the_rule_that_it_broke(text, reason):
    left = curated("heuristics", prompts(text, "How do tides work in a river mouth?"), languages=["en"])

    assert left.ids() == ["p1"]
    assert left.dropped["p0"].reason.startswith(reason)


@pytest.mark.parametrize(
    "text",
    [
        "What is the best image format for a website?",
        "How do I hang a picture on this wall?",
        "潮汐是如何运作的？为什么？",
        "كيف تعمل المد والجزر في مصب النهر؟",
        "Give me x and y where x > y.",
    ],
)
def test_what_only_looks_like_it_stays(text):
    assert curated("heuristics", prompts(text)).ids() == ["p0"]


def test_a_language_that_there_is_not_is_refused():
    with pytest.raises(ValidationError, match="no language 'german'"):
        find("curator", "heuristics", Path())(languages=["german"])


@pytest.fixture
def benchmark(tmp_path):
    rows = [
        LONG,
        "What is the capital of France?",
        "Name three primary colours of light and the animals that can see them all",
    ]
    (tmp_path / "bench.jsonl").write_text("".join(json.dumps({"question": row}) + "\n" for row in rows))
    set_recipe_folder(tmp_path)
    yield
    set_recipe_folder(None)


@pytest.mark.usefixtures("benchmark")
def test_benchmark_items_are_found_whole_inside_and_edited():
    edited = LONG.replace("few", "couple of").replace("Explain", "Describe").replace("needs", "has")
    table = prompts(
        f"Please help: {LONG}?", edited, "Tell me now: what is the capital of France? Thanks.", "What is the capital of Peru?",
        "Explain how a sourdough starter works and why it needs flour", "Name three knots.",
    )  # fmt: skip

    left = curated("decontaminate", table, against=["bench.jsonl"])

    assert left.ids() == ["p3", "p4", "p5"]
    assert {i: (g.reason.partition(":")[2].split(" (")[0].strip(), g.neighbour) for i, g in left.dropped.items()} == {
        "p0": ("13 words in a row", "bench.jsonl:1"), "p1": ("alike", "bench.jsonl:1"), "p2": ("alike", "bench.jsonl:2"),
    }  # fmt: skip


@pytest.mark.usefixtures("benchmark")
def test_a_few_words_in_common_are_no_contamination():
    table = prompts("What is the tide?", "Name three primary colours.", "Explain how a tide clock works")

    assert curated("decontaminate", table, against=["bench.jsonl"]).ids() == ["p0", "p1", "p2"]


def decontaminating(*against):
    recipe = a_recipe(prompts=("Name three knots.", "What is the capital of France?"))
    recipe["stages"][1:] = [{"curate": [{"use": "decontaminate", "against": list(against)}]}]
    return recipe


def test_a_benchmark_that_is_not_there_is_an_error_before_anything_is_asked(tmp_path):
    with pytest.raises(RecipeError, match=r"against: the file 'mmlu.jsonl' does not exist"):
        build(recipe_from_data(decontaminating("mmlu.jsonl"), tmp_path))


async def test_another_item_in_a_benchmark_thins_again(tmp_path):
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "a.jsonl").write_text(
        '{"question": "How do tides work in a river mouth, and why?"}\n'
    )
    await run(decontaminating("bench"), tmp_path / "out", folder=tmp_path)
    (tmp_path / "bench" / "b.jsonl").write_text('{"question": "What is the capital of France?"}\n')

    await run(decontaminating("bench"), tmp_path / "out", folder=tmp_path)

    assert [r.prompt.text for r in read_records(tmp_path / "out")] == ["Name three knots."]


def test_groups_are_kept_in_proportion_and_what_falls_short_is_said():
    table = prompts(*(f"Prompt {i}" for i in range(10)), categories=["a"] * 6 + ["b"] * 3 + [None])

    left = curated("balance", table, most=2, quotas={"b": 5, "c": 1})

    assert [left.column("category").count(c) for c in ("a", "b", None)] == [2, 3, 1]
    assert left.notices == (
        "balance: category 'b' has 3 of the 5 rows that are wanted",
        "balance: there is no category 'c'. Known: a, b, none",
    )
    assert "over 2 of category a" in {g.reason for g in left.dropped.values()}
    more = prompts(*(f"Prompt {i}" for i in range(11)), categories=["a"] * 6 + ["b"] * 3 + [None, "b"])
    assert [
        i for i in curated("balance", more, most=2).ids() if i in ("p0", "p1", "p2", "p3", "p4", "p5")
    ] == [i for i in left.ids() if i < "p6"]


def test_the_farthest_from_each_other_stay():
    near = [f"How do tides work in the river {name}?" for name in ("Elbe", "Thames", "Seine", "Hudson")]
    table = prompts(*near, "Bake a loaf of rye bread.", "Translate a poem from Welsh.")

    left = curated("diversify", table, count=3)

    assert {"p4", "p5"} < set(left.ids())
    assert all(g.neighbour in left.ids() for g in left.dropped.values())


SCRIPTS = (
    "Hello, how are you today?", "Привет, как у тебя дела?", "Γειά σου, τι κάνεις;", "مرحبا، كيف حالك اليوم؟", "שלום, מה שלומך היום?", "नमस्ते, आप कैसे हैं?",
    "こんにちは、元気ですか。", "안녕하세요, 어떻게 지내세요?", "你好，你今天怎么样？", "สวัสดี วันนี้เป็นอย่างไร", "გამარჯობა, როგორ ხარ?", "Բարեւ, ինչպե՞ս ես", "হ্যালো, আপনি কেমন আছেন?",
    "வணக்கம், எப்படி இருக்கிறீர்கள்?", "ಹಲೋ, ಹೇಗಿದ್ದೀರಿ?", "హలో, ఎలా ఉన్నారు?", "ഹലോ, സുഖമാണോ?", "ਸਤ ਸ੍ਰੀ ਅਕਾਲ, ਕਿਵੇਂ ਹੋ?", "ગુજરાતીમાં કેમ છો?", "සිංහල, කොහොමද ඔබට?",
    "မင်္ဂလာပါ နေကောင်းလား", "សួស្តី សុខសប្បាយទេ", "ສະບາຍດີ ເຈົ້າເປັນແນວໃດ", "ሰላም፣ እንደምን ነህ?", "བཀྲ་ཤིས་བདེ་ལེགས་ ཁྱེད་རང་", "ᠰᠠᠶᠢᠨ ᠪᠠᠶᠢᠨ᠎ᠠ ᠤᠤ", "ᎣᏏᏲ ᏙᎯᏧ ᎭᎠ", "ܫܠܡܐ ܐܝܟܢܐ ܐܝܬܝܟ", "ⴰⵣⵓⵍ ⵎⴰⵏⵣⴰⴽⵉⵏ", "ꯈꯨꯔꯨꯝꯖꯔꯤ ꯀꯔꯝ ꯂꯩꯕ",
    "😀😀 🎉🎉 👩‍👩‍👧 🇫🇷", "a text with\x00 a nul byte in it", "\u202eright to left, by an override", "half a pair of surrogates: é\u0301\u0301",
)  # fmt: skip


@pytest.mark.parametrize("fields", [*({"use": "dedupe", "method": m} for m in ("exact", "minhash", "rouge_l", "semantic")), {"use": "diversify", "count": 34}, {"use": "balance", "most": 99}])  # fmt: skip
async def test_thirty_scripts_emoji_and_nul_bytes_go_through_untouched(tmp_path, fields):
    recipe = a_recipe(prompts=SCRIPTS)
    recipe["stages"].insert(1, {"curate": [fields]})

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete
    assert [record.prompt.text for record in read_records(tmp_path / "out")] == list(SCRIPTS)
