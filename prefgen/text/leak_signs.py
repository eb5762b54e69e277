"""Whether a text could hold what a server left in it: a look that is cheap, since nearly all hold nothing.
What it is that they hold is `prefgen.text.leaks`, whose patterns take 40 ms to make.
"""

import re

from prefgen.text.named_turns import may_have_turns

_STARTS = re.compile(
    r"\s*(?:\*Thinking|(?:assistant)?(?:analysis|commentary)?\s?to=functions\.|```tool_|thought[^\S\n]*\n|model[^\S\n]*\n"
    r"|(?:commentary|final)[A-Z])"
)


def may_leak(text: str) -> bool:
    """A look that is cheap: most texts hold nothing that could be one. It misses nothing that the long look
    finds.
    """
    return (
        "<" in text
        or "[" in text
        or "&" in text
        or "]" in text
        or "｜" in text
        or "✿" in text
        or "▷" in text
        or "▁" in text
        or "Ġ" in text
        or _STARTS.match(text) is not None
        or may_have_turns(text)
    )
