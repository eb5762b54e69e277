"""What a training was made from, so that whoever reads the model's card can repeat it: the base's commit or
digest, the licenses of the pairs, and the libraries.
"""

import hashlib
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefgen.version import __version__, installed_versions

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


def weights_digest(folder: Path) -> str | None:
    """A digest of the weights in a folder: SHA-256 over those of its safetensors files, 32 digits; None where
    it holds none.
    """
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        return None
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").digest())
    return hashlib.sha256(b"".join(digests)).hexdigest()[:32]


def licenses_of(pairs: Sequence[Mapping[str, Any]], license: str | None) -> dict[str, int]:
    """{license: pairs}; `license` is that of the whole, for pairs that say none."""
    named = (str(row.get("license") or "unknown") for row in pairs)
    counts = Counter(license if name == "unknown" and license else name for name in named)
    return dict(sorted(counts.items()))


def library_versions() -> dict[str, str]:
    """The versions of what trains, and of Python."""
    return {
        "prefgen": __version__,
        "python": platform.python_version(),
        **installed_versions(LIBRARIES),
    }
