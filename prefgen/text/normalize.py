"""THE definition of the same text: what the pairers, the check, every reader of pairs and the splits go
by.
"""

import unicodedata


def normalize(text: str) -> str:
    """Text with compatible characters made one (NFKC: a ligature is its letters, x\u00b2 is x2), lower case
    and single spaces.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def same_text(first: str, second: str) -> bool:
    """Whether two texts are the same in normal form: such a pair says nothing, and is made, kept and trained
    on nowhere.
    """
    return first == second or normalize(first) == normalize(second)
