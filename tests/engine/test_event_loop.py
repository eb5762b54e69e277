"""The event loop that runs use. (prefgen/engine/event_loop.py)"""

import asyncio
import subprocess
import sys

from prefgen.engine.event_loop import fast_loop


def test_it_is_uvloops_where_that_is_installed():
    import uvloop

    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        assert isinstance(runner.get_loop(), uvloop.Loop)


def test_without_uvloop_it_is_the_standard_one_and_garbage_is_still_collected():
    code = """
import asyncio, gc, sys, weakref
sys.modules["uvloop"] = None
from prefgen.engine.event_loop import collect_rarely, fast_loop
collect_rarely()
with asyncio.Runner(loop_factory=fast_loop()) as runner:
    assert isinstance(runner.get_loop(), asyncio.SelectorEventLoop)
class Node: pass
node = Node(); node.itself = node; gone = weakref.ref(node); del node
for _ in range(60_000): [[]].append([[]])
cycles = [[] for _ in range(60_000)]
assert gone() is None
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
