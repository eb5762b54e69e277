"""What only several rows show, and what must go for it. (prefgen/dataset/row_relations.py)"""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefgen.dataset.check import check_rows
from tests.support.near_texts import near_texts, similar_pairs

LONG = (
    "Explain to a new gardener why tomatoes split after rain, what helps against it, and what to do "
    "with split fruit before it spoils, in a kitchen without a freezer and with little time"
)


def a_row(chosen, rejected, prompt="Name a river.", **more):
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


def report_of(*rows):
    return check_rows((str(i), row) for i, row in enumerate(rows))


def left_out(*rows) -> set[int]:
    """The numbers of the rows that must go; what is left breaks nothing."""
    places = report_of(*rows).bad_places
    gone = {int(place) for place in places}
    assert not report_of(*(row for i, row in enumerate(rows) if i not in gone)).findings
    return gone


def test_only_the_cycle_goes():
    assert left_out(a_row("e", "f"), a_row("a", "b"), a_row("b", "c"), a_row("c", "a")) == {1, 2, 3}


def test_a_pair_between_two_cycles_stays():
    first = [a_row("a", "b"), a_row("b", "c"), a_row("c", "a")]
    second = [a_row("x", "y"), a_row("y", "z"), a_row("z", "x")]

    assert left_out(*first, a_row("a", "x"), *second) == {0, 1, 2, 4, 5, 6}


def test_both_rows_of_a_contradiction_are_named():
    finding = report_of(a_row("x", "y"), a_row("y", "x")).findings["contradiction"]

    assert [where for where, _ in finding.rows] == ["0", "1"]


def test_every_row_of_a_prompt_that_leaks_goes():
    train = a_row("x", "y", LONG, split="train")
    test = [a_row("x", rejected, LONG + " now", split="test") for rejected in ("y", "z")]

    assert left_out(train, *test) == {1, 2}
    assert left_out(train, a_row("x", "z", LONG, split="test"), a_row("u", "v", LONG, split="train")) == {1}


def test_sound_rows_do_not_go_for_rows_that_go_anyway():
    broken = a_row("x", "y", source=None)

    assert left_out(broken, a_row("y", "x")) == {0}
    assert left_out(a_row("x", "y", split="a"), a_row("y", "x", split="a"), a_row("u", "v", split="b")) == {
        0,
        1,
    }


@pytest.mark.parametrize(
    "other",
    [
        "name a river. ",
        "Name a river.\n",
        "Name\u00a0a  river.",
        "Name a\u200b river.",
        "\ufeffName a river.",
    ],
)
def test_a_prompt_is_the_same_in_normal_form(other):
    assert set(report_of(a_row("Rhine", "Alps"), a_row("Alps", "Rhine", other)).findings) == {"contradiction"}
    assert set(report_of(a_row("Rhine", "Alps"), a_row("rhine ", "Alps", other)).findings) == {"twice"}
    assert report_of(a_row("Rhine", "Alps"), a_row("Rhone", "Alps", other)).prompts == 1


def call(arguments, call_id="1"):
    function = {"name": "look", "arguments": arguments}
    return [{"role": "assistant", "content": "", "tool_calls": [{"id": call_id, "function": function}]}]


def test_a_call_is_the_same_with_another_id_and_spacing():
    bad = [{"role": "assistant", "content": "no"}]
    rows = [a_row(call('{"a": 1}'), bad), a_row(call('{"a":1}', "2"), bad)]

    assert set(report_of(*rows).findings) == {"twice"}
    assert set(report_of(a_row(call('{"a": 1}'), call('{"a":1}', "2"))).findings) == {"same"}
    assert not report_of(a_row(call('{"a": 1}'), call('{"a": 2}'))).findings


def test_other_images_are_another_prompt():
    def seen(url):
        parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
        return [{"role": "user", "content": parts}]

    sides = {name: [{"role": "assistant", "content": name}] for name in ("chosen", "rejected")}
    swapped = {"chosen": sides["rejected"], "rejected": sides["chosen"]}
    first, second = ({"prompt": seen(f"https://x.example/{n}.png")} for n in (1, 2))

    assert not report_of(first | sides, second | swapped).findings
    assert set(report_of(first | sides, first | swapped).findings) == {"contradiction"}


@settings(max_examples=max(60, settings.default.max_examples // 10))  # each is a dataset of some rows
@given(st.integers(0, 2**32))
def test_what_is_left_breaks_nothing(seed):
    rng = Random(seed)
    rows = [
        a_row(
            *rng.sample("abcd", 2),
            prompt=rng.choice(["Name a river.", LONG, LONG + " now", LONG + " now, please"]),
            split=rng.choice(["train", "test", "dev"]),
            rule=rng.choice(["r", "s"]),
            source=rng.choice(["s", "s", "s", None]),
        )
        for _ in range(rng.randint(1, 12))
    ]

    left_out(*rows)


def test_rows_of_several_findings_are_in_the_report(tmp_path):
    found = report_of(a_row("x", "y"), a_row("y", "x")).as_json()

    assert json.loads(json.dumps(found))["broken"]["contradiction"]["rows"] == 2


def test_every_prompt_that_is_nearly_one_of_another_split_is_named():
    texts = near_texts(60)
    rows = [a_row("x", "y", text, split=("train", "test")[i % 2]) for i, text in enumerate(texts)]
    order = sorted(range(len(texts)), key=lambda i: i % 2)  # train first
    pairs = similar_pairs([texts[i] for i in order])
    expected = {str(order[i]) for i, j in pairs if order[i] % 2 != order[j] % 2}

    found = report_of(*(rows[i] | {"id": i} for i in range(len(rows)))).findings["splits"]

    assert len(expected) > 20
    assert {where for where, _ in found.rows} == expected
