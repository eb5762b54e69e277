"""A conversation that calls tools or shows an image is the same one in every file that is made of it: in the
pairs of a run, its release, a mix and an export.
"""

import json

import pytest

from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.pair import pair_messages
from prefgen.dataset.parquet import FULL_PAIRS, PAIRS, give_one_schema, pairs_schema_of, write_lines
from prefgen.dataset.read_parquet import read_parquet
from prefgen.publish.mix import mix
from prefgen.publish.mix_draw import parse_part
from prefgen.publish.rows import write_rows
from tests.support.cli import prefgen_here as prefgen
from tests.support.recipes import a_recipe

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
}
CONVERSATIONS = {
    "tools": [
        {"role": "user", "content": "What is the weather in Oslo?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"celsius": -3}'},
    ],
    "image": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
            ],
        }
    ],
    "offered": [{"role": "user", "content": "Which tools have you got?"}],
    "plain": [{"role": "user", "content": 'What is a key such as "tools": or "parts": in JSON?'}],
}
KINDS = sorted(CONVERSATIONS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run over all kinds of conversations."""
    folder = tmp_path_factory.mktemp("tools")
    rows = [
        {"messages": CONVERSATIONS[kind], "category": kind}
        | ({"tools": TOOLS} if kind in ("tools", "offered") else {})
        for kind in KINDS
    ]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = a_recipe(name="tools")
    recipe["stages"][0] = {"prompts": {"use": "file", "path": "prompts.jsonl"}}
    (folder / "recipe.json").write_text(json.dumps(recipe))
    done = prefgen("run", "recipe.json", "--out", "run", "-q", "-y", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def conversations(location) -> dict[str, tuple]:
    """{category: (the prompt's turns, the tools)} as the reader of pairs gives them."""
    found = {}
    for where, row in open_pairs(str(location)).rows:
        tools = row.get("tools")
        found[row["category"]] = (
            pair_messages(row, where)[0],
            json.loads(tools) if isinstance(tools, str) else tools,
        )
    return found


EXPECTED = {
    kind: (turns, TOOLS if kind in ("tools", "offered") else None) for kind, turns in CONVERSATIONS.items()
}


def test_the_pairs_of_a_run_hold_the_conversation(folder):
    assert conversations(folder / "run") == EXPECTED
    assert prefgen("check", "run", cwd=folder).returncode == 0


def test_a_release_holds_it_too(folder, tmp_path):
    written = write_rows(folder / "run", tmp_path, test=0, seed=0, harmful="redact")

    assert conversations(tmp_path) == EXPECTED
    candidates = next(path for name, path in written.files.items() if "candidates" in name)
    calls = [turn["tool_calls"] for row in read_parquet(candidates) for turn in row["prompt"]]
    assert next(filter(None, calls)) == [CALL]


def test_a_mix_holds_it_too(folder, tmp_path):
    mix([parse_part(str(folder / "run"))], tmp_path / "mix", test=0, seed=0)

    assert conversations(tmp_path / "mix") == EXPECTED


@pytest.mark.parametrize("suffix", ["jsonl", "parquet", "csv"])
def test_an_export_holds_it_too(folder, tmp_path, suffix):
    path = tmp_path / f"pairs.{suffix}"

    done = prefgen("export", "run", "--to", "trl", "-o", str(path), cwd=folder)

    if suffix == "parquet":  # a column holds text or lists of parts, and not both
        assert done.returncode == 2 and "write .jsonl" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    prompts = [(pair_messages(row, where)[0], row.get("tools")) for where, row in open_pairs(str(path)).rows]
    for turns, tools in EXPECTED.values():
        assert any(turns == prompt for prompt, _ in prompts)
        assert tools is None or any(found and json.loads(found) == tools for _, found in prompts)


def test_shards_of_one_dataset_have_one_schema(tmp_path):
    def row(number, **turn):
        sides = {name: [{"role": "user", "content": f"{name} {number}", **turn}] for name in ("prompt",)}
        return json.dumps({"id": str(number), **sides}).encode()

    write_lines([row(1)], PAIRS, tmp_path / "00000.parquet")
    give_one_schema(tmp_path)
    assert pairs_schema_of(tmp_path).equals(PAIRS)
    write_lines([row(2, tool_call_id="x")], FULL_PAIRS, tmp_path / "00001.parquet")

    give_one_schema(tmp_path)

    first, second = (list(read_parquet(path)) for path in sorted(tmp_path.glob("*.parquet")))
    assert first[0].keys() == second[0].keys() == set(FULL_PAIRS.names)
    assert first[0]["prompt"][0] == {
        **dict.fromkeys(second[0]["prompt"][0]),
        "role": "user",
        "content": "prompt 1",
    }
