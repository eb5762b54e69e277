"""What short texts say of answers that stand in an order. (prefgen/dataset/verdicts.py, comparisons.py)"""

import contextlib
import itertools
import json

import pytest

from prefgen.dataset.answer_groups import Answers
from prefgen.dataset.answer_keys import AnswerKeys
from prefgen.dataset.pair_formats import to_pair_row
from prefgen.dataset.verdicts import IN_DOUBT, is_tie, place_said
from prefgen.errors import RecipeError
from prefgen.publish.export import validated_pair

FIRST, SECOND = "The Nile is long.", "I do not know."
LAYOUTS = {
    "letters": {"response_a": FIRST, "response_b": SECOND},
    "from 1": {"response_1": FIRST, "response_2": SECOND},
    "from 0": {"answer_0": FIRST, "answer_1": SECOND},
    "ordinals": {"first_reply": FIRST, "second_reply": SECOND},
    "list": {"responses": [FIRST, SECOND]},
    "other names": {"text_a": FIRST, "text_b": SECOND},
    "behind": {"model_a_says": FIRST, "model_b_says": SECOND},
}
NAMES = (
    "winner", "preference", "gpt4_verdict", "annotator_choice", "chosen_id", "label", "judgment", "outcome",
    "human_label", "pref", "decision", "winner_index", "user_preference",
)  # fmt: skip
READ = {
    "A": "B", "b": "a", "[[A]]": "[[B]]", "(a)": "(b)", "Response A": "Response B", "model_b": "model_a",
    "A>B": "B>A", "A << B": "B << A", "[[A>>B]]": "[[B>>A]]", "A≻B": "B≻A", "A is better": "B is better",
    "Response B is better.": "Response A is better.", "The winner is A": "The winner is B",
    "I prefer A": "I prefer B",
    "\\boxed{A}": "\\boxed{B}", "b_wins": "a_wins", "A-is-clearly-better": "B-is-clearly-better",
    "B slightly better": "A slightly better", "A better than B": "B better than A", "A over B": "B over A",
    "Final Verdict: B": "Final Verdict: A", "second": "first", "2nd": "1st", "the first": "the second",
    '{"winner": "B"}': '{"winner": "A"}', "Output (b)": "Output (a)",
    "B is a bit better": "A is a bit better", "A is a better answer": "B is a better answer",
}  # fmt: skip
COUNTED = {"Response 1": "Response 2", "R2": "R1", "Output (2)": "Output (1)", "Response two": "Response one"}
DOUBTED = (
    "B+", "A++", "A: clearer", "B - clearer", "A\nbecause it is clear", "B is worse", "Response A loses",
    "<b>", "BA", "A,B", "A=B", "not B", "C", "[[C]]", "tie", "Both are bad", "both_bad", "no preference",
    "B is right", "A is right", "0.8", "-1", "-2", "3", 0.5, True, False, "true", "Response 0",
    "response b, maybe", "A/B", "A->B",
)  # fmt: skip


def accepts(beside: dict, chosen: str, rejected: str) -> bool:
    row = {"prompt": "Q", "chosen": chosen, "rejected": rejected, **beside}
    try:
        validated_pair(to_pair_row(row, {}, "row"), "row")
    except RecipeError as error:
        return "\n" in str(error)  # which is no one line
    return True


def both_ways(beside: dict) -> tuple[bool, bool]:
    """Whether a row is read where its first answer is chosen, and where its second one is."""
    return accepts(beside, FIRST, SECOND), accepts(beside, SECOND, FIRST)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NAMES)
def test_a_verdict_is_read_the_same_whichever_answer_won(layout, name):
    for one, other in itertools.chain(READ.items(), COUNTED.items()):
        ways, mirrored = (
            both_ways({**LAYOUTS[layout], name: one}),
            both_ways({**LAYOUTS[layout], name: other}),
        )
        assert ways == mirrored[::-1], (one, other)
        is_counted = layout == "from 0" and one in COUNTED
        assert sum(ways) == (not is_counted), (one, ways)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NAMES)
def test_a_verdict_that_is_not_understood_is_one_line_whichever_answer_won(layout, name):
    for value in DOUBTED:
        assert both_ways({**LAYOUTS[layout], name: value}) == (False, False), value


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_number_counts_where_its_columns_or_its_name_say_from_where(layout):
    for name, number in itertools.product(("winner", "outcome", "annotator_choice"), (0, 1, 2, "1", "2.0")):
        ways = both_ways({**LAYOUTS[layout], name: number})
        is_mark = layout == "from 1" and float(number) > 0
        assert ways == ((float(number) == 1, float(number) == 2) if is_mark else (False, False)), (
            name,
            number,
        )
    for name, number in itertools.product(("winner_index", "best_idx", "preferred_id"), (0, 1, 2, "1")):
        ways = both_ways({**LAYOUTS[layout], name: number})
        is_index = layout != "from 1" and float(number) < 2
        assert ways == ((float(number) == 0, float(number) == 1) if is_index else (False, False)), (
            name,
            number,
        )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["overall", "majority", "ranking", "rank", "prediction", "what_she_said"])
def test_a_verdict_is_one_under_any_name(layout, name):
    for one, other in READ.items():
        if one in ("second", "2nd", "the first"):
            continue  # of a text that may be about anything
        ways, mirrored = (
            both_ways({**LAYOUTS[layout], name: one}),
            both_ways({**LAYOUTS[layout], name: other}),
        )
        assert ways == mirrored[::-1] and sum(ways) == 1, (one, ways)
    is_order = name in ("ranking", "rank")
    assert both_ways({**LAYOUTS[layout], name: ["B", "B", "A"]}) == (False, not is_order)
    losers = ("B is worse", "A is worse") if not is_order else ("B is worse", "A loses")
    ways = [both_ways({**LAYOUTS[layout], name: loser}) for loser in losers]
    assert ways == [(False, False)] * 2 if is_order else [(True, False), (False, True)]


LOSING = {
    "Response B is worse.": "Response A is worse.", "B is clearly worse": "A is clearly worse",
    "The worse answer is A": "The worse answer is B", "B loses": "A loses", "Model A lost": "Model B lost",
    "The first is the worst one": "The second is the worst one", "answer (b) is slightly worse":
    "answer (a) is slightly worse",
}  # fmt: skip
WRITTEN = (
    "Model {} won on facts", "Response {} is better because it is right.", "{} was better but wrong.",
    "{} could be better.", "Response {} needs better sources", "{} is not worse", "{} is worse than it was",
    "I prefer {} for its length", "{} is the better loser", "Response {} wins, which is a shame",
)  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["reason", "feedback", "preference_comment", "judge_rationale", "critiques"])
def test_a_reason_counts_where_all_of_it_is_understood(layout, name):
    for one, other in {**LOSING, "B is better": "A is better", "[[A>B]]": "[[B>A]]"}.items():
        ways = [both_ways({**LAYOUTS[layout], name: text}) for text in (one, other)]
        assert ways[0] == ways[1][::-1] and sum(ways[0]) == 1, one
    for text, mark in itertools.product(WRITTEN, "AB"):
        assert both_ways({**LAYOUTS[layout], name: text.format(mark)}) == (True, True), text
        assert both_ways({**LAYOUTS[layout], name: [text.format(mark)] * 2}) == (True, True), text
    assert both_ways({**LAYOUTS[layout], name: ["B is worse", "Response B loses"]}) == (True, False)


@pytest.mark.parametrize("layout", ["letters", "list"])
def test_words_of_a_loser_are_in_doubt_under_other_names(layout):
    for text in (
        "{} is not worse",
        "{} is worse than it was",
        "{} is the better loser",
        "Model {} won on facts",
    ):
        for name, mark in itertools.product(("overall", "winner"), "AB"):
            assert both_ways({**LAYOUTS[layout], name: text.format(mark)}) == (False, False), text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "Hepatitis B"), ("topic", "B is better"), ("language", "b"), ("note", "A river in Africa"),
        ("comment", "Response B mentions rivers"), ("subject", "What is plan B"), ("overall", 2),
        ("grade", "B"), ("title", "A better life"), ("quarter", "3rd"), ("preference_type", "B"),
        ("label_source", "Response B"), ("label_id", 1),
        ("preferred_language", "B"), ("label", "politics"), ("label", 7), ("outcome", "published"),
        ("best_of", 1), ("chosen_id", "0f3c-1a"), ("selected_by", "Ann"), ("human", "no"), ("overall", "tie"),
        ("judgment", "It is about rivers of the north, and B is a letter that stands in it by chance."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_no_verdict_is_let_be(layout, name, value):
    assert both_ways({**LAYOUTS[layout], name: value}) == (True, True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_letter_as_the_right_answer_is_an_option_of_what_is_asked(layout):
    names = ("answer", "gold", "target", "solution", "correct_answer", "answer_key", "key", "gold_answer")
    for name, letter in itertools.product(names, ("A", "b", "(B)", "C.", "D")):
        assert both_ways({**LAYOUTS[layout], name: letter}) == (True, True), (name, letter)
    for name in ("answer", "gold", "solution"):
        assert both_ways({**LAYOUTS[layout], name: "Response B"}) == (False, True)
        assert both_ways({**LAYOUTS[layout], name: "A is better"}) == (True, False)
    for name in ("best_answer", "answer_preferred", "gold_label", "winning_answer", "gold_verdict"):
        assert both_ways({**LAYOUTS[layout], name: "A"}) == (True, False)
        assert both_ways({**LAYOUTS[layout], name: "(B)"}) == (False, True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_rate_is_no_place(layout):
    for name, rate in itertools.product(("win_rate", "winner_rate", "vote_rates"), (0.2, 0.8, 1, 0, "0.5")):
        assert both_ways({**LAYOUTS[layout], name: rate}) == (True, True), (name, rate)
    rates = ({"win_rate_a": 0.2, "win_rate_b": 0.8}, {"win_rate_a": 0.8, "win_rate_b": 0.2})
    if layout == "letters":
        assert [both_ways({**LAYOUTS[layout], **each}) for each in rates] == [(False, True), (True, False)]


@pytest.mark.parametrize(
    ("beside", "ways"),
    [
        ({"loser": "A"}, (False, True)), ({"loser": "Response 2"}, (True, False)),
        ({"loser": "B is better"}, (False, False)), ({"worse": "A>B"}, (False, False)),
        ({"loser": 1}, (False, False)), ({"worst_index": 0}, (False, True)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("layout", ["letters", "list", "ordinals"])
def test_a_loser_is_named_alone(layout, beside, ways):
    assert both_ways({**LAYOUTS[layout], **beside}) == ways


OF_LOSERS = (
    {"loser": "?"}, {"rejected": "?", "reason": "It is short."}, {"worse": "Response ?"},
    {"rejected_response": "?"}, {"worst": "?", "confidence": 0.9}, {"losing_answer": "(?)"},
    {"dispreferred": "?", "model": "gpt-4"}, {"judge": "x", "loser": "?"},
)  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["verdict", "judgment", "winner", "preference", "label"])
def test_a_mapping_names_the_loser_by_its_key(layout, name):
    for values, wrap in itertools.product(OF_LOSERS, (dict, json.dumps, lambda item: [item])):
        ways = [
            both_ways({**LAYOUTS[layout], name: wrap({k: _marked(v, mark) for k, v in values.items()})})
            for mark in "AB"
        ]
        assert ways == [(False, True), (True, False)], (values, wrap)


def _marked(value, mark):
    return value.replace("?", mark) if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("beside", "mirrored", "ways"),
    [
        ({"loser": {"winner": "A", "loser": "B"}}, {"loser": {"winner": "B", "loser": "A"}}, (True, False)),
        ({"vote": {"winner": "A", "loser": "B"}}, {"vote": {"winner": "B", "loser": "A"}}, (True, False)),
        ({"overall": {"loser": "B"}}, {"overall": {"loser": "A"}}, (True, False)),
        ({"verdict": {"winner": "A", "why": "B"}}, {"verdict": {"winner": "B", "why": "A"}}, (True, False)),
        ({"verdict": {"label": "A", "why": "B"}}, {"verdict": {"label": "B", "why": "A"}}, (True, False)),
        ({"judgment": {"answer": "A", "by": "x"}}, {"judgment": {"answer": "B", "by": "x"}}, (True, False)),
        ({"choice": {"value": "A", "user": "b"}}, {"choice": {"value": "B", "user": "a"}}, (True, False)),
        ({"rejected_id": {"winner": "B"}}, {"rejected_id": {"winner": "A"}}, (False, False)),
        ({"vote": {"winner": "A", "loser": "A"}}, {"vote": {"winner": "B", "loser": "B"}}, (False, False)),
        ({"verdict": {"weaker": "A"}}, {"verdict": {"weaker": "B"}}, (False, False)),
        ({"judgment": {"less_good": "A", "why": "x"}}, {"judgment": {"less_good": "B"}}, (False, False)),
        ({"winner": {"is_better": False, "answer": "A"}}, {"winner": {"is_better": False, "answer": "B"}},
         (False, False)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_key_of_a_mapping_decides_by_its_own_sense(layout, beside, mirrored, ways):
    assert both_ways({**LAYOUTS[layout], **beside}) == ways
    assert both_ways({**LAYOUTS[layout], **mirrored}) == ways[::-1]


KEYS = (
    ("A", "B"),
    ("a", "b"),
    ("model_a", "model_b"),
    ("Response 1", "Response 2"),
    ("1", "2"),
    ("first", "second"),
)
OUTCOMES = (("loss", "win"), ("Lost", "Won"), ("rejected", "chosen"))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("keys", KEYS)
def test_a_mapping_by_marks_of_any_row_holds_what_each_answer_got(layout, keys):
    for name, (low, high) in itertools.product(
        ("scores", "label", "votes", "elo"), ((0, 1), (1, 3), ("2", "9"))
    ):
        if name == "votes" and isinstance(low, str):
            continue
        for values, ways in (((low, high), (False, True)), ((high, low), (True, False))):
            for mapping in (_keyed(keys, values), {**_keyed(keys, values), "tie": 0}):
                assert both_ways({**LAYOUTS[layout], name: mapping}) == ways, (name, mapping)
    for name, (low, high) in itertools.product(
        ("judgment", "label", "verdict", "loser", "outcome"), OUTCOMES
    ):
        lost, won = (_keyed(keys, values) for values in ((low, high), (high, low)))
        assert both_ways({**LAYOUTS[layout], name: lost}) == (False, True), (name, lost)
        assert both_ways({**LAYOUTS[layout], name: won}) == (True, False), (name, won)
    ranks = (_keyed(keys, (2, 1)), json.dumps(_keyed(keys, (1, 2))))
    assert [both_ways({**LAYOUTS[layout], "rank": rank}) for rank in ranks] == [(False, True), (True, False)]
    aside = {keys[0]: 1, "clarity": 3}
    assert both_ways({**LAYOUTS[layout], "scores": aside}) == (True, True)


def _keyed(keys, values):
    return dict(zip(keys, values, strict=True))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_list_of_outcomes_is_that_of_each_answer(layout):
    for name, (low, high) in itertools.product(("label", "labels", "outcome"), OUTCOMES[:2]):
        assert both_ways({**LAYOUTS[layout], name: [low, high]}) == (False, True)
        assert both_ways({**LAYOUTS[layout], name: [high, low]}) == (True, False)
    assert both_ways({**LAYOUTS[layout], "label": ["win", "news"]}) == (True, True)
    assert both_ways({**LAYOUTS[layout], "ranking": ["chosen", "rejected"]}) == (True, True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_words_for_one_of_two_are_places(layout):
    for name, word in itertools.product(
        ("label", "winner", "gpt4_verdict"), ("latter", "the latter", "The latter.")
    ):
        assert both_ways({**LAYOUTS[layout], name: word}) == (False, True)
        assert both_ways({**LAYOUTS[layout], name: word.replace("latter", "former")}) == (True, False)
    for name in ("gpt4_verdict", "label", "choice"):
        ways = [both_ways({**LAYOUTS[layout], name: word}) for word in ("one", "two")]
        assert ways == ([(False, False)] * 2 if layout == "from 0" else [(True, False), (False, True)])
    for word in ("latter", "two", "one"):
        assert both_ways({**LAYOUTS[layout], "note": word}) == (True, True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_metadata_is_looked_into_as_any_mapping_is(layout):
    for key in ("winner", "preference", "gpt4_verdict"):
        assert both_ways({**LAYOUTS[layout], "metadata": {key: "A"}}) == (True, False)
        assert both_ways({**LAYOUTS[layout], "metadata": json.dumps({key: "B"})}) == (False, True)
    assert both_ways({**LAYOUTS[layout], "metadata": {"loser": "A", "x": 1}}) == (False, True)
    for value in ({"winner": "gpt-4"}, {"section": "B"}, {"judge": "a"}, {}, "b"):
        assert both_ways({**LAYOUTS[layout], "metadata": value}) == (True, True), value


THREE = Answers(("responses",), (), ("x", "y", "z"), 0, 2, AnswerKeys(("x", "z")))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("B>A>C", 0), ("C>A>B", 2), ("3 > 2 > 1", 2), ("1<2<3", 2),
        ("Response 1 > Response 3 > Response 2", 0),
        ("2>1>0", 2), ("3>2", IN_DOUBT), ("A>A>B", IN_DOUBT), ("A>B<C", IN_DOUBT), ("C", 2), ("D", IN_DOUBT),
        ("third", 2), ("Response 3", 2), ("Response 4", IN_DOUBT), ("rivers", None), ("B>A", IN_DOUBT),
    ],
)  # fmt: skip
def test_an_order_of_several_answers_says_which_of_two_is_better(text, place):
    assert place_said(text, THREE) == place


def test_a_ranking_is_an_order_from_the_best():
    for layout in LAYOUTS.values():
        assert both_ways({**layout, "ranking": ["B", "A"]}) == (False, True)
        assert both_ways({**layout, "ranking": "A > B"}) == (True, False)
        assert both_ways({**layout, "ranking": "B, A"}) == (False, False)


def test_ties_are_told_by_their_first_words():
    assert all(
        map(is_tie, ("tie", "tied", "both bad", "tie (bothbad)", "neither is good", "no clear winner"))
    )
    assert not any(map(is_tie, ("tiers", "bother", "drawing", "no", "equality", "")))


@pytest.mark.parametrize(
    "columns", [("text_a", "text_b"), ("model_a_response", "model_b_response"), ("x_1", "x_2")]
)
def test_a_verdict_on_answers_in_other_words_is_one_line_whatever_their_columns(columns):
    others = dict(zip(columns, ("The Nile is long, I say.", "No idea."), strict=True))
    for value in ("B", "Response A", columns[0], "second"):
        assert both_ways({**others, "winner": value}) == (False, False)
    assert both_ways({**others, "winner": "gpt-4"}) == both_ways({**others, "note": "B"}) == (True, True)


def test_who_gave_a_side_is_who_gave_its_text():
    models = {"model_a": "x", "model_b": "y"}
    for layout in (LAYOUTS["letters"], LAYOUTS["other names"]):
        assert both_ways({**layout, **models, "chosen_model": "x", "rejected_model": "Y"}) == (True, False)
        assert both_ways({**layout, **models, "chosen_model": "z", "rejected_model": "y"}) == (True, True)
    listed = {**LAYOUTS["list"], "generation_models": ["x", "y"]}
    assert both_ways({**listed, "chosen_model": "y", "rejected_model": "x"}) == (False, True)
    assert both_ways({**listed, "chosen_style": "y", "rejected_style": "x"}) == (True, True)


@pytest.mark.parametrize(
    "beside",
    [
        {"gold": "x²"}, {"label": "m²"}, {"answer": "Answer: x²"}, {"metric": "R²"}, {"title": "Text ①"},
        {"winner": "①"}, {"winner": "٢"}, {"rank_note": "A>²"}, {"winner": "\ud83d"},
        {"third": "Paris \ud83d"}, {"preferred_response": "Paris \ud83d"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("layout", ["letters", "from 1", "list"])
def test_any_signs_are_a_value_or_one_line(beside, layout):
    row = {"prompt": "Q?", "chosen": FIRST, "rejected": SECOND, **LAYOUTS[layout], **beside}
    found = FIRST
    with contextlib.suppress(RecipeError):
        _, [chosen], _ = validated_pair(to_pair_row(row, {}, "row"), "row")
        found = chosen["content"]

    assert found == FIRST
