"""Where records come from: files of every kind, bad rows with their place, datasets with responses."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefgen.curators.dedupe import Dedupe
from prefgen.curators.limit import Limit
from prefgen.engine.curator_tables import curator_table
from prefgen.errors import RecipeError
from prefgen.sources.file import File
from prefgen.sources.inline import Inline
from prefgen.sources.records import Records
from prefgen.types import Prompt, Record
from tests.support.recipes import a_recipe, run


def texts(source, folder):
    return [r.prompt.text for r in source.read(folder)]


def test_every_kind_of_file_gives_the_same_prompts(tmp_path):
    rows = [{"prompt": "Größe?", "source": "a"}, {"prompt": "Two, with a comma\nand a line", "source": "b"}]
    (tmp_path / "p.jsonl").write_text(
        "\n".join(json.dumps(r, ensure_ascii=False) for r in rows), encoding="utf-8"
    )
    (tmp_path / "p.json").write_text(json.dumps(rows))
    (tmp_path / "p.csv").write_text(
        'prompt,source\nGröße?,a\n"Two, with a comma\nand a line",b\n', encoding="utf-8-sig"
    )
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")
    with gzip.open(tmp_path / "p.jsonl.gz", "wt") as file:
        file.write((tmp_path / "p.jsonl").read_text())

    for name in ("p.jsonl", "p.json", "p.csv", "p.parquet", "p.jsonl.gz"):
        assert texts(File(path=name), tmp_path) == ["Größe?", "Two, with a comma\nand a line"], name


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "b.txt").write_text("second")
    (tmp_path / "d" / "a.jsonl").write_text('"first"\n')

    assert texts(File(path="d"), tmp_path) == ["first", "second"]


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


async def test_an_empty_file_is_no_dataset(tmp_path):
    (tmp_path / "p.jsonl").write_text("\n")
    recipe = a_recipe()
    recipe["stages"][0] = {"prompts": {"use": "file", "path": "p.jsonl"}}

    with pytest.raises(RecipeError, match="prompts are empty"):
        await run(recipe, tmp_path / "out", folder=tmp_path)


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


def a_table(*prompts):
    return curator_table([Record(prompt=Prompt.of(text, occurrence=i)) for i, text in enumerate(prompts)])


def test_exact_duplicates_go_and_say_of_what():
    table = a_table("How do I bake bread?", "how do I  BAKE bread?", "Something else")

    left = Dedupe().curate(table)

    assert len(left.ids()) == 2
    [gone] = left.dropped.values()
    assert (gone.reason, gone.neighbour) == ("duplicate", table.ids()[0])


def test_near_duplicates_go_and_different_prompts_stay():
    base = "Please explain in simple words how a four stroke petrol engine turns fuel into motion and why it needs oil"
    table = a_table(
        base,
        base.replace("simple", "plain"),
        "Write a poem about the sea in autumn",
        "次の文章を要約してください。",
        "次の文章を翻訳してください。",
    )

    left = Dedupe(method="minhash", threshold=0.7).curate(table)

    assert len(left.ids()) == 4
    assert table.ids()[1] in left.dropped


def test_adding_prompts_at_the_end_changes_nothing_before_them():
    prompts = ["a b c d e f", "a b c d e f", "x y z", "a b c d e g"]

    short, long = (
        set(Dedupe(method="minhash").curate(a_table(*p)).dropped)
        for p in (prompts, [*prompts, "x y z", "new one here"])
    )

    assert short <= long


def test_limit_first_and_drawn():
    table = a_table("a", "b", "c", "d")

    assert Limit(count=2).curate(table).ids() == table.ids()[:2]
    drawn = Limit(count=2, pick="random", seed=3)
    assert drawn.curate(table).ids() == drawn.curate(table).ids()
    assert len({tuple(Limit(count=2, pick="random", seed=s).curate(table).ids()) for s in range(30)}) > 3


def a_local_dataset(folder):
    """A folder that `datasets` loads as it loads a repository of the Hub: the real client, without a network."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Question {i}?"},
                {"role": "assistant", "content": "seen"},
            ],
            "topic": "ab"[i % 2],
        }
        for i in range(6)
    ]
    (folder / "data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "data" / "train-00000-of-00001.parquet")
    return folder


def test_a_dataset_is_streamed_filtered_and_mapped(tmp_path):
    from prefgen.sources.hub import Hub

    source = Hub(
        path=str(a_local_dataset(tmp_path / "set")),
        where={"topic": "b"},
        columns={"category": "topic"},
        limit=2,
    )

    records = list(source.read(tmp_path))

    assert [(r.prompt.text, r.prompt.category) for r in records] == [
        ("Question 1?", "b"),
        ("Question 3?", "b"),
    ]


def test_a_dataset_that_cannot_be_had_is_one_line(tmp_path):
    from prefgen.sources.hub import Hub

    with pytest.raises(RecipeError, match=r"'nobody/nothing'.*cannot be read") as caught:
        list(Hub(path="nobody/nothing").read(tmp_path))
    with pytest.raises(RecipeError, match="split 'tset'"):
        list(Hub(path=str(a_local_dataset(tmp_path / "set")), split="tset").read(tmp_path))

    assert "\n" not in str(caught.value)


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


async def test_rows_of_kto_keep_what_else_they_say(tmp_path):
    rows = [{"prompt": "Q?", "completion": c, "label": c == "good", "source": "s", "category": "c", "references": ["r"], "metadata": {"k": 1}}
            for c in ("good", "bad")]  # fmt: skip
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
