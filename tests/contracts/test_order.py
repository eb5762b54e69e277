"""No plug-in's result hangs on the order in which replies come, nor on how Python hashes texts."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from prefgen.testing import Scripted
from tests.support.contracts import (
    CASES,
    LABELS,
    result_of,
    script_of,
    skip_without_its_extra,
)
from tests.support.paths import ROOT


class Shuffled(Scripted):
    """Answers as the script says, each reply after another number of turns of the event loop."""

    def __init__(self, script, *, order: int) -> None:
        super().__init__(script)
        self._order = Random(order)

    async def __call__(self, model, messages, /, **options):
        for _ in range(self._order.randrange(20)):
            await asyncio.sleep(0)
        return await super().__call__(model, messages, **options)


@pytest.mark.parametrize(("role", "name"), [case for case in CASES if case[0] not in ("filter", "pairer")])
async def test_the_order_of_replies_changes_nothing(role, name):
    skip_without_its_extra(name)
    Path("labels.jsonl").write_text(LABELS)
    script = script_of(role, name)

    results = [await result_of(role, name, Shuffled(script, order=order)) for order in (1, 2, 3)]

    assert results[0] and results[1:] == results[:1] * 2


PRINT_ALL = """
import asyncio, json, sys
from tests.support.contracts import CASES, result_of, script_of
from prefgen.testing import Scripted

async def main():
    results = {}
    for role, name in CASES:
        if name != "distilabel":
            ask = Scripted(script_of(role, name))
            result = await result_of(role, name, ask)
            results[f"{role} {name}"] = [result, [[m.text for m in turns] for _, turns in ask.asked]]
    print(json.dumps(results))

asyncio.run(main())
"""


def test_another_hash_seed_changes_nothing(tmp_path):
    (tmp_path / "labels.jsonl").write_text(LABELS)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PRINT_ALL],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for seed in ("1", "2")
    ]  # fmt: skip

    outputs = [process.communicate(timeout=120) for process in processes]

    assert [process.returncode for process in processes] == [0, 0], outputs[0][1]
    first, second = (json.loads(out) for out, _ in outputs)
    assert {case: second[case] for case in first if second[case] != first[case]} == {}
    assert len(first) == len([case for case in CASES if case[1] != "distilabel"])
