"""The files of a model's folder, by what is in them."""

import hashlib
from pathlib import Path

from prefgen.errors import RecipeError
from prefgen.storage.file_digest import sha256_of

MODEL_FILES = ("*.safetensors", "*.bin", "*.json", "*.jinja", "*.model", "*.txt")
"""Files of a model's folder that decide what it says."""


def folder_digest(folder: Path) -> str:
    """32 hexadecimal digits that stand for a model's files. Raises RecipeError for what is no model."""
    files = sorted({path for pattern in MODEL_FILES for path in folder.glob(pattern)})
    names = {path.name for path in files}
    if not names & {"config.json", "adapter_config.json"} or not any(
        path.suffix in (".safetensors", ".bin") for path in files
    ):
        missing = (
            "config.json"
            if not names & {"config.json", "adapter_config.json"}
            else "weights (.safetensors or .bin)"
        )
        raise RecipeError(f"the folder {str(folder)!r} holds no {missing}, so that it is no model")
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        digest.update(path.name.encode() + b"\0" + sha256_of(path))
    return digest.hexdigest()
