"""What a row offers to whoever answers. (prefgen/dataset/offered_tools.py)"""

import json

import pytest

from prefgen.dataset.offered_tools import offered_tools
from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.pair_formats import to_pair_row
from prefgen.errors import RecipeError
from prefgen.sources.file import File

TOOL = {"name": "weather", "description": "d", "parameters": {"type": "object", "properties": {}}}
ROW = {"prompt": "Is it dry?", "chosen": "Yes, it is.", "rejected": "No idea."}
FORMS = [
    [TOOL],
    json.dumps([TOOL]),
    [json.dumps(TOOL)],
    json.dumps([json.dumps(TOOL)]),
    TOOL,
    {"weather": TOOL},
    [TOOL, None],
    {"weather": {key: TOOL[key] for key in ("description", "parameters")}},
    {"tools": [TOOL]},
]
NO_TOOLS = [
    {"signature": {"name": "add", "parameters": [{"name": "a", "type": "int"}]}},
    {"code_meta": {"name": "add", "parameters": {"a": {"type": "int"}, "b": {"type": "int"}}}},
    {"endpoint": {"name": "GET /x", "parameters": [{"name": "id", "in": "path", "type": "string"}]}},
    {"model_info": {"name": "m", "parameters": {"size": "7b", "type": "dense"}}},
    {"sampler": [{"name": "m", "parameters": {"type": "nucleus", "top_p": 0.9}}]},
    {"function_info": {"name": "add", "description": "adds two numbers"}},
    {"api": {"name": "openai", "description": "who answered"}},
    {"annotation_tool": {"name": "Label Studio", "description": "where people vote"}},
    {"api_calls": [{"name": "search", "description": "looks up"}]},
    {"tools_used": [{"name": "search", "description": "looks up"}]},
]
LOST = [
    {"apis": {"weather": {key: TOOL[key] for key in ("description", "parameters")}}},
    {"extra": {"tools": [TOOL]}},
    {"extra": {"function_declarations": [TOOL]}},
    {"extra": [{"function": TOOL}]},
    {"extra": [TOOL, None]},
    {"extra": [{**TOOL, "parameters": {"city": {"type": "str"}}}]},
    {"api_list": [{"name": "weather", "description": "d"}]},
    {"available_functions": [{"name": "weather", "description": "d"}]},
]
NONE = [None, "", "n/a", [], "[]", {}, float("nan")]
BAD = ["a hammer", ["a hammer"], 3, [3], {"weather": 1}, "[1", [[TOOL]]]


@pytest.mark.parametrize("tools", FORMS)
def test_tools_of_any_form_are_one_list_for_pairs_and_prompts(tools, tmp_path):
    row = to_pair_row({**ROW, "tools": tools}, {}, "row")
    offered = json.loads(row["tools"]) if isinstance(row["tools"], str) else row["tools"]
    assert offered == [TOOL]

    (tmp_path / "d.jsonl").write_text(json.dumps({"prompt": "Is it dry?", "tools": tools}))
    [record] = File(path="d.jsonl").read(tmp_path)
    assert record.prompt.tools == (TOOL,)


@pytest.mark.parametrize("tools", NONE)
def test_a_cell_without_tools_offers_none(tools, tmp_path):
    assert offered_tools(to_pair_row({**ROW, "tools": tools}, {}, "row")["tools"], "row") == ()
    (tmp_path / "d.jsonl").write_text(json.dumps({"prompt": "Is it dry?", "tools": tools}))
    [record] = File(path="d.jsonl").read(tmp_path)
    assert not record.prompt.tools


@pytest.mark.parametrize("tools", BAD)
def test_what_is_no_tool_is_one_line_whoever_reads_it(tools, tmp_path):
    for name, row in (("pairs", ROW), ("prompts", {"prompt": "Is it dry?"})):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({**row, "tools": tools}))
    with pytest.raises(RecipeError, match=r"tools must be a list of mappings \(or JSON of one\)"):
        list(open_pairs(str(tmp_path / "pairs.jsonl")).rows)
    with pytest.raises(RecipeError, match="tools must be a list of mappings"):
        list(File(path="prompts.jsonl").read(tmp_path))


@pytest.mark.parametrize("beside", NO_TOOLS)
def test_descriptions_of_other_things_are_no_tools(beside):
    assert to_pair_row({**ROW, **beside}, {}, "row")["prompt"] == ROW["prompt"]


@pytest.mark.parametrize("beside", LOST)
def test_tools_under_another_name_are_one_line(beside):
    with pytest.raises(RecipeError, match="holds tools, and would be lost"):
        to_pair_row({**ROW, **beside}, {}, "row")
    assert to_pair_row({**ROW, **beside, "tools": [TOOL]}, {"prompt": "prompt"}, "row")["chosen"]
