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
