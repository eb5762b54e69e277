"""Why vLLM ended, by what it wrote: the first error of a worker, and not the last line, which only says that
there was one above.
"""

import re
import signal
from collections.abc import Sequence
from typing import NamedTuple

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PREFIX = re.compile(
    r"^(?:\[rank\d+\]: )?(?:\((?P<process>\w[\w ]*?)(?:_\w+)?(?: [\w=]+)*? pid=\d+\) ?)?"
    r"(?:(?P<level>[A-Z]+) [\d-]+ [\d:.]+ (?:\[[^\]]*\] ?|\S+\.py:\d+\] ?)?)?"
)
_ERROR = re.compile(r"^(?:[\w.]+\.)?(?P<kind>\w*(?:Error|Exception|Interrupt))\b(?:: (?P<what>\S.*)|:?$)")
_SAY_LITTLE = ("ValueError", "RuntimeError", "OSError", "Exception")
"""Errors whose names add nothing to their words."""
_OF_PYDANTIC = re.compile(r"^\s+(?:Value|Assertion) error, (?P<what>.+?)(?: \[type=.*)?$")
_OF_ARGUMENTS = re.compile(r"^(?:vllm|usage|api_server\.py|python\S*).*?: error: (?P<what>.+)$")
_OF_PYTHON = re.compile(r"^\S*python\S*: (?P<what>No module named .+)$")
_OF_PREFGEN = re.compile(r"^prefgen: (?P<what>.+)$")
_SHAPES = (_ERROR, _OF_PYDANTIC, _OF_ARGUMENTS, _OF_PYTHON, _OF_PREFGEN)
_WORKERS = (("Worker", "VllmWorker", "VLLM::Worker"), ("EngineCore",))
"""Who knows the cause best, in this order: which of their lines stands first is chance."""
_SAYS_NOTHING = re.compile(
    r"See (?:the )?(?:root cause|stack trace)|validation errors? for |EngineCore encountered an issue|"
    r"Engine core proc|leaked (?:shared_memory|semaphore)"
)
MOST_LINES = 4
LONGEST = 400
"""Characters of a cause."""


def cause_of_failure(log: str, status: int | None) -> str:
    """Why a server ended, in a line: its first error, else how it ended and its last line. A signal is always
    named: it may be the whole cause.
    """
    lines = [_parted(line) for line in _COLOUR.sub("", log).splitlines()]
    causes = [(line.process, _cause_at(lines, at)) for at, line in enumerate(lines)]
    found = [(process, cause) for process, cause in causes if cause and not _SAYS_NOTHING.search(cause)]
    best = [cause for names in _WORKERS for process, cause in found if process.startswith(names)]
    killed = f"{_ending(status)}: " if status is not None and status < 0 else ""
    if best or found:
        return killed + (best or [cause for _, cause in found])[0]
    last = next((line.text.strip() for line in reversed(lines) if line.text.strip()), "it wrote nothing")
    return f"{_ending(status)}; the last that it wrote: {last[:LONGEST]}"


def is_port_taken(log: str) -> bool:
    """Whether a server ended because another one has its port."""
    return "Address already in use" in log


class Line(NamedTuple):
    """A line of a log: which process wrote it, at which level (empty where that is not said), and what."""

    process: str
    level: str
    text: str


def _parted(line: str) -> Line:
    prefix = _PREFIX.match(line)
    assert prefix is not None  # every part of it may be missing
    return Line(prefix["process"] or "", prefix["level"] or "", line[prefix.end() :])


def _cause_at(lines: Sequence[Line], at: int) -> str:
    """The cause that stands in a line, with those that it goes on in; empty where there is none."""
    first = lines[at]
    match = next(filter(None, (shape.match(first.text) for shape in _SHAPES)), None)
    if match is None:
        return ""
    kind, what = match.groupdict().get("kind") or "", (match["what"] or "").strip()
    named = what if not kind or (what and kind in _SAY_LITTLE) else f"{kind}: {what}" if what else kind
    parts = [named]
    for line in lines[at + 1 : at + MOST_LINES]:
        is_other = (line.process, line.level) != (first.process, first.level)
        is_end = not line.text.strip() or line.text.startswith((" ", "Traceback")) or _ERROR.match(line.text)
        if is_other or is_end:
            break
        parts.append(line.text.strip())
    return " ".join(parts)[:LONGEST]


def _ending(status: int | None) -> str:
    if status is None:
        return "it is gone"
    if status >= 0:
        return f"it ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = str(-status)
    memory = " (out of memory?)" if -status == signal.SIGKILL else ""
    return f"it was ended by {name}{memory}"
