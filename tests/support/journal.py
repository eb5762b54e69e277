"""Rows of a journal."""

import json

import pytest

from prefgen.calls.journal import Journal, JournalRow


def a_row(n: int, text: str = "hello", **more) -> JournalRow:
    return JournalRow(
        key=n.to_bytes(16, "big"), endpoint="chat", model="m", record=f"{n:032x}", run="ab12",
        backend="openai", host="local",
        reply=json.dumps({"choices": [{"message": {"content": text}}], "n": n}).encode(),
        time=1_700_000_000.0 + n, **more,
    )  # fmt: skip


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "j.sqlite")
    yield opened
    opened.close()
