"""Why vLLM ended, by what it wrote: the first error of a worker, and not the last line, which only says that
there was one above.
"""

import re
import signal

_PREFIX = re.compile(
    r"^(?:\((?P<process>[\w ]+?)(?:_\w+)? pid=\d+\) ?)?"
    r"(?:(?P<level>[A-Z]+) [\d-]+ [\d:.]+ (?:\[[^\]]*\] ?)?)?"
)
_ERROR = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception|Interrupt)\b(?:: (?P<what>\S.*))$")
_OF_PYDANTIC = re.compile(r"^\s+(?:Value|Assertion) error, (?P<what>.+?)(?: \[type=.*)?$")
_OF_ARGUMENTS = re.compile(r"^(?:vllm|usage|api_server\.py|python\S*).*?: error: (?P<what>.+)$")
_OF_PREFGEN = re.compile(r"^prefgen: (?P<what>.+)$")
_SHAPES = (_ERROR, _OF_PYDANTIC, _OF_ARGUMENTS, _OF_PREFGEN)
_WORKERS = ("Worker", "EngineCore")
_SAYS_NOTHING = re.compile(
    r"See (?:root cause|stack trace) above|validation errors? for |EngineCore encountered an issue|"
    r"Engine core proc|leaked (?:shared_memory|semaphore)"
)
MOST_LINES = 4
LONGEST = 400
"""Characters of a cause."""


def cause_of_failure(log: str, status: int | None) -> str:
    """Why a server ended, in a line: its first error, else how it ended and its last line."""
    lines = [_parted(line) for line in log.splitlines()]
    causes = [(process, _cause_at(lines, at)) for at, (process, _) in enumerate(lines)]
    found = [(process, cause) for process, cause in causes if cause and not _SAYS_NOTHING.search(cause)]
    of_workers = [cause for process, cause in found if process.startswith(_WORKERS)]
    if of_workers or found:
        return (of_workers or [cause for _, cause in found])[0]
    last = next((text.strip() for _, text in reversed(lines) if text.strip()), "it wrote nothing")
    return f"{_ending(status)}; the last that it wrote: {last[:LONGEST]}"


def is_port_taken(log: str) -> bool:
    """Whether a server ended because another one has its port."""
    return "Address already in use" in log


def _parted(line: str) -> tuple[str, str]:
    """(which process wrote a line, what it wrote)."""
    prefix = _PREFIX.match(line)
    assert prefix is not None  # every part of it may be missing
    return prefix["process"] or "", line[prefix.end() :]


def _cause_at(lines: list[tuple[str, str]], at: int) -> str:
    """The cause that stands in a line, with those that it goes on in; empty where there is none."""
    process, text = lines[at]
    match = next(filter(None, (shape.match(text) for shape in _SHAPES)), None)
    if match is None:
        return ""
    parts = [match["what"].strip()]
    for next_process, following in lines[at + 1 : at + MOST_LINES]:
        is_end = not following.strip() or following.startswith((" ", "Traceback")) or _ERROR.match(following)
        if is_end or next_process != process or parts[-1].endswith("."):
            break
        parts.append(following.strip())
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
