"""The end of a run: the first reason counts, everyone is told once. (prefgen/calls/stop.py)"""

from prefgen.calls.stop import RunStop
from prefgen.errors import FatalEndpoint, Interrupted


def test_the_first_reason_counts_and_everyone_is_told_once():
    run, told = RunStop(), []
    run.on_over.append(lambda: told.append("a"))
    run.on_over.append(lambda: told.append("b"))
    assert (run.is_over, run.reason) == (False, None)

    run.stop(Interrupted("enough"))
    run.stop(FatalEndpoint("too late"))
    run.close()

    assert told == ["a", "b"] and run.is_over
    assert isinstance(run.reason, Interrupted)


def test_an_end_that_is_no_failure_has_no_reason():
    run = RunStop()
    run.close()
    run.stop(Interrupted("after the end"))

    assert run.is_over
    assert isinstance(run.reason, Interrupted), "why it ended early is still said"
