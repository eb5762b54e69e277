"""The prompts of a run: a fair sample of them, equal ones told apart, and the tables of prompts and of pairs
that curators see. (prefgen/engine/curator_tables.py)
"""

import pytest

from prefgen.dataset.read_run import read_pairs, read_records
from tests.support.pair_curators import SHORT, balanced
from tests.support.recipes import a_recipe, run
from tests.support.synthesize import synthesized

SCRIPTS = (
    "Hello, how are you today?", "Привет, как у тебя дела?", "Γειά σου, τι κάνεις;",
    "مرحبا، كيف حالك اليوم؟", "שלום, מה שלומך היום?", "नमस्ते, आप कैसे हैं?", "こんにちは、元気ですか。",
    "안녕하세요, 어떻게 지내세요?", "你好，你今天怎么样？", "สวัสดี วันนี้เป็นอย่างไร", "გამარჯობა, როგორ ხარ?",
    "Բարեւ, ինչպե՞ս ես", "হ্যালো, আপনি কেমন আছেন?", "வணக்கம், எப்படி இருக்கிறீர்கள்?", "ಹಲೋ, ಹೇಗಿದ್ದೀರಿ?",
    "హలో, ఎలా ఉన్నారు?", "ഹലോ, സുഖമാണോ?", "ਸਤ ਸ੍ਰੀ ਅਕਾਲ, ਕਿਵੇਂ ਹੋ?", "ગુજરાતીમાં કેમ છો?",
    "සිංහල, කොහොමද ඔබට?", "မင်္ဂလာပါ နေကောင်းလား", "សួស្តី សុខសប្បាយទេ", "ສະບາຍດີ ເຈົ້າເປັນແນວໃດ",
    "ሰላም፣ እንደምን ነህ?", "བཀྲ་ཤིས་བདེ་ལེགས་ ཁྱེད་རང་", "ᠰᠠᠶᠢᠨ ᠪᠠᠶᠢᠨ᠎ᠠ ᠤᠤ", "ᎣᏏᏲ ᏙᎯᏧ ᎭᎠ", "ܫܠܡܐ ܐܝܟܢܐ ܐܝܬܝܟ",
    "ⴰⵣⵓⵍ ⵎⴰⵏⵣⴰⴽⵉⵏ", "ꯈꯨꯔꯨꯝꯖꯔꯤ ꯀꯔꯝ ꯂꯩꯕ", "😀😀 🎉🎉 👩‍👩‍👧 🇫🇷", "a text with\x00 a nul byte in it",
    "\u202eright to left, by an override", "half a pair of surrogates: é\u0301\u0301",
)  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        *({"use": "dedupe", "method": m} for m in ("exact", "minhash", "rouge_l", "semantic")),
        {"use": "diversify", "count": 34},
        {"use": "balance", "most": 99},
    ],
)
async def test_thirty_scripts_emoji_and_nul_bytes_go_through_untouched(tmp_path, fields):
    recipe = a_recipe(prompts=SCRIPTS)
    recipe["stages"].insert(1, {"curate": [fields]})

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete
    assert [record.prompt.text for record in read_records(tmp_path / "out")] == list(SCRIPTS)


async def test_duplicate_prompts_have_ids_of_their_own(tmp_path):
    outcome = await run(a_recipe(prompts=("Same?", "Same?", "Same?")), tmp_path / "out")

    pairs = list(read_pairs(tmp_path / "out"))
    assert outcome.complete
    assert len({p["prompt_id"] for p in pairs}) == 3


async def test_in_a_run_pairs_go_and_their_records_say_by_which_curator(tmp_path):
    outcome = await run(balanced(use="length_balance", keep=0), tmp_path / "out")

    assert outcome.complete
    assert [row["chosen"][0]["content"] for row in read_pairs(tmp_path / "out")] == [SHORT]
    assert outcome.manifest.yields.prompts_by_outcome == {"length_balance": 3, "pair": 1}
    assert sum(outcome.manifest.yields.dropped_by_curators.values()) == 3
    assert len(list(read_records(tmp_path / "out"))) == 4


async def test_without_a_curator_equal_prompts_are_told_apart(tmp_path):
    await run(synthesized(folder=tmp_path, curate=False), tmp_path / "out")

    found = list(read_records(tmp_path / "out"))
    assert [r.prompt.text for r in found].count("Common question 0?") == 3
    assert len({r.id for r in found}) == 1 + 6


async def test_equal_prompts_of_several_rounds_each_have_an_id_of_their_own(tmp_path):
    await run(synthesized(folder=tmp_path, rounds=3, curate=False), tmp_path / "out")

    found = list(read_records(tmp_path / "out"))
    assert len({r.id for r in found}) == len(found) == 1 + 3 * 6
