"""Prompts *with* responses, scores and pairs: from a run, a file or a Hub dataset, so that what exists can be
judged again. (prefgen/sources/records.py)
"""

import json

import pytest

from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.partial import Partial, write_note
from prefgen.dataset.read_files import read_rows
from prefgen.errors import RecipeError
from prefgen.plugins.registry import find
from prefgen.sources.records import Records
from prefgen.tables import BadRow
from prefgen.types import Record
from tests.support.cli import prefgen
from tests.support.harm import TEXT
from tests.support.hub_rows import hub, on  # noqa: F401 - `hub` is a fixture
from tests.support.recipes import a_recipe, run


def test_a_pair_that_prefers_it_is_no_row_to_read(tmp_path):
    row = {"prompt": "How?", "chosen": TEXT, "rejected": "No.", "metadata": {"source_text": TEXT}}
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")

    with pytest.raises(RecipeError, match=r"p.jsonl:1: chosen is, or holds, the harmful text"):
        list(find("source", "records", tmp_path)(path="p.jsonl").read(tmp_path))


def test_a_refusal_that_lost_to_a_better_answer_is_not_taken_for_the_text(tmp_path):
    lineage = json.dumps({"harm": "c", "source_digest": "0" * 32})
    row = {
        "prompt": "How?",
        "chosen": "I cannot help you with that at all. Please talk to us.",
        "rejected": "I cannot help you with that at all.",
        "lineage": lineage,
    }
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")

    [record] = find("source", "records", tmp_path)(path="p.jsonl", keep=["responses", "pairs"]).read(tmp_path)

    assert len(record.pairs) == 1
    assert "source_text" not in record.prompt.metadata


@pytest.mark.parametrize("source", ["records", "file"])
def test_a_part_of_a_run_is_no_source_until_the_whole_is_written(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    part = Partial("mine", "runs/mine", finished=14, prompts=30, at_work=False)
    whole = tmp_path / "clean" / "train.jsonl"
    whole.parent.mkdir()
    whole.write_text(json.dumps({"prompt": "How?", "chosen": "So.", "rejected": "No."}) + "\n")
    write_note(whole, part)
    for path in ("clean/train.jsonl", "clean"):
        plugin = find("source", source, tmp_path)(path=path)

        with pytest.raises(RecipeError) as as_mix:
            open_pairs(path)
        with pytest.raises(RecipeError, match=r"is a part of 'runs/mine'.* 14 of 30 prompts") as refused:
            list(plugin.read(tmp_path))
        assert str(refused.value) == str(as_mix.value)

    recipe = a_recipe()
    recipe["stages"] = [{"prompts": {"use": source, "path": "clean"}}, *recipe["stages"][1:]]
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    said = prefgen("check", "r.json", cwd=tmp_path)
    assert said.returncode == 2 and "A part must not pass for the whole" in said.stderr

    write_note(whole, None)
    assert len(list(plugin.read(tmp_path))) == 1


def test_pairs_of_the_hub_are_judged_again(hub, tmp_path):
    recipe = a_recipe()
    recipe["stages"] = [{"prompts": {"use": "records", "path": "acme/pairs"}}, *recipe["stages"][2:]]
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    done = prefgen("run", "r.json", "--json", cwd=tmp_path, **on(hub, tmp_path))

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["yield"]
    assert (found["prompts"], found["responses"], found["pairs"]) == (4, 8, 4)


ROWS = {
    "pair": {"prompt": "Q", "chosen": "good", "rejected": "bad", "score_chosen": 4.0, "score_rejected": 1.0},
    "implicit": {
        "chosen": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "good"}],
        "rejected": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "bad"}],
    },
    "list": {"prompt": "Q", "completions": ["good", "bad"]},
    "ultrafeedback": {
        "instruction": "Q",
        "completions": [
            {
                "model": "a",
                "response": "good",
                "annotations": {"honesty": {"Rating": "N/A"}, "helpfulness": {"Rating": "5"}},
            },
            {"model": "b", "response": "bad", "annotations": {"helpfulness": {"Rating": "1"}}},
        ],
    },
}


@pytest.mark.parametrize("form", ROWS)
def test_datasets_with_responses_are_recognised(tmp_path, form):
    (tmp_path / "d.jsonl").write_text(json.dumps(ROWS[form]) + "\n")

    [record] = Records(path="d.jsonl", keep=("responses", "scores", "pairs")).read(tmp_path)

    assert record.prompt.text == "Q"
    assert [r.text for r in record.responses] == ["good", "bad"]
    if form == "ultrafeedback":
        assert [(s.aspect, s.value) for s in record.scores] == [
            ("honesty", None),
            ("helpfulness", 5),
            ("helpfulness", 1),
        ]


def test_kto_rows_are_joined_by_prompt(tmp_path):
    rows = [
        {"prompt": "Q", "completion": "good", "label": True},
        {"prompt": "P", "completion": "x", "label": False},
        {"prompt": "Q", "completion": "bad", "label": False},
    ]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))

    first, second = Records(path="d.jsonl", keep=("responses", "scores")).read(tmp_path)

    assert [r.text for r in first.responses] == ["good", "bad"]
    assert [s.value for s in first.scores] == [1.0, 0.0]
    assert second.prompt.text == "P"


@pytest.mark.parametrize(
    "row", [{"prompt": "Q"}, {"prompt": "Q", "chosen": "a", "rejected": ""}, {"chosen": "a", "rejected": "b"}]
)
def test_a_row_without_responses_is_said(tmp_path, row):
    (tmp_path / "d.jsonl").write_text(json.dumps(row) + "\n")

    with pytest.raises(RecipeError, match=r"d\.jsonl:1"):
        list(Records(path="d.jsonl").read(tmp_path))


async def test_a_run_can_be_judged_again_without_sampling(tmp_path):
    await run(a_recipe(), tmp_path / "out")
    recipe = a_recipe(name="again")
    recipe["stages"] = [{"prompts": {"use": "records", "path": str(tmp_path / "out")}}, *recipe["stages"][2:]]

    outcome = await run(recipe, tmp_path / "again")

    assert outcome.manifest.yields.pairs == 3


def test_kto_rows_of_other_conversations_are_not_joined(tmp_path):
    """One question under two system texts is two prompts, wherever the system text stands."""
    rows = [
        {
            "system_prompt": f"Answer in {language} only.",
            "prompt": "Name a river.",
            "completion": text,
            "label": label,
        }
        for language, text, label in (("German", "Der Rhein.", "True"), ("French", "La Seine.", "False"))
    ]
    (tmp_path / "kto.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    german, french = Records(path="kto.jsonl", keep=("responses", "scores")).read(tmp_path)

    assert [record.responses[0].text for record in (german, french)] == ["Der Rhein.", "La Seine."]
    assert [record.scores[0].value for record in (german, french)] == [1.0, 0.0]
    assert german.prompt.messages[0].text == "Answer in German only."


def kto_labels(folder, rows, **fields):
    """{answer: label} of a file of KTO rows, and the reasons of those that were left out."""
    lines = [{"prompt": "Name a river.", **row} for row in rows]
    (folder / "kto.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = list(Records(path="kto.jsonl", keep=("responses", "scores"), **fields).read(folder))
    records = [item for item in found if isinstance(item, Record)]
    texts = {r.id: r.text for record in records for r in record.responses}
    labels = [(texts[score.response_id], score.value) for record in records for score in record.scores]
    return labels, [(bad.where, bad.reason) for bad in found if isinstance(bad, BadRow)]


ASSISTANT = {"role": "assistant"}
CALLS = [
    [{**ASSISTANT, "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": arguments}}]}]
    for arguments in ('{"a": 1}', '{ "a": 1 }')
]


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("The Nile.", "The Nile."), ("The Nile.", " the  nile."), (CALLS[0], CALLS[1]),
        ("The Nile.", [{**ASSISTANT, "content": "The Nile."}]),
    ],
)  # fmt: skip
def test_an_answer_of_kto_has_one_label(one, same, tmp_path):
    other = {"completion": "No.", "label": False}
    twice = [{"completion": one, "label": True}, other, {"completion": same, "label": True}]
    against = [{"completion": one, "label": True}, other, {"completion": same, "label": False}]

    labels, bad = kto_labels(tmp_path, twice)
    assert ([value for _, value in labels], bad) == ([1.0, 0.0], [])
    labels, bad = kto_labels(tmp_path, against, on_bad_rows="drop")
    assert labels == [("No.", 0.0)]
    assert [where for where, _ in bad] == ["kto.jsonl:1", "kto.jsonl:3"]
    with pytest.raises(RecipeError, match="kto.jsonl:1: the label of an answer is True, and at kto.jsonl:3"):
        kto_labels(tmp_path, against)


TURNS = [{"role": "user", "content": "Name a river."}, {**ASSISTANT, "content": "The Nile."}]


@pytest.mark.parametrize("label", [True, False, "true", "False"])
def test_a_conversation_with_a_truth_as_its_label_is_one_of_kto(label, tmp_path):
    (tmp_path / "kto.jsonl").write_text(json.dumps({"messages": TURNS, "label": label}))
    [record] = Records(path="kto.jsonl", keep=("responses", "scores")).read(tmp_path)

    assert (record.prompt.text, record.responses[0].text) == ("Name a river.", "The Nile.")
    assert record.scores[0].value == (str(label).casefold() == "true")


@pytest.mark.parametrize(
    "row",
    [
        {"messages": TURNS, "label": 1}, {"messages": TURNS, "label": "good"},
        {"messages": TURNS[:1], "label": True}, {"instruction": "Q", "output": "A", "label": True},
    ],
)  # fmt: skip
def test_another_label_beside_a_conversation_is_not_read(row, tmp_path):
    (tmp_path / "kto.jsonl").write_text(json.dumps(row))
    with pytest.raises(RecipeError, match="no responses in this row"):
        list(Records(path="kto.jsonl").read(tmp_path))


def test_an_answer_of_kto_may_have_another_label_for_another_prompt(tmp_path):
    rows = [
        {"completion": "Yes.", "label": True},
        {"completion": "Yes.", "label": False, "prompt": "Is the Nile a lake?"},
    ]

    assert kto_labels(tmp_path, rows) == ([("Yes.", 1.0), ("Yes.", 0.0)], [])


async def test_rows_of_kto_keep_what_else_they_say(tmp_path):
    rows = [
        {
            "prompt": "Q?",
            "completion": c,
            "label": c == "good",
            "source": "s",
            "category": "c",
            "references": ["r"],
            "metadata": {"k": 1},
        }
        for c in ("good", "bad")
    ]
    (tmp_path / "kto.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    [record] = Records(path="kto.jsonl", license="MIT").read(tmp_path)

    prompt = record.prompt
    assert (prompt.source, prompt.category, prompt.references, prompt.metadata) == (
        "s",
        "c",
        ("r",),
        {"k": 1},
    )
    assert prompt.license == "MIT"


@pytest.mark.parametrize("note", ["manifest.json", "mix.json"])
def test_the_folder_of_a_release_or_of_a_mix_is_read_as_its_pairs(tmp_path, note):
    data = tmp_path / "released" / "data" / "preferences"
    data.mkdir(parents=True)
    row = {"prompt": "Q", "chosen": "a", "rejected": "b"}
    (data / "train-00000-of-00001.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "released" / note).write_text('{"mixed_of": []}')

    [record] = Records(path="released").read(tmp_path)

    assert [r.text for r in record.responses] == ["a", "b"]


def test_the_note_of_a_mix_is_no_data(tmp_path):
    (tmp_path / "train.jsonl").write_text('{"prompt": "Q"}\n')
    (tmp_path / "mix.json").write_text('{"mixed_of": []}')

    assert [row["prompt"] for _, row in read_rows(tmp_path, "d")] == ["Q"]
