"""Check answers against rules that need no model: length, language, format, JSON, keywords, counts, regular
expressions, code. (prefgen/judges/constraints.py)
"""

import pytest
from pydantic import ValidationError

from prefgen.errors import ReplyError
from prefgen.judges.constraints import Constraints, Rule, count_of, violation_of
from prefgen.stats.scoring import ScoreSpec, scores_of
from prefgen.testing import Scripted, a_record
from prefgen.types import Prompt


@pytest.mark.parametrize(
    ("rule", "met", "broken"),
    [
        ({"kind": "words", "most": 3}, "one two three", "one two three four"),
        ({"kind": "words", "least": 2}, "well-known fact", "fact"),
        ({"kind": "characters", "least": 3, "most": 5}, "abcd", "ab"),
        ({"kind": "sentences", "most": 2}, "One. Two!", "One. Two! Three?"),
        ({"kind": "lines", "least": 2}, "a\n\nb", "a"),
        ({"kind": "paragraphs", "least": 2, "most": 2}, "a\nb\n\nc", "a\nb"),
        ({"kind": "bullets", "least": 2}, "- a\n2. b", "- a\nb"),
        ({"kind": "bullets", "least": 1}, "1. May", "5. May is a holiday"),
        ({"kind": "bullets", "least": 2}, "– a\n— b", "–a\n—b"),
        ({"kind": "bullets", "least": 2}, "◦ a\n▪ b", "a"),
        ({"kind": "python"}, "```pycon\n>>> print(1)\n1\n```", "```pycon\n>>> print(1\n1\n```"),
        ({"kind": "python"}, "```python3.11\nx=1\n```", "```python\nreturn 1\n```"),
        ({"kind": "json"}, "```json\n{}\n```\n```json\n[1]\n```", "```json\n{}\n```\n```json\n{bad\n```"),
        ({"kind": "starts_with", "texts": ["Hello"]}, "\u200bHello", "\u200bOh, hello"),
        ({"kind": "sentences", "most": 1}, "First.Second.Third.", "First. Second."),
        ({"kind": "sentences", "most": 1}, "Use System.Out.Println here.", "Use it. Here."),
        ({"kind": "sentences", "most": 2}, "I use ASP.NET daily. Fine.", "See it. OK. So."),
        ({"kind": "sentences", "most": 2}, "See Node.Js and Vue.Js. OK.", "See it. It is fine. So be it."),
        ({"kind": "sentences", "least": 2}, "(See below.) Then go.", "(See below) Then go."),
        ({"kind": "contains", "texts": ["Tea", "milk"]}, "tea with MILK", "tea"),
        ({"kind": "forbids", "texts": ["art"]}, "a party", "modern Art"),
        ({"kind": "starts_with", "texts": ["Dear", "Hello"]}, "  hello you", "Hi"),
        ({"kind": "ends_with", "texts": ["bye."]}, "Good Bye.", "bye"),
        ({"kind": "ends_with", "texts": ["Done."]}, "**Done.**", "Undone."),
        ({"kind": "ends_with", "texts": ["happy"]}, "I'm happy", "unhappy"),
        ({"kind": "starts_with", "texts": ["I'm", "Hell"]}, "**I’m** here", "Hello"),
        ({"kind": "words", "most": 2}, "costs 1,000.50", "costs 1 000"),
        ({"kind": "bullets", "most": 1}, "- a\n* * *\n1990. Was a year.", "- a\n3. b"),
        ({"kind": "lines", "most": 1}, "one\u2028line", "two\r\nlines"),
        ({"kind": "matches", "pattern": r"^\d{4}$"}, "in\n2024", "20245"),
        ({"kind": "json", "keys": ["a"]}, '```json\n{"a": 1}\n```', '{"b": 1}'),
        ({"kind": "json"}, "[1]", "{a: 1}"),
        ({"kind": "python"}, "So:\n```python\nx = 1\n```", "```python\nx = = 1\n```"),
        ({"kind": "lower_case"}, "all small", "Not all"),
        ({"kind": "upper_case"}, "LOUD 1", "Loud"),
        ({"kind": "language", "texts": ["de"]}, "Das ist ein schöner Tag.", "This is a fine day, is it not?"),
        ({"kind": "language", "texts": ["ja", "ko"]}, "日本語のテキスト", "今天天气很好，我们去公园吧"),
    ],
)
def test_a_rule_is_met_or_says_what_breaks_it(rule, met, broken):
    assert violation_of(Rule(**rule), met) is None
    assert violation_of(Rule(**rule), broken)


def test_sentences_are_counted_in_other_scripts_too():
    assert count_of("sentences", "こんにちは。元気ですか？") == 2
    assert count_of("sentences", "") == 0


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith measured 3.5 metres. It was tall.",
        "Use e.g. a fork. It works.",
        "See example.com for more. Bye.",
        "1. Wash it.\n2. Dry it.",
        "What?! Really.",
        "She paid $3.50. He did not...",
    ],
)
def test_abbreviations_decimals_and_numbers_end_no_sentence(text):
    assert count_of("sentences", text) == 2


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("don't", "I don’t know."),
        ('"so"', "He said “so”."),
        ("café", "A cafe\u0301 in Paris."),
        ("C++", "Write it in C++, not in C."),
        ("C", "C++ and C# are not C."),
        ("AI", "It is _AI_ that does."),
        ("AI", "使用AI技术"),
        ("AI", "All about #AI, and 1+1."),
        ("1", "All about #AI, and 1+1."),
        ("STRASSE", "Die Straße ist lang."),
        ("हिन्दी", "मैं हिन्दी बोलता हूँ"),
        ("machine learning", "It is **machine\n learning** here."),
    ],
)
def test_a_word_is_found_however_it_is_spelled(wanted, text):
    assert violation_of(Rule(kind="contains", texts=(wanted,)), text) is None
    assert violation_of(Rule(kind="forbids", texts=(wanted,)), text)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("cafe", "A cafe\u0301 in Paris."),
        ("C", "Write it in C++ or C#."),
        ("A", "She got an A+."),
        ("foo", "call foo_bar()"),
        ("क", "कि"),
        ("art", "party"),
    ],
)
def test_a_part_of_a_word_is_no_word(wanted, text):
    assert violation_of(Rule(kind="forbids", texts=(wanted,)), text) is None


def test_marks_divide_no_word():
    assert count_of("words", "हिन्दी भाषा") == 2
    assert count_of("words", "cafe\u0301s") == 1
    assert count_of("words", "می\u200cخواهم") == 1


def test_words_are_counted_where_none_is_set_apart():
    assert count_of("words", "我喜欢喝茶和咖啡") == 8
    assert count_of("words", "Wi-Fi 很好") == 3
    assert count_of("words", "don't") == 1


def test_a_text_is_contained_as_a_word():
    said = Rule(kind="contains", texts=("AI",))

    assert violation_of(said, "I said so") is not None
    assert violation_of(said, "An AI did.") is None
    assert violation_of(Rule(kind="contains", texts=("喝茶",)), "我喜欢喝茶和咖啡") is None


@pytest.mark.parametrize(
    "text",
    [
        "Sorry", "No", "yes, no", '"I cannot"', "not possible", "yes and no", "Answer: yes", "No - sorry",
        "```\nHello\n```", "```python\n```", "```python\nx = = 1\n```", "# a comment",
    ],
)  # fmt: skip
def test_words_that_happen_to_parse_are_no_python(text):
    assert "no " in (violation_of(Rule(kind="python"), text) or "")


@pytest.mark.parametrize(
    "text",
    [
        "x = 1", "print('hi')", "1 + 1", "```python\nSorry\n```", "```python3\nx = 1\n```",
        "~~~python\nx = 1\n~~~", "```python\r\nx = 1\r\n```", "1. So:\n   ```py\n   x = 1\n   ```",
        "```python\nx = 1", "```bash\nls -l\n```\n```python\nx = 1\n```\n```\n-> 1 row\n```",
        '```python title="a.py"\nx = 1\n```', "```\nx = 1\n```",
    ],
)  # fmt: skip
def test_code_is_python_with_and_without_a_fence(text):
    assert violation_of(Rule(kind="python"), text) is None


@pytest.mark.parametrize(
    ("text", "is_met"),
    [
        ('{"a": 1}', True), ('\ufeff{"a": 1}', True), ('~~~json\r\n{"a": 1}\r\n~~~', True),
        ('```bash\nls\n```\n```json\n{"a": 1}\n```', True), ('{"a": NaN}', False),
        ('{"a": 1, "a": 2}', False), ('Here you are: {"a": 1}', False),
    ],
)  # fmt: skip
def test_json_is_what_its_standard_says(text, is_met):
    assert (violation_of(Rule(kind="json", keys=("a",)), text) is None) == is_met


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "words"},
        {"kind": "contains"},
        {"kind": "matches", "pattern": "("},
        {"kind": "words", "least": 3, "most": 2},
        {"kind": "rhymes"},
        {"kind": "language"},
        {"kind": "language", "texts": ["german"]},
    ],
)
def test_a_rule_that_says_nothing_is_refused(rule):
    with pytest.raises(ValidationError):
        Rule(**rule)


def test_each_rule_is_an_aspect_and_the_score_is_the_share_that_is_met():
    judge = Constraints(
        rules=(
            {"kind": "words", "most": 2},
            {"kind": "words", "least": 1},
            {"kind": "contains", "texts": ["x"], "name": "x"},
        )
    )
    record = a_record("Q", "x y", "a b c")

    verdicts = judge.judge(record.prompt, record.responses, Scripted([""]))
    scored = record.adding(scores=[v.replacing(judge="ok") for v in verdicts])

    assert {v.aspect for v in verdicts} == {"words", "words_2", "x"}
    assert scores_of(scored, ScoreSpec(mean=("ok",))) == {
        "r0": 1.0,
        "r1": pytest.approx(1 / 3),
    }
    assert scores_of(scored, ScoreSpec(mean=("ok",), veto={"ok": 1})) == {"r0": 1.0}


def test_a_prompt_brings_its_own_rules_and_one_without_any_gives_no_score():
    own = a_record(
        Prompt.of("Q", metadata={"constraints": [{"kind": "words", "most": 1}]}),
        "two words",
    )
    bare = a_record("Q", "two words")

    assert [v.value for v in Constraints().judge(own.prompt, own.responses, Scripted([""]))] == [0.0]
    assert [v.value for v in Constraints().judge(bare.prompt, bare.responses, Scripted([""]))] == [None]


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ([{"kind": "words"}], "words needs least"),
        ([{"kind": "rhymes"}], "kind: Input should be"),
        (["be short"], "valid dictionary"),
        ("be short", "valid dictionary"),
        ([{"kind": "matches", "pattern": "a{99999999999}"}], "no regular expression"),
        ([{"kind": ["words"], "name": 3}], "kind: Input should be"),
    ],
)
def test_a_prompts_rule_that_is_not_known_applies_to_no_answer_and_is_told_once(rules, reason):
    metadata = {
        "constraints": [*([rules] if isinstance(rules, str) else rules), {"kind": "words", "most": 1}]
    }
    record = a_record(Prompt.of("Q", metadata=metadata), "x", "two words")

    failure, *scores = Constraints().judge(record.prompt, record.responses, Scripted([""]))

    assert isinstance(failure, ReplyError)
    assert failure.code == "unknown_rule"
    assert reason in str(failure)
    assert [s.value for s in scores] == [None, 1.0, None, 0.0]
    assert reason in scores[0].rationale


@pytest.mark.parametrize(
    ("rule", "long", "short"),
    [
        ({"kind": "matches", "pattern": r"^(\w+\s?)+\.$"}, "it is there so " * 5 + "!", "So."),
        ({"kind": "matches", "pattern": "^(a+)+$"}, "a" * 40 + "!", "aaa"),
        (
            {"kind": "ifeval", "instruction": "keywords:existence", "arguments": {"keywords": ["^(a|a)+$"]}},
            "a" * 40 + "!", "aaa",
        ),
    ],
)  # fmt: skip
def test_an_answer_on_which_a_pattern_takes_too_long_has_no_score(rule, long, short, monkeypatch):
    monkeypatch.setattr("prefgen.text.patterns.SECONDS", 0.05)
    record = a_record("Q", long, short)

    failure, score = Constraints(rules=(rule, {"kind": "words", "least": 1})).judge(
        record.prompt, record.responses, Scripted([""])
    )[:2]

    assert failure.code == "slow_pattern"
    assert (score.response_id, score.value) == ("r1", 1.0)


async def test_a_language_that_cannot_be_told_is_no_score():
    record = a_record("Q", "Das ist ein schöner Tag.", "1234", "This is a fine day, is it not?")

    scores = Constraints(rules=[{"kind": "language", "texts": ["de"]}]).judge(
        record.prompt, record.responses, Scripted([""])
    )

    assert [(s.value, s.aspect) for s in scores] == [
        (1.0, "language"),
        (None, "language"),
        (0.0, "language"),
    ]
