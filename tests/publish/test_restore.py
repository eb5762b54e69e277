"""Harmful texts that are put back by whoever has them, and rows without them, which are nothing to train on.
(prefgen/publish/restore.py, prefgen/publish/source_texts.py)
"""

import asyncio
import csv
import gzip
import json
from contextlib import closing

import pytest

from prefgen.calls.journal import Journal
from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.check import check_rows
from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.read_run import read_shards
from prefgen.errors import GateFailed, RecipeError
from prefgen.plugins.registry import find
from prefgen.publish.mix import mix
from prefgen.publish.mix_draw import parse_part
from prefgen.publish.release import publish as release_of
from prefgen.publish.restore import restore
from prefgen.publish.rows import write_rows
from prefgen.publish.settings import PublishSettings
from prefgen.recipe.load import load_recipe
from prefgen.text.taken_out import taken_out_notice, text_digest
from prefgen.trainers.pairs import read_training_pairs
from tests.support.cli import prefgen
from tests.support.journal import a_row
from tests.support.paths import ROOT
from tests.support.publishing import HARMFUL, harmful_run, publish
from tests.support.recipes import run

OTHER = "Take the ladder from the shed next door at night."
HARMFUL_SEEDS = ROOT / "pipelines" / "data" / "harmful.jsonl"


@pytest.fixture(scope="module")
def safer(tmp_path_factory):
    """A run of the shipped recipe of Safer-Instruct, and its release without the texts."""
    folder = tmp_path_factory.mktemp("safer")
    path = ROOT / "pipelines" / "safer_instruct.yaml"
    outcome = asyncio.run(run(load_recipe(path).data, folder / "run", folder=path.parent))
    assert outcome.complete, outcome.stopped
    release_of(folder / "run", PublishSettings(test=0.2), dry_run=True, say=lambda _: None)
    return folder / "run"


def rows_of(folder):
    return [row for _, row in open_pairs(str(folder)).rows]


def redacted(text=HARMFUL, **more):
    return {
        "prompt": "How do I open it?",
        "chosen": "I will not help with that.",
        "rejected": taken_out_notice(text_digest(text)),
        **more,
    }


def file_of(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_half_of_a_release_without_its_texts_is_redacted(safer):
    pairs = list(read_shards(safer / "pairs"))
    harmful = [row["id"] for row in pairs if '"harm"' in (row["lineage"] or "")]
    assert len(harmful) == 6

    report = check_rows(open_pairs(str(safer / "release")).rows)

    assert {rule: finding.count for rule, finding in report.findings.items()} == {"redacted": 6}
    assert sorted(
        where.rpartition("(id ")[2][:-1] for where, _ in report.findings["redacted"].rows
    ) == sorted(harmful)
    assert all("`prefgen restore`" in found for _, found in report.findings["redacted"].rows)
    assert check_rows(open_pairs(str(safer / "release")).rows, allow=["redacted"]).passed


def test_nobody_is_handed_a_row_without_its_text(safer, tmp_path):
    release, count = str(safer / "release"), len(list(read_shards(safer / "pairs")))

    with pytest.raises(
        GateFailed, match=r"6 rows, such as .* `prefgen restore` puts it back, `on_bad_rows: d"
    ):
        read_training_pairs([release], max_repeated_chosen=1.0, seed=0)
    with pytest.raises(RecipeError, match="rejected is without a harmful text"):
        mix([parse_part(release)], tmp_path / "mixed", test=0.2, seed=0)

    left_out = BadRows("drop")
    data = read_training_pairs([release], max_repeated_chosen=1.0, seed=0, bad_rows=left_out)
    assert (len(data.train) + len(data.test), len(left_out.rows)) == (count - 6, 6)
    assert left_out.sentence().startswith("6 rows were left out")
    mixed = mix([parse_part(release)], tmp_path / "mixed", test=0.2, seed=0, bad_rows=BadRows("drop"))
    assert (mixed.mixed_of[0].pairs, mixed.bad_rows) == (count - 6, 6)


def test_where_every_row_is_without_its_text_one_line_says_so(tmp_path):
    path = file_of(tmp_path / "a.jsonl", redacted(), redacted(OTHER, prompt="And this?"))

    exported = prefgen("export", path, "--to", "trl", "--on-bad-rows", "drop", "-o", "x.jsonl", cwd=tmp_path)

    assert exported.returncode == 2
    assert exported.stderr.count("\n") == 1
    assert "no pair to export; 2 rows were left out" in exported.stderr
    assert "`prefgen restore`" in exported.stderr
    with pytest.raises(RecipeError, match="no pair to train on; 2 rows were left out, .* `prefgen restore`"):
        read_training_pairs([path], max_repeated_chosen=1.0, seed=0, bad_rows=BadRows("drop"))
    with pytest.raises(RecipeError, match="no pair to train on is left .* 2 rows were left out"):
        mix([parse_part(path)], tmp_path / "mixed", test=0.2, seed=0, bad_rows=BadRows("drop"))


@pytest.mark.parametrize("form", ["pair", "answers", "kto", "prompt"])
def test_a_recipe_does_not_read_it_either(tmp_path, form):
    notice = taken_out_notice(text_digest(HARMFUL))
    row = {
        "pair": redacted(),
        "answers": {"prompt": "How?", "responses": [notice, "No."]},
        "kto": {"prompt": "How?", "completion": notice, "label": False},
        "prompt": {"prompt": notice},
    }[form]
    file_of(tmp_path / "p.jsonl", row)
    source = find("source", "file" if form == "prompt" else "records", tmp_path)

    with pytest.raises(RecipeError, match=r"p.jsonl:1: (a response|the prompt) is without a harmful text"):
        list(source(path="p.jsonl").read(tmp_path))
    [bad] = source(path="p.jsonl", on_bad_rows="drop").read(tmp_path)
    assert "`prefgen restore`" in bad.reason


def test_what_is_restored_is_what_was_taken_out(safer, tmp_path):
    result = restore(str(safer / "release"), [str(HARMFUL_SEEDS)], tmp_path / "restored")
    write_rows(safer, tmp_path / "kept", test=0.2, seed=0, harmful="keep")
    kept = rows_of(tmp_path / "kept")

    assert (result.redacted, result.restored, list(result.missing)) == (6, 6, [])
    assert rows_of(tmp_path / "restored") == kept  # with lineage, models, splits
    assert check_rows(open_pairs(str(tmp_path / "restored")).rows).passed
    dataset = open_pairs(str(tmp_path / "restored"))
    assert dataset.manifest == open_pairs(str(safer / "release")).manifest
    assert dataset.recipe == (safer / "recipe.yaml").read_text()
    note = json.loads((tmp_path / "restored" / "restored.json").read_text())
    assert (note["restored_of"], note["version"], note["harmful"]) == ("release", "0.1.0", True)


def journal_of(path):
    async def commit():
        with closing(Journal(path)) as journal:
            await journal.commit([a_row(1), a_row(2, HARMFUL)])

    asyncio.run(commit())


def parquet_of(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    metadata = json.dumps({"source_text": HARMFUL})
    pq.write_table(pa.Table.from_pylist([{"id": 1, "metadata": metadata}]), path)


def csv_of(path):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["what", "said"], ["x", "y"], ["z", f" {HARMFUL}\n"]])


SOURCES = {
    "texts.txt": lambda path: path.write_text(f"One line.\n{HARMFUL}\nAnother one.\n"),
    "rows.csv": csv_of,
    "rows.parquet": parquet_of,
    "hh.jsonl": lambda path: file_of(
        path, {"chosen": "x", "rejected": f"\n\nHuman: How?\n\nAssistant: {HARMFUL}\n\nHuman: Thanks."}
    ),
    "turns.jsonl.gz": lambda path: path.write_bytes(
        gzip.compress(json.dumps({"messages": [{"role": "assistant", "content": HARMFUL}]}).encode())
    ),
    "bad.jsonl": lambda path: path.write_text(f"no json\n{json.dumps({'any': [{'name': HARMFUL}]})}\n"),
    "calls.sqlite": journal_of,
}


@pytest.mark.parametrize("name", SOURCES)
def test_whoever_has_the_text_in_any_form_puts_it_back(tmp_path, name):
    SOURCES[name](tmp_path / name)
    path = file_of(tmp_path / "a.jsonl", redacted(id="r1", source="s", split="train"))

    restore(path, [str(tmp_path / name)], tmp_path / "out")

    [row] = rows_of(tmp_path / "out")
    assert row["rejected"] == HARMFUL
    assert (row["id"], row["source"], row["split"]) == ("r1", "s", "train")
    # a row without a mark of harm gets one, so that publishing takes the text out again
    assert json.loads(row["lineage"]) == {"harm": "unknown", "source_digest": text_digest(HARMFUL)}


def test_a_text_that_nobody_has_stops_it_or_stays_out(tmp_path):
    path = file_of(tmp_path / "a.jsonl", redacted(), redacted(OTHER, prompt="And this?"))
    (tmp_path / "t.txt").write_text(HARMFUL)
    words = ("restore", path, "--from", "t.txt", "-o", "out")

    stopped = prefgen(*words, cwd=tmp_path)
    assert stopped.returncode == 4
    assert f"1 of 2 texts are in no source (digests {text_digest(OTHER)})" in stopped.stderr
    assert "--partial" in stopped.stderr
    assert not (tmp_path / "out").exists()

    partial = prefgen(*words, "--partial", "--json", cwd=tmp_path)
    assert partial.returncode == 0, partial.stderr
    assert "1 of 2 rows are still without their texts" in partial.stderr
    assert json.loads(partial.stdout)["restored"] == 1
    first, second = rows_of(tmp_path / "out")
    assert (first["rejected"], second["rejected"]) == (HARMFUL, redacted(OTHER)["rejected"])
    assert "lineage" not in second

    (tmp_path / "u.txt").write_text(OTHER)
    restore(str(tmp_path / "out"), [str(tmp_path / "u.txt")], tmp_path / "all")
    assert [row["rejected"] for row in rows_of(tmp_path / "all")] == [HARMFUL, OTHER]


def test_a_text_that_only_resembles_it_is_not_put_there(tmp_path):
    path = file_of(tmp_path / "a.jsonl", redacted())
    (tmp_path / "t.txt").write_text(HARMFUL.lower())

    with pytest.raises(GateFailed, match="nothing was written, since 1 of 1 rows are still without"):
        restore(path, [str(tmp_path / "t.txt")], tmp_path / "out", partial=True)
    assert not (tmp_path / "out").exists()


def test_no_harmful_text_is_preferred(tmp_path):
    flipped = {"prompt": "How?", "chosen": redacted()["rejected"], "rejected": "No."}
    path = file_of(tmp_path / "a.jsonl", flipped, redacted())
    (tmp_path / "t.txt").write_text(HARMFUL)

    with pytest.raises(GateFailed, match="1 rows prefer the text, and no harmful text is put there"):
        restore(path, [str(tmp_path / "t.txt")], tmp_path / "out")
    restore(path, [str(tmp_path / "t.txt")], tmp_path / "out", partial=True)

    assert [row["chosen"] for row in rows_of(tmp_path / "out")] == [flipped["chosen"], redacted()["chosen"]]


def test_what_is_restored_is_taken_out_again_when_it_is_published(tmp_path):
    path = file_of(tmp_path / "a.jsonl", redacted())
    (tmp_path / "t.txt").write_text(HARMFUL)
    restore(path, [str(tmp_path / "t.txt")], tmp_path / "out")
    rows = find("source", "records", tmp_path)(path="out/data/preferences", keep=["responses", "pairs"])

    [record] = rows.read(tmp_path)

    assert record.prompt.metadata["source_text"] == HARMFUL
    assert record.prompt.lineage["source_digest"] == text_digest(HARMFUL)


def test_rows_of_every_kind_are_read_and_none_is_a_traceback(tmp_path):
    deep = json.loads("[" * 400 + "]" * 400)
    notice = redacted()["rejected"]
    rows = [
        redacted(
            prompt=[{"role": "user", "content": [{"type": "text", "text": "How?"}]}], odd="\ud800", n=2**70
        ),
        {**redacted(), "rejected": json.dumps([{"role": "assistant", "content": notice}]), "chosen": "[]"},
        {"prompt": deep, "chosen": None, "rejected": 5},
        {"text": "no pair"},
    ]
    path = file_of(tmp_path / "a.jsonl", *rows)
    file_of(tmp_path / "s.jsonl", {"deep": deep, "text": HARMFUL, "json": "[" * 100_000, "n": 2**70})

    result = restore(path, [str(tmp_path / "s.jsonl")], tmp_path / "out")

    assert (result.redacted, result.restored) == (2, 2)
    first, second, *_ = rows_of(tmp_path / "out")
    assert (first["rejected"], first["odd"]) == (HARMFUL, "\ud800")
    assert second["rejected"] == [{"role": "assistant", "content": HARMFUL}]


def test_a_release_on_the_hub_is_restored_from_the_run(hub, tmp_path):
    digest = harmful_run(tmp_path)
    assert publish(hub, tmp_path, "run").returncode == 0
    on_hub = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "0",
        "HF_TOKEN": "hf_writer",
    }

    done = prefgen("restore", "acme/rivers@v1.0.0", "--from", "run", "-o", "out", cwd=tmp_path, **on_hub)

    assert done.returncode == 0, done.stderr
    [row] = [row for row in rows_of(tmp_path / "out") if '"harm"' in (row["lineage"] or "")]
    assert row["rejected"] == [{"role": "assistant", "content": HARMFUL}]
    assert json.loads(row["lineage"])["source_digest"] == digest
    note = json.loads((tmp_path / "out" / "restored.json").read_text())
    assert (note["restored_of"], note["version"], note["texts"]) == ("acme/rivers", "1.0.0", 1)
    assert note["revision"]


def test_a_row_that_prefers_a_text_that_is_not_there_stays_as_it_is(tmp_path):
    notice = taken_out_notice(text_digest(HARMFUL))
    kept = redacted(chosen=f"No: {notice}", prompt="And this?")
    path = file_of(tmp_path / "a.jsonl", redacted(), kept)
    source = file_of(tmp_path / "s.jsonl", {"text": HARMFUL})

    restore(path, [source], tmp_path / "out", partial=True)

    assert [row["rejected"] for row in rows_of(tmp_path / "out")] == [HARMFUL, notice]


def notice_of(text):
    return taken_out_notice(text_digest(text))


def two_texts(number):
    """A pair without a text in its prompt, and without another one in its rejected side."""
    said = [("user", f"Say {number}."), ("assistant", notice_of(OTHER)), ("user", "And now?")]
    prompt = [{"role": role, "content": text} for role, text in said]
    sides = {"chosen": f"No, {number}.", "rejected": redacted()["rejected"]}
    return {"prompt": prompt, **{k: [{"role": "assistant", "content": v}] for k, v in sides.items()}}


def test_every_text_that_was_put_back_is_taken_out_again(tmp_path):
    path = file_of(tmp_path / "a.jsonl", *(two_texts(number) for number in range(4)))
    (tmp_path / "t.txt").write_text(f"{HARMFUL}\n\n{OTHER}")
    restore(path, [str(tmp_path / "t.txt")], tmp_path / "out")
    assert all(row["prompt"][1]["content"] == OTHER for row in rows_of(tmp_path / "out"))

    mix([parse_part(str(tmp_path / "out"))], tmp_path / "mixed", test=0.0, seed=0)
    settings = PublishSettings(repo="acme/x")
    release_of(tmp_path / "mixed", settings, dry_run=True, say=lambda _: None)

    released = list(read_shards(tmp_path / "mixed" / "release" / "data" / "preferences"))
    assert len(released) == 4
    for row in released:
        assert (row["prompt"][1]["content"], row["rejected"][0]["content"]) == (
            notice_of(OTHER),
            notice_of(HARMFUL),
        )
    assert HARMFUL not in json.dumps(released) and OTHER not in json.dumps(released)


def test_a_notice_within_a_text_marks_the_whole_text(tmp_path):
    row = redacted(rejected=f"He said: {notice_of(HARMFUL)} So there.")
    path = file_of(tmp_path / "a.jsonl", row)
    (tmp_path / "t.txt").write_text(HARMFUL)

    restore(path, [str(tmp_path / "t.txt")], tmp_path / "out")

    [whole] = rows_of(tmp_path / "out")
    assert HARMFUL in whole["rejected"]
    assert json.loads(whole["lineage"])["source_digest"] == text_digest(whole["rejected"])


def test_a_row_of_which_one_text_is_missing_stays_as_it_is(tmp_path):
    path = file_of(tmp_path / "a.jsonl", two_texts(1), redacted())
    (tmp_path / "t.txt").write_text(HARMFUL)

    done = restore(path, [str(tmp_path / "t.txt")], tmp_path / "out", partial=True)

    first, second = rows_of(tmp_path / "out")
    assert (done.redacted, done.restored, done.missing) == (2, 1, [text_digest(OTHER)])
    assert "lineage" not in first and HARMFUL not in json.dumps(first)
    assert second["rejected"] == HARMFUL


def test_a_mark_that_is_there_takes_further_texts(tmp_path):
    lineage = {"harm": "theft", "source_digest": text_digest(HARMFUL)}
    rows = [{**two_texts(1), "lineage": json.dumps(lineage)}, redacted(lineage=json.dumps(lineage))]
    (tmp_path / "t.txt").write_text(f"{HARMFUL}\n\n{OTHER}")

    restore(file_of(tmp_path / "a.jsonl", *rows), [str(tmp_path / "t.txt")], tmp_path / "out")

    first, second = (json.loads(row["lineage"]) for row in rows_of(tmp_path / "out"))
    assert first == {**lineage, "source_digests": sorted(map(text_digest, (HARMFUL, OTHER)))}
    assert second == lineage
