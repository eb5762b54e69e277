"""Whether two mathematical answers are the same, by math-verify (docs/decisions/003-libraries.md), in a
process of its own.

What models write is hostile: a power of powers keeps any algebra system busy for ever. So the comparison
has a limit of time and of memory, and one that reaches it has no result.
"""

from collections.abc import Sequence
from importlib.util import find_spec

from prefgen.text.limited_process import LimitedProcess

COMPARISON = 2
"""Raised where answers are compared otherwise, so that outcomes of before are not taken for new ones."""
SECONDS = 10.0
"""Longest time of one comparison; an answer that takes longer is not decided."""
MAX_LENGTH = 1000
"""Characters of the longest answer that is looked at."""
INSTALL_HINT = "check: maths needs math-verify: pip install 'prefgen[maths]'"


class MathsWorker:
    """A process that compares answers."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._process = LimitedProcess(["-m", "prefgen.text.maths_worker"], seconds)
        self.close = self._process.close

    def is_same(self, answer: str, references: Sequence[str]) -> bool | None:
        """Whether the answer is the same as one of the references; None where either cannot be read, or it
        took too long.
        """
        if not answer.strip() or len(answer) > MAX_LENGTH:
            return None
        return self._process.answer([answer, list(references)])


_worker = MathsWorker()


def is_same_answer(answer: str, references: Sequence[str]) -> bool | None:
    """`MathsWorker.is_same` of this process's worker."""
    return _worker.is_same(answer, references)


def is_installed() -> bool:
    """Whether math-verify can be had."""
    return find_spec("math_verify") is not None
