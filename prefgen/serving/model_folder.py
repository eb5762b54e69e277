"""What stands in a model's folder: looked at before vLLM is started, which says less half a minute later."""

import json
from pathlib import Path
from typing import Any

from prefgen.errors import RecipeError
from prefgen.serving.vllm_command import Serve

WEIGHT_FILES = ("*.safetensors", "*.bin", "*.pt", "*.gguf")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "tekken.json", "vocab.json")


def check_folder(folder: Path, serve: Serve) -> None:
    """Raise RecipeError for a folder that vLLM could not serve, or would serve and then refuse every request:
    it looks at the weights alone, half a minute later.
    """
    if not (folder / "config.json").is_file() and not list(folder.glob("*.gguf")):
        raise RecipeError(f"the folder {str(folder)!r} holds no config.json: it is no model")
    config = _read_json(folder / "config.json")
    if not any(list(folder.glob(pattern)) for pattern in WEIGHT_FILES):
        raise RecipeError(
            f"the folder {str(folder)!r} holds no weights ({', '.join(WEIGHT_FILES)}): are they elsewhere?"
        )
    if not any((folder / name).is_file() for name in TOKENIZER_FILES) and "tokenizer" not in serve.flags():
        raise RecipeError(
            f"the folder {str(folder)!r} holds no tokenizer ({', '.join(TOKENIZER_FILES)}): copy it from the "
            "base model, or name it: serve: {tokenizer: BASE}"
        )
    longest, wanted = config.get("max_position_embeddings"), serve.max_model_len
    if (
        isinstance(longest, int)
        and wanted is not None
        and wanted > longest
        and not config.get("rope_scaling")
    ):
        raise RecipeError(
            f"serve: max_model_len: {wanted:,} is more than the {longest:,} tokens that the model in "
            f"{str(folder)!r} has learned (max_position_embeddings)"
        )


def has_chat_template(folder: Path, serve: Serve) -> bool:
    """Whether a model's folder, or the recipe, says how a conversation is written."""
    if "chat_template" in serve.flags() or any(
        (folder / name).exists() for name in ("chat_template.jinja", "chat_template.json", "chat_templates")
    ):
        return True
    return bool(_read_json(folder / "tokenizer_config.json").get("chat_template"))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
