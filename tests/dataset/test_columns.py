"""From the rows of a table to records: which column holds the prompt, and what else a row says.
(prefgen/dataset/columns.py)
"""

import json

import pytest

from prefgen.errors import RecipeError
from prefgen.sources.file import File
from prefgen.sources.inline import Inline


def test_a_conversation_stays_whole_and_ends_with_its_last_user_turn(tmp_path):
    """A peer reduces a multi-turn prompt to its first user turn."""
    turns = [
        {"role": r, "content": c}
        for r, c in (("system", "S"), ("user", "A"), ("assistant", "B"), ("user", "C"), ("assistant", "D"))
    ]

    [record] = Inline(prompts=({"messages": turns},)).read(tmp_path)

    assert [(m.role, m.text) for m in record.prompt.messages] == [
        ("system", "S"),
        ("user", "A"),
        ("assistant", "B"),
        ("user", "C"),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"prompt": ""}\n', r"p\.jsonl:1: the prompt is empty"),
        (b'{"prompt": "ok"}\n{"prompt": 5}\n', r"p\.jsonl:2: .*text.*int"),
        (b'{"prompt": null}\n', r"p\.jsonl:1: .*NoneType"),
        (b'{"prompt": "ok"}\n{"prompt": \n', r"p\.jsonl:2: not valid JSON"),
        (b'{"prompt": "ok"}\n{"prompt": "\xff\xfe"}\n', r"p\.jsonl:2: not valid UTF-8"),
        (b'{"question_text": "ok"}\n', r"no column holds prompts"),
        (b"[1]\n", r"p\.jsonl:1: expected a JSON object"),
        (b'{"prompt": "' + b"x" * 2_000_000 + b'"}\n', r"2,000,000 characters"),
        (b'{"prompt": [{"role": "robot", "content": "x"}]}\n', r"unknown role 'robot'"),
        (b'{"prompt": [{"role": "assistant", "content": "x"}]}\n', r"must end with a user turn"),
        (b'{"prompt": "\\ud800"}\n', r"lone surrogate"),
    ],
    ids=range(11),
)
def test_a_bad_row_is_said_with_its_line(tmp_path, content, words):
    (tmp_path / "p.jsonl").write_bytes(content)

    with pytest.raises(RecipeError, match=words):
        list(File(path="p.jsonl").read(tmp_path))


def test_a_missing_file_or_column_names_the_nearest(tmp_path):
    (tmp_path / "p.jsonl").write_text('{"prompt": "a", "topic": "t"}\n')

    with pytest.raises(RecipeError, match="does not exist"):
        list(File(path="q.jsonl").read(tmp_path))
    with pytest.raises(RecipeError, match="'promt'.*'prompt'"):
        list(File(path="p.jsonl", column="promt").read(tmp_path))


def test_tools_and_metadata_are_data_or_json_text(tmp_path):
    tool = {"type": "function", "function": {"name": "weather"}}
    rows = [
        {"prompt": "A?", "tools": [tool], "metadata": {"grade": 3}},
        {"prompt": "B?", "tools": json.dumps([tool]), "metadata": '{"grade": 4}'},
    ]
    (tmp_path / "p.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (tmp_path / "bad.jsonl").write_text(json.dumps({"prompt": "A?", "tools": ["hammer"]}))

    prompts = [record.prompt for record in File(path="p.jsonl").read(tmp_path)]

    assert [prompt.tools for prompt in prompts] == [(tool,), (tool,)]
    assert [prompt.metadata["grade"] for prompt in prompts] == [3, 4]
    with pytest.raises(RecipeError, match=r"bad.jsonl.*tools must be a list of mappings"):
        list(File(path="bad.jsonl").read(tmp_path))
