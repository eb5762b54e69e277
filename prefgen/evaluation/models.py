"""A model to be looked at: weights in this process, with or without an adapter."""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefgen.errors import RecipeError

PLAIN_TEMPLATE = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
"""For a base that was never taught to chat: the texts, a line each."""


@dataclass(frozen=True)
class LoadedModel:
    """What is asked, and how its texts become tokens."""

    name: str
    weights: Any
    tokenizer: Any


def base_of(name: str) -> str | None:
    """What a folder was trained from: of an adapter its base, of a training its report's. None where nothing
    says.
    """
    folder = Path(name)
    for file, field in (
        ("started.json", "base"),
        ("training.json", "base"),
        ("adapter_config.json", "base_model_name_or_path"),
    ):
        if (folder / file).is_file():
            return str(_read_json(folder / file, field)[field])
    return None


def _read_json(path: Path, field: str) -> dict[str, Any]:
    """What a file of JSON holds, which must have `field`. Raises RecipeError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        data[field]
    except (ValueError, KeyError, TypeError) as error:
        raise RecipeError(
            f"cannot be read, or holds no {field!r}: {type(error).__name__}: {error}", str(path)
        ) from None
    return data


def load_model(name: str, *, cpu: bool = False) -> LoadedModel:
    """A folder or a name on the Hub; an adapter is put on its base. Raises RecipeError, in one line."""
    import torch
    import transformers
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from prefgen.trainers.base_model import is_reward_model

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    folder, adapter = Path(name), None
    if (folder / "adapter_config.json").is_file():
        adapter = name
        adapter_config = _read_json(folder / "adapter_config.json", "base_model_name_or_path")
        name = str(adapter_config["base_model_name_or_path"])
        if adapter_config.get("task_type") == "SEQ_CLS":
            raise RecipeError(
                f"{adapter!r} is an adapter of a reward model, which writes no text and finds no answer "
                "likely"
            )
    device = "cpu" if cpu or not torch.cuda.is_available() else "cuda"
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            adapter if adapter and (folder / "tokenizer.json").is_file() else name
        )
        if is_reward_model(AutoConfig.from_pretrained(name)):
            raise RecipeError(f"{name!r} is a reward model, which writes no text and finds no answer likely")
        weights: Any = AutoModelForCausalLM.from_pretrained(
            name, dtype=torch.float32 if device == "cpu" else "auto"
        )
    except (OSError, ValueError, KeyError) as error:
        base_text = f" (the base of {adapter!r})" if adapter else ""
        raise RecipeError(
            f"the model {name!r}{base_text} cannot be loaded: {' '.join(str(error).split())[:200]}"
        ) from None
    if adapter:
        from peft import PeftModel

        try:
            weights = PeftModel.from_pretrained(weights, adapter)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise RecipeError(
                f"the adapter {adapter!r} does not fit {name!r}; it was made for another base: {reason}"
            ) from None
    if not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN_TEMPLATE
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return LoadedModel(adapter or name, weights.to(device).eval(), tokenizer)
