"""What each synthesizer asks, and what it makes of the replies."""

import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from prefgen.errors import RecipeError, ReplyError, UnreadableReply
from prefgen.kit.prompt_writing import read_prompts
from prefgen.kit.replies import ParseFailure
from prefgen.plugins.registry import find
from prefgen.synthesizers.keywords import keywords_of
from prefgen.testing import SHOTS, Scripted, a_pool
from prefgen.types import Reply, Seed


def an(name, **fields):
    return find("synthesizer", name, Path())(model="m", **fields)


def listed(*texts):
    return json.dumps({"prompts": list(texts)})


def a_seed(text="The tide clock shows when boats may leave.", shots=(), messages=(), **metadata):
    return Seed(index=0, seed=0, text=text, metadata=metadata, shots=shots, messages=messages)


async def asked_of(synthesizer, seed, *replies):
    """(what was written, what was asked)."""
    ask = Scripted(list(replies))
    written = await synthesizer.synthesize(seed, ask, a_pool())
    return written, ["\n\n".join(m.text for m in turns) for _, turns in ask.asked]


def texts(prompts):
    return [p.text for p in prompts]


@pytest.mark.parametrize(
    ("reply", "count", "found"),
    [
        (listed("One?", "Two?"), 2, ["One?", "Two?"]),
        ("Sure:\n1. One?\n2) Two?\n3. Three?", 2, ["One?", "Two?"]),
        ("* One?", 1, ["One?"]),
        (listed('"One?"'), 1, ["One?"]),
        (listed("“One?”"), 1, ["One?"]),
        (listed('Say "hi" and "bye"'), 1, ['Say "hi" and "bye"']),
        (
            "1. Plan a trip with:\n   - food\n   - sun\n2. Sort this:\n```\n1. b\n```",
            2,
            ["Plan a trip with:\n   - food\n   - sun", "Sort this:\n```"],
        ),
        (listed("  ", "Two?"), 2, ["Two?"]),
    ],
)
def test_prompts_are_read_from_json_lists_or_bare_text(reply, count, found):
    assert read_prompts(Reply(text=reply), count) == found


@pytest.mark.parametrize("reply", [
    "No list here, only talk.", listed(), listed("..."), '{"prompts": "One?"}', "I'm sorry, but I can't help with that.",
    '{"prompts": ["How do I plan a long tri', '["One?"]', "Sure! Here is one: How? Let me know.", listed("x" * 200_000),
])  # fmt: skip
@pytest.mark.parametrize("count", [1, 3])
def test_what_is_no_list_is_not_read(reply, count):
    with pytest.raises(ParseFailure):
        read_prompts(Reply(text=reply), count)


def test_a_reply_that_was_cut_off_is_no_prompt():
    with pytest.raises(ParseFailure, match="cut off"):
        read_prompts(Reply(text="1. How do I plan", finish_reason="length"), 1)


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


async def test_a_reply_that_repeats_the_request_is_no_prompt():
    written, _ = await asked_of(an("few_shot", per_seed=2), a_seed(), listed("#Given Prompt#: again", "A?"))
    assert texts(written) == ["A?"]

    with pytest.raises(UnreadableReply, match="repeats words of the request"):
        await asked_of(an("few_shot"), a_seed(), listed("#Rewritten Prompt#: A?"))


async def test_self_instruct_mixes_people_and_pool():
    written, [asked] = await asked_of(
        an("self_instruct", per_seed=2, choice_share=1.0), a_seed(shots=list(SHOTS)), listed("A", "B")
    )

    assert len(written) == 2
    assert "What is a spring tide?" in asked
    assert SHOTS[0] in asked
    assert "one of a few labels" in asked


async def test_persona_asks_for_a_drawn_kind():
    _, [asked] = await asked_of(
        an("persona", kinds=["a recipe"], seeds="s.jsonl"), a_seed("A sailor."), listed("A?")
    )

    assert "as a recipe" in asked
    assert "A sailor." in asked


async def test_evolve_goes_on_from_what_it_wrote_and_keeps_what_came_before_a_lost_step():
    steps = [listed("Harder?"), listed("Harder still?"), listed("Harder still?")]

    written, asked = await asked_of(an("evolve", steps=4, seeds="s"), a_seed("Easy?"), *steps)

    assert texts([p for p in written if not isinstance(p, ReplyError)]) == ["Harder?", "Harder still?"]
    assert [e.code for e in written if isinstance(e, ReplyError)] == ["not_evolved"]
    assert "Easy?" in asked[0]
    assert "Harder?" in asked[1]
    assert [p.lineage["step"] for p in written[:2]] == [1, 2]
    assert written[1].lineage["parent"] == "Harder?"
    last, _ = await asked_of(an("evolve", steps=2, keep="last", seeds="s"), a_seed("Easy?"), *steps)
    assert texts(last) == ["Harder still?"]


async def test_a_chain_that_comes_back_to_where_it_was_ends_there():
    replies = [listed("Harder?"), listed("Easy?"), listed("never asked")]

    written, asked = await asked_of(
        an("evolve", steps=3, operators=["deepen"], seeds="s"), a_seed("Easy?"), *replies
    )

    assert texts([p for p in written if not isinstance(p, ReplyError)]) == ["Harder?"]
    assert len(asked) == 2


def test_keywords_leave_out_names_stop_words_and_short_words():
    text = "Anna sails to Oslo. Boats carry timber, and Anna likes the timber. There were about nine of them."

    assert keywords_of(text) == ["sails", "boats", "carry", "timber", "likes", "nine"]
    assert keywords_of("港口的潮汐时钟。") == ["港口的潮汐时钟"]


async def test_keywords_come_from_the_seed_and_one_from_another_text():
    written, [asked] = await asked_of(
        an("keywords", seeds="s"), a_seed("boats carry timber", shots=["ovens bake bread"]), listed("A?")
    )

    words = written[0].lineage["keywords"]
    assert len(words) == 3
    assert len({"boats", "carry", "timber"} & set(words)) == 2
    assert ", ".join(words) in asked


async def test_too_few_keywords_are_lost_without_asking():
    [lost], asked = await asked_of(
        an("keywords", seeds="s"), a_seed("Anna and Oslo", shots=["them"]), "never"
    )

    assert lost.code == "too_few_keywords"
    assert asked == []


async def test_magpie_ends_where_the_user_would_begin():
    written, [asked] = await asked_of(
        an("magpie", template="llama3", system=["Be a cook."]),
        Seed(index=0, seed=0),
        "  How long do eggs take?\n",
    )

    assert texts(written) == ["How long do eggs take?"]
    assert asked.startswith(
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe a cook.<|eot_id|>"
    )
    assert asked.endswith("<|start_header_id|>user<|end_header_id|>\n\n")
    assert written[0].lineage == {"system": "Be a cook."}


async def test_magpie_loses_what_was_cut_off():
    [lost] = await an("magpie").synthesize(
        Seed(index=0, seed=0), Scripted([Reply(text="How long", finish_reason="length")]), a_pool()
    )

    assert lost.code == "length"


async def test_a_conversation_goes_on_and_ends_with_the_user():
    replies = ["It rises and falls.", listed("And on lakes?"), "Hardly.", listed("Why?")]

    [prompt], asked = await asked_of(
        an("multi_turn", turns=2, seeds="s"), a_seed("What is a tide?"), *replies
    )

    assert [(m.role, m.text) for m in prompt.messages] == [
        ("user", "What is a tide?"), ("assistant", "It rises and falls."), ("user", "And on lakes?"), ("assistant", "Hardly."), ("user", "Why?"),
    ]  # fmt: skip
    assert "assistant: It rises and falls." in asked[1]


async def test_a_conversation_that_was_begun_goes_on_from_its_last_turn():
    begun = [
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "What is a tide?"},
    ]

    [prompt], _ = await asked_of(
        an("multi_turn", seeds="s"), a_seed("What is a tide?", messages=begun), "A rise.", listed("Why?")
    )

    assert [m.text for m in prompt.messages] == ["Hi.", "Hello.", "What is a tide?", "A rise.", "Why?"]


async def test_topics_are_divided_and_each_leaf_gets_its_own_prompts():
    def says(text):
        topic = re.search(r"<text 1>\n(.*?)\n", text)[1].replace(" > ", "/")
        return (
            listed(f"{topic[-3:]}a", f"{topic[-3:]}b") if "Name 2 part" in text else listed(f"About {topic}?")
        )

    ask = Scripted(says)
    written = await an("taxonomy", branches=2, depth=2, seeds="s").synthesize(a_seed("Sea"), ask, a_pool())

    assert len(ask.asked) == 1 + 2 + 4
    assert len({p.text for p in written}) == 4
    assert {p.category for p in written} == {"Sea"}
    assert all(len(p.lineage["topic"]) == 3 for p in written)


async def test_a_branch_that_is_lost_costs_its_own_leaves():
    def says(text):
        if "Name 2 part" in text:
            return listed("tides", "ships")
        return "" if "ships" in text else listed("How?")

    written = await an("taxonomy", branches=2, seeds="s").synthesize(a_seed("Sea"), Scripted(says), a_pool())

    assert texts([p for p in written if not isinstance(p, ReplyError)]) == ["How?"]
    assert len([p for p in written if isinstance(p, ReplyError)]) == 1


async def test_demands_are_one_of_fourteen_families_and_one_to_three_more():
    from prefgen.synthesizers.evolve_constraints import FAMILIES

    [prompt], [asked] = await asked_of(
        an("evolve_constraints", seeds="s"), a_seed("Easy?"), listed("In a table: easy?")
    )

    assert len(FAMILIES) == 14
    drawn = prompt.lineage["constraints"]
    assert 2 <= len(drawn) == len(set(drawn)) <= 4
    assert f"{FAMILIES[drawn[0]]} (this one above all)" in asked
    assert all(FAMILIES[name] in asked for name in drawn)


@pytest.mark.parametrize("more", [(1, 14), (3, 1), (-1, 2)])
def test_more_demands_than_there_are_are_refused(more):
    with pytest.raises(ValidationError, match="more must be two numbers"):
        an("evolve_constraints", more=more)


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


async def test_questions_for_a_trait_do_not_name_it_and_have_it_as_category():
    written, [asked] = await asked_of(
        an("questions_for_traits", per_seed=2, examples=["Q?"], seeds="s"),
        a_seed("It flatters."),
        listed("A?", "B?"),
    )

    assert [p.category for p in written] == ["It flatters."] * 2
    assert "It flatters." in asked
    assert "Q?" in asked


async def test_attacks_are_drawn_and_must_be_meant():
    team = an("red_team", seeds="s", accept_harm=True, styles=["plain"], attacks=["asks outright"])

    written, [asked] = await asked_of(
        team, a_seed("It deceives nobody.", category="fraud"), listed("A?", "B?")
    )

    assert {(p.lineage["style"], p.lineage["attack"]) for p in written} == {("plain", "asks outright")}
    assert "in the area of fraud" in asked
    assert "It deceives nobody." in asked


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("red_team", {"seeds": "s"}, "accept_harm: true"),
        ("red_team", {"accept_harm": True}, "needs `seeds`"),
        ("taxonomy", {}, "needs `seeds`"),
        ("evolve_constraints", {}, "needs `seeds`"),
        ("backtranslate", {}, "needs `seeds`"),
        ("questions_for_traits", {}, "needs `seeds`"),
        ("few_shot", {"template": "{% if"}, "template"),
        ("few_shot", {"template": "{{ nope }}"}, "nope"),
        ("persona", {}, "needs `seeds`"),
        ("evolve", {}, "needs `seeds`"),
        ("keywords", {}, "needs `seeds`"),
        ("keywords", {"seeds": "s", "shots": 0}, "`shots` is 0"),
        ("multi_turn", {}, "needs `seeds`"),
        ("magpie", {"seeds": "s"}, "starts from nothing"),
        ("magpie", {"template": "lama3"}, "Did you mean 'llama3'"),
        ("magpie", {"template": "llama-3"}, "no template 'llama-3'"),
        ("magpie", {"template": "<user>", "system": ["x"]}, "how a system turn looks"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_asked(name, fields, message):
    with pytest.raises(RecipeError, match=message):
        an(name, **fields).validate()
