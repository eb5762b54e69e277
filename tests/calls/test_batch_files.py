"""Requests and replies as lines of the OpenAI batch format, each under its key: written, answered elsewhere,
read back. (prefgen/calls/batch_files.py)
"""

import gzip
import json
from contextlib import closing
from dataclasses import replace

import pytest

from prefgen.calls import batch_files
from prefgen.calls.batch_files import import_batch
from prefgen.calls.journal import Journal, JournalRow
from prefgen.dataset.read_run import read_pairs
from prefgen.errors import (
    RecipeError,
)
from tests.support.journal import a_row
from tests.support.recipes import a_recipe, run
from tests.support.server import answer, by_content


async def test_exported_requests_come_back_as_replies(tmp_path, server):
    """The whole detour: collect, answer elsewhere, import, until complete; the bytes are those of a direct
    run.
    """
    server.script = by_content
    direct = await run(a_recipe(url=server.url), tmp_path / "direct", journal=tmp_path / "direct.sqlite")
    rounds = 0
    while True:
        parked = await run(a_recipe(url=server.url), tmp_path / "out", live=False)
        if parked.complete:
            break
        rounds += 1
        assert parked.exit_code == 3
        journal = Journal(tmp_path / "calls.sqlite")
        import zstandard

        lines = [
            zstandard.decompress(journal.query("SELECT request FROM parked WHERE key = ?", (k,))[0][0])
            for k in parked.parked_keys
        ]
        replies = tmp_path / "replies.jsonl"
        with replies.open("w") as file:
            for line in map(json.loads, lines):
                said = by_content(line["body"], 1)
                body = said if isinstance(said, dict) else answer(said, line["body"])
                file.write(
                    json.dumps(
                        {
                            "custom_id": line["custom_id"],
                            "response": {"status_code": 200, "body": body},
                            "error": None,
                        }
                    )
                    + "\n"
                )
        await import_batch(journal, replies)
        journal.close()

    assert rounds == 2  # samples, then judgments
    assert parked.manifest.yields == direct.manifest.yields
    assert [p["prompt_id"] for p in read_pairs(tmp_path / "out")] == [
        p["prompt_id"] for p in read_pairs(tmp_path / "direct")
    ]


async def test_replies_travel_between_journals_as_a_batch_file(journal, tmp_path):
    await journal.commit([a_row(n) for n in range(5)])
    await journal.commit(
        [
            JournalRow(
                **{
                    **{s: getattr(a_row(9), s) for s in a_row(9).__slots__},
                    "status": 1,
                    "code": "content_policy",
                    "reply": b'{"error":"no","code":"content_policy"}',
                }
            )
        ]
    )
    count = batch_files.export_batch(journal, tmp_path / "out.jsonl")

    other = Journal(tmp_path / "other.sqlite")
    done = await batch_files.import_batch(other, tmp_path / "out.jsonl")
    again = await batch_files.import_batch(other, tmp_path / "out.jsonl")

    assert (count, done.kept, done.refused, again.known) == (6, 5, 1, 6)
    assert json.loads(other.find(a_row(3).key).reply) == json.loads(a_row(3).reply)
    assert other.find(a_row(9).key).code == "content_policy"
    other.close()


async def test_a_line_that_is_no_answer_is_counted_and_asked_again_later(journal, tmp_path):
    path = tmp_path / "in.jsonl"
    key = a_row(1).key.hex()
    ours = {
        "endpoint": "chat",
        "model": "m",
        "record": None,
        "parts": "00" * 16,
        "backend": "openai",
        "host": "local",
        "time": 1,
    }
    lines = [
        {"custom_id": key, "response": {"status_code": 500, "body": {}}, "prefgen": ours},
        {"custom_id": key, "response": {"status_code": 200, "body": {"choices": []}}, "prefgen": ours},
        {"custom_id": "ff" * 16, "response": {"status_code": 200, "body": {"choices": [{}]}}},
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines))

    done = await batch_files.import_batch(journal, path)

    assert (done.kept, done.failed, done.unknown) == (0, 2, 1)


async def test_a_file_that_is_no_batch_output_is_refused_with_its_line(journal, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"hello": 1}\n')

    with pytest.raises(RecipeError, match=r"in\.jsonl:1"):
        await batch_files.import_batch(journal, tmp_path / "in.jsonl")


@pytest.mark.parametrize("name", ["replies.jsonl", "replies.jsonl.gz"])
async def test_a_journal_comes_back_from_its_export(name, tmp_path):
    with (
        closing(Journal(tmp_path / "one.sqlite")) as journal,
        closing(Journal(tmp_path / "2.sqlite")) as other,
    ):
        await journal.commit([a_row(number) for number in range(3)])
        batch_files.export_batch(journal, tmp_path / name)
        counts = await import_batch(other, tmp_path / name)
        batch_files.export_batch(other, tmp_path / f"again-{name}")

    assert counts.kept == 3
    assert (tmp_path / f"again-{name}").read_bytes() == (tmp_path / name).read_bytes()
    assert (tmp_path / name).read_bytes()[:2] == (b"\x1f\x8b" if name.endswith(".gz") else b'{"')


async def test_a_gzipped_file_that_was_cut_is_one_line(tmp_path):
    whole = gzip.compress(b"\n" * 5000)
    (tmp_path / "cut.gz").write_bytes(whole[:-9])

    with (
        closing(Journal(tmp_path / "one.sqlite")) as journal,
        pytest.raises(RecipeError, match="cut.gz: cannot be read to its end"),
    ):
        await import_batch(journal, tmp_path / "cut.gz")


async def test_exported_files_hold_one_model_and_one_endpoint_each_and_are_cut(journal, tmp_path):
    """The names of two servers' models may be alike: each has files of its own all the same."""
    others = [("w", "chat", "far"), ("a/b", "chat", "local"), ("w", "embed", "local")]
    asked = [("w", "chat", "local")] * 3 + others
    rows = [
        replace(a_row(n), model=model, endpoint=endpoint, host=host)
        for n, (model, endpoint, host) in enumerate(asked)
    ]
    for row in rows:
        journal.park(row, json.dumps({"custom_id": row.key.hex(), "body": {"model": row.model}}).encode())
    journal.flush()
    written = batch_files.export_requests(journal, [row.key for row in rows], tmp_path / "q.jsonl", 2)
    found = {
        path.name: [int(json.loads(line)["custom_id"], 16) for line in path.read_text().splitlines()]
        for path in written
    }

    assert found == {
        "q.w.chat.1.jsonl": [0, 1], "q.w.chat.2.jsonl": [2], "q.w.chat.3.jsonl": [3],
        "q.a_b.chat.1.jsonl": [4], "q.w.embed.1.jsonl": [5],
    }  # fmt: skip
    assert {path.name: count for path, count in written.items()} == {n: len(v) for n, v in found.items()}
    assert sorted(path.name for path in tmp_path.glob("q*")) == sorted(found)


async def test_one_model_and_one_endpoint_make_the_file_that_was_named(journal, tmp_path):
    for n in range(3):
        journal.park(a_row(n), b"{}")
    journal.flush()

    written = batch_files.export_requests(journal, [a_row(n).key for n in range(3)], tmp_path / "q.jsonl")

    assert written == {tmp_path / "q.jsonl": 3}


async def test_a_file_of_requests_is_no_larger_than_providers_take_it(journal, tmp_path, monkeypatch):
    monkeypatch.setattr(batch_files, "MOST_BYTES", 25)
    for n in range(5):
        journal.park(a_row(n), b"{        }")  # ten bytes with the end of its line
    journal.flush()

    written = batch_files.export_requests(journal, [a_row(n).key for n in range(5)], tmp_path / "q.jsonl")

    assert list(written.values()) == [2, 2, 1]
