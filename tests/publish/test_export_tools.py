"""Tools that a prompt offers are in every form that has a place for them, and other forms take no such pair.
(prefgen/publish/export.py)
"""

import json

import pyarrow.parquet as pq
import pytest

from prefgen.dataset.pair import NotAPair
from prefgen.errors import RecipeError
from prefgen.publish.export import EXPORT_FORMS, export, validated_pair
from tests.support.export import lines, said

WEATHER = [{"type": "function", "function": {"name": "weather", "parameters": {"required": ["city"]}}}]
COUNT = [{"type": "function", "function": {"name": "count", "parameters": {"properties": {"to": {}}}}}]
WITH_TOOLS = ("trl", "trl-implicit", "kto", "sft")


def pair(text="Ask", **more):
    return {
        "prompt": [said("user", text)],
        "chosen": [said("assistant", "good")],
        "rejected": [said("assistant", "bad")],
        **more,
    }


def exported(form, path, *rows, say=print):
    export([(f"row {i}", row) for i, row in enumerate(rows, 1)], form, path, say)
    return path


@pytest.mark.parametrize("form", WITH_TOOLS)
@pytest.mark.parametrize("tools", [WEATHER, json.dumps(WEATHER)])
def test_tools_come_along(tmp_path, form, tools):
    rows = lines(exported(form, tmp_path / "out.jsonl", pair(tools=tools), pair("Plain")))

    found = [row.get("tools") for row in rows]
    per_pair = 2 if form == "kto" else 1
    assert found == [tools] * per_pair + [None] * per_pair


@pytest.mark.parametrize("form", WITH_TOOLS)
def test_parquet_keeps_each_tool_as_it_is(tmp_path, form):
    path = exported(form, tmp_path / "o.parquet", pair(tools=WEATHER), pair("B", tools=COUNT), pair("C"))

    found = pq.read_table(path).column("tools").to_pylist()
    assert {text and json.dumps(json.loads(text)) for text in found} == {
        json.dumps(WEATHER), json.dumps(COUNT), None,
    }  # fmt: skip


@pytest.mark.parametrize("form", sorted(set(EXPORT_FORMS) - set(WITH_TOOLS)))
def test_a_form_without_a_place_for_tools_takes_none(tmp_path, form):
    with pytest.raises(RecipeError, match=f"row 1: {form} has no place for tools"):
        exported(form, tmp_path / "out.jsonl", pair(tools=WEATHER))
    assert len(lines(exported(form, tmp_path / "out.jsonl", pair(tools=[]), pair("B", tools="")))) == 2


def test_what_is_no_tool_is_said(tmp_path):
    with pytest.raises(RecipeError, match="row 1: tools must be a list of mappings"):
        exported("trl", tmp_path / "out.jsonl", pair(tools="calculator"))


def test_one_conversation_that_offers_other_tools_is_another_prompt(tmp_path):
    rows = pair(tools=WEATHER), pair(tools=COUNT)

    assert len(lines(exported("kto", tmp_path / "out.jsonl", *rows))) == 4
    assert len(lines(exported("sft", tmp_path / "out.jsonl", *rows))) == 2


def test_a_tie_gives_no_labels(tmp_path):
    said_words = []
    rows = pair(tie=True, score_chosen=1, score_rejected=1), pair("B", tie=False)

    path = exported("kto", tmp_path / "out.jsonl", *rows, say=said_words.append)

    assert [row["prompt"][0]["content"] for row in lines(path)] == ["B", "B"]
    assert said_words == ["1 pairs were left out, which are ties: neither side has a label"]


def calling(arguments):
    call = {"type": "function", "function": {"name": "weather", "arguments": arguments}}
    return pair(chosen=[{"role": "assistant", "content": "", "tool_calls": [call]}])


def arguments_of(row):
    turns = [turn for value in row.values() if isinstance(value, list) for turn in value]
    return [c["function"]["arguments"] for turn in turns for c in turn.get("tool_calls") or ()]


@pytest.mark.parametrize("form", WITH_TOOLS)
@pytest.mark.parametrize("arguments", ['{"city": "Oslo"}', '{"city":"Oslo"}', {"city": "Oslo"}])
def test_arguments_are_a_mapping_for_templates(tmp_path, form, arguments):
    first = lines(exported(form, tmp_path / "out.jsonl", calling(arguments)))[0]

    assert arguments_of(first) == [{"city": "Oslo"}]


@pytest.mark.parametrize("text", ["Oslo", "[1]", '{"a": 1, "a": 2}', '{"a": NaN}', "{", '"{}"'])
def test_arguments_that_are_no_mapping_are_refused(tmp_path, text):
    with pytest.raises(NotAPair, match="the arguments of a tool call"):
        exported("trl", tmp_path / "out.jsonl", calling(text))


def test_arguments_stay_text_in_parquet_and_read_back_the_same(tmp_path):
    path = exported("trl", tmp_path / "o.parquet", calling('{"city": "Oslo"}'))
    assert arguments_of(pq.read_table(path).to_pylist()[0]) == ['{"city": "Oslo"}']

    [row] = lines(exported("trl", tmp_path / "out.jsonl", calling('{"city": "Oslo"}')))
    assert validated_pair(row, "") == validated_pair(calling('{"city": "Oslo"}'), "")
