"""Licenses as the Hub names them, and which of them forbid commercial use."""

import re
from collections.abc import Sequence

NON_COMMERCIAL = re.compile(r"(?:^|[-_ ])(?:nc|non-?commercial|research[-_ ]only)(?:$|[-_ ])", re.IGNORECASE)
HUB_LICENSES = frozenset(
    [
        "afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bigscience-openrail-m", "bsd", "bsd-2-clause",
        "bsd-3-clause", "cc", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0",
        "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0",
        "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0",
        "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0", "creativeml-openrail-m",
        "etalab-2.0", "gemma", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "isc", "lgpl", "lgpl-3.0", "llama2",
        "llama3", "llama3.1", "llama3.2", "llama3.3", "mit", "mpl-2.0", "odbl", "odc-by", "openrail", "pddl",
        "unlicense", "zlib",
    ]
)  # fmt: skip
"""Identifiers that a card may have as its `license`; any other is `other` with a `license_name`."""


def license_of(names: Sequence[str]) -> dict[str, str]:
    """The header's license, where all sources have one and the same; `other` otherwise, since no one license
    covers the whole.
    """
    known = {name.casefold(): name for name in names if name != "unknown"}
    if len(known) == 1 and "unknown" not in names:
        [name] = known.values()
        return (
            {"license": name.lower()}
            if name.lower() in HUB_LICENSES
            else {"license": "other", "license_name": name}
        )
    return {"license": "other", "license_name": "several" if known else "unknown"}


STRICTNESS = (
    NON_COMMERCIAL,
    re.compile(r"(?:^|[-_ ])(?:nd|no-?deriv\w*)(?:$|[-_ ])", re.IGNORECASE),
    re.compile(r"openrail|llama|gemma", re.IGNORECASE),
    re.compile(r"agpl", re.IGNORECASE),
    re.compile(r"^gpl|(?:^|[-_ ])sa(?:$|[-_ ])|odbl|gfdl|cdla-sharing", re.IGNORECASE),
    re.compile(r"lgpl|mpl", re.IGNORECASE),
    re.compile(r"^(?:afl|apache|artistic|bsd|cc-by|cdla-perm|etalab|isc|mit|odc-by|zlib)", re.IGNORECASE),
    re.compile(r"^(?:cc0|pddl|unlicense)", re.IGNORECASE),
)
"""From the license that asks the most to the one that asks nothing: no commercial use, no changed copies, a
list of uses that are forbidden, the same license for a service, for copies, for files, naming the author.
"""


def strictest(names: Sequence[str]) -> list[str]:
    """Those that ask the most, of the licenses that are known here."""
    for pattern in STRICTNESS:
        if matches := sorted({name for name in names if pattern.search(name)}):
            return matches
    return []


def unranked(names: Sequence[str]) -> list[str]:
    """Licenses that are not known here, so that nothing says how strict they are; `unknown` is none."""
    return sorted(
        {name for name in names if name != "unknown" and not any(p.search(name) for p in STRICTNESS)}
    )


def non_commercial(names: Sequence[str]) -> list[str]:
    """Those that forbid commercial use."""
    return sorted(name for name in names if NON_COMMERCIAL.search(name))
