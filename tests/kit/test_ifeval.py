"""The 25 kinds of instructions of IFEval. (prefgen/kit/ifeval.py)"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.judges.constraints import Constraints
from prefgen.kit.ifeval import CHECKS, follows
from prefgen.testing import Scripted, a_record
from prefgen.types import Prompt

KINDS = {
    "keywords:existence": ({"keywords": ["tea", "milk"]}, "Tea with milk.", "Tea."),
    "keywords:frequency": ({"keyword": "tea", "frequency": 2, "relation": "at least"}, "Tea, tea.", "Tea."),
    "keywords:forbidden_words": ({"forbidden_words": ["art"]}, "A party.", "Modern art."),
    "keywords:letter_frequency": (
        {"letter": "e", "let_frequency": 3, "let_relation": "less than"}, "Tree.", "Free tree.",
    ),
    "language:response_language": (
        {"language": "de"}, "Das ist ein schöner Tag im Sommer.", "This is a fine day in summer.",
    ),
    "length_constraints:number_sentences": (
        {"num_sentences": 2, "relation": "at least"},
        "Dr. Smith measured 3.5 metres. It was tall.",
        "Dr. Smith measured e.g. 3.5 metres.",
    ),
    "length_constraints:number_paragraphs": ({"num_paragraphs": 2}, "One.\n***\nTwo.", "One.\n\nTwo."),
    "length_constraints:number_words": (
        {"num_words": 3, "relation": "less than"}, "Two words.", "Three words now.",
    ),
    "length_constraints:nth_paragraph_first_word": (
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "so"}, "One.\n\nSo, two.", "One.\n\nAnd two.",
    ),
    "detectable_content:number_placeholders": ({"num_placeholders": 2}, "[name] of [town]", "[name] of Rome"),
    "detectable_content:postscript": ({"postscript_marker": "P.S."}, "Yes.\n\nP.S. No.", "Yes. PS no."),
    "detectable_format:number_bullet_lists": ({"num_bullets": 2}, "* one\n- two", "* one\n1. two"),
    "detectable_format:constrained_response": ({}, "My answer is maybe.", "Maybe."),
    "detectable_format:number_highlighted_sections": ({"num_highlights": 1}, "A *good* one.", "A good one."),
    "detectable_format:multiple_sections": (
        {"section_spliter": "Section", "num_sections": 2}, "Section 1\na\nSection 2\nb", "Section 1\na",
    ),
    "detectable_format:json_format": ({}, '```json\n{"a": 1}\n```', "{a: 1}"),
    "detectable_format:title": ({}, "<<A day>>\nIt was.", "<< >>\nIt was."),
    "combination:two_responses": ({}, "One.\n******\nTwo.", "One.\n******\nOne."),
    "combination:repeat_prompt": (
        {"prompt_to_repeat": "Name a river."}, "Name a river. The Nile.", "The Nile.",
    ),
    "startend:end_checker": (
        {"end_phrase": "Any questions?"}, "It is so. Any questions?", "Any questions? No.",
    ),
    "startend:quotation": ({}, '"All of it."', '"Some" of it.'),
    "change_case:capital_word_frequency": (
        {"capital_frequency": 2, "capital_relation": "at least"}, "So LOUD and BIG.", "So LOUD.",
    ),
    "change_case:english_capital": ({}, "THIS IS WHAT THEY ASKED FOR.", "This is what they asked for."),
    "change_case:english_lowercase": ({}, "this is what they asked for.", "This is what they asked for."),
    "punctuation:no_comma": ({}, "One and two.", "One, two."),
}  # fmt: skip


def test_there_are_all_25():
    assert len(CHECKS) == 25
    assert set(KINDS) == set(CHECKS)


@pytest.mark.parametrize("instruction", KINDS)
def test_an_instruction_is_followed_or_not(instruction):
    arguments, followed, broken = KINDS[instruction]

    assert follows(instruction, followed, {**arguments, "of_another_kind": None}) is True
    assert follows(instruction, broken, arguments) is False
    assert follows(instruction, "  ", arguments) is False


def test_what_the_reference_counts_is_counted_alike():
    first_word = {"num_paragraphs": 2, "nth_paragraph": 1, "first_word": "hello"}
    kind = "length_constraints:nth_paragraph_first_word"

    assert follows(kind, "\"'Hello there.\n\nB", first_word) is False
    assert follows(kind, "'\"Hello there.\n\nB", first_word) is True


@pytest.mark.parametrize(
    ("language", "text", "followed"),
    [
        ("zh-cn", "你好，世界。这是一个测试。", True),
        ("zh-cn", "This is a fine day in summer.", False),
        ("xx", "This is a fine day in summer.", None),
    ],
)
def test_languages_are_asked_for_in_the_spelling_of_the_reference(language, text, followed):
    assert follows("language:response_language", text, {"language": language}) is followed


@given(st.sampled_from(list(KINDS)), st.text(max_size=80))
def test_any_text_follows_or_not(instruction, text):
    assert follows(instruction, text, KINDS[instruction][0]) in (True, False, None)


@pytest.mark.parametrize(
    ("instruction", "arguments"),
    [
        ("keywords:rhymes", {}),
        ("keywords:existence", {}),
        ("keywords:existence", {"keywords": ["("]}),
        ("keywords:frequency", {"keyword": "a", "frequency": "two", "relation": "at least"}),
        ("length_constraints:number_words", {"num_words": 3, "relation": "about"}),
    ],
)
def test_what_is_not_of_ifeval_is_one_line(instruction, arguments):
    with pytest.raises(ValueError, match=instruction.partition(":")[0] + "|relation"):
        follows(instruction, "A text.", arguments)


def test_rows_of_ifeval_work_as_they_are():
    metadata = {
        "instruction_id_list": ["punctuation:no_comma", "startend:end_checker"],
        "kwargs": [{}, {"end_phrase": "Bye.", "keyword": None}],
    }
    record = a_record(Prompt.of("Say it.", metadata=metadata), "One, two. Bye.", "One. Bye.")

    scores = Constraints().judge(record.prompt, record.responses, Scripted([""]))

    assert [(s.response_id, s.aspect, s.value) for s in scores] == [
        ("r0", "no_comma", 0.0),
        ("r0", "end_checker", 1.0),
        ("r1", "no_comma", 1.0),
        ("r1", "end_checker", 1.0),
    ]
    assert scores[0].rationale == "does not follow punctuation:no_comma"


@pytest.mark.parametrize(
    ("instruction", "arguments", "reason"),
    [
        ("keywords:rhymes", {}, "no instruction 'keywords:rhymes'"),
        ("count:word_count_range", {"min_words": 5}, "no instruction 'count:word_count_range'"),
        ("length_constraints:number_words", {"num_words": 5, "relation": "at most"}, "found 'at most'"),
        ("keywords:existence", "tea", "arguments: Input should be"),
        (7, {}, "instruction: Input should be"),
    ],
)
def test_an_instruction_of_another_list_applies_to_no_answer(instruction, arguments, reason):
    metadata = {
        "instruction_id_list": [instruction, "punctuation:no_comma"],
        "kwargs": [arguments, {}],
    }
    record = a_record(Prompt.of("Say it.", metadata=metadata), "One, two.", "One.")

    failure, *scores = Constraints().judge(record.prompt, record.responses, Scripted([""]))

    assert failure.code == "unknown_rule"
    assert reason in str(failure)
    assert [s.value for s in scores] == [None, 0.0, None, 1.0]


def test_instructions_without_their_arguments_apply_to_no_answer():
    metadata = {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}, {}]}
    record = a_record(Prompt.of("Say it.", metadata=metadata), "One.")

    failure, score = Constraints().judge(record.prompt, record.responses, Scripted([""]))

    assert "1 entries and kwargs 2" in str(failure)
    assert score.value is None


def test_an_unknown_instruction_is_told_with_the_nearest_one():
    with pytest.raises(ValueError, match="Did you mean 'keywords:existence'"):
        follows("keywords:existance", "A text.", {})
