"""Calling a plug-in's method, whichever way it was written: a coroutine, or a plain function (which then runs
in a worker thread). (prefgen/kit/call_method.py)
"""

import sys
import time

from prefgen import Score, judge
from prefgen.dataset.read_run import read_pairs
from tests.support.durability import MANY
from tests.support.paths import ROOT
from tests.support.recipes import a_recipe, run


def test_a_hung_plain_plug_in_does_not_hold_up_the_end_of_the_process(tmp_path):
    import subprocess

    code = """
import asyncio, time
from prefgen.kit.call_method import call_method
async def main():
    try:
        await asyncio.wait_for(call_method(lambda: time.sleep(30)), 0.3)
    except TimeoutError:
        print("ended")
asyncio.run(main())
"""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=20,
        check=False,
    )

    assert done.stdout == "ended\n", done.stderr
    assert time.monotonic() - started < 10


@judge("test_each_slow")
def plain_and_slow(responses):
    """Not a coroutine: runs in a thread of its own."""
    time.sleep(0.4)
    return [
        Score(response_id=response.id, aspect="a", value=float(i + 1), scale=(1, 5))
        for i, response in enumerate(responses)
    ]


async def test_many_slow_plain_plug_ins_do_not_time_each_other_out(tmp_path):
    """All together take ten times as long as one may."""
    recipe = a_recipe(prompts=MANY, run={"plugin_timeout": 1.0, "max_records_in_flight": 25})
    recipe["stages"][2] = {"judge": {"quality": {"use": "test_each_slow"}}}

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.manifest.yields.failures == {}
    assert len(list(read_pairs(tmp_path / "out"))) >= 20  # a few draws of the script are equal
