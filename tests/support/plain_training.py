"""A training computed a second time, by other means: whole sequences without padding, in float64, with
templates rendered and adapters put in here.
"""

import json
import math
from pathlib import Path
from typing import Any

PLAIN_CHAT = (
    "{% for m in messages %}<s>{{ m['role'] }}\n{{ m['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)
"""A template whose prompts end in a token of their own, and whose answers in a line break behind the end."""


def plain_base(folder: Path) -> Path:
    """A tiny model with that template."""
    from tests.support.tiny import tiny_model, tiny_tokenizer

    tiny_model(folder)
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = PLAIN_CHAT
    tokenizer.save_pretrained(folder)
    return folder


def prompt_text(row: dict[str, Any]) -> str:
    turns = row["prompt"]
    turns = [{"role": "user", "content": turns}] if isinstance(turns, str) else turns
    return "".join(f"<s>{turn['role']}\n{turn['content']}</s>\n" for turn in turns) + "<s>assistant\n"


class Plain:
    """A model of a folder in float64; `adapter` is a folder whose adapter is put into its weights."""

    def __init__(self, folder: Path, adapter: Path | None = None, *, reward: bool = False) -> None:
        import torch
        from tokenizers import Tokenizer
        from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

        kind = AutoModelForSequenceClassification if reward else AutoModelForCausalLM
        self.model = kind.from_pretrained(folder, dtype=torch.float64).eval()
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        if adapter is not None:
            self._put_in(adapter)

    def _put_in(self, folder: Path) -> None:
        from safetensors.torch import load_file

        config = json.loads((folder / "adapter_config.json").read_text())
        scale = config["lora_alpha"] / config["r"]
        weights = load_file(folder / "adapter_model.safetensors")
        parameters = dict(self.model.named_parameters())
        for name, down in weights.items():
            own = name.removeprefix("base_model.model.")
            if name.endswith("lora_A.weight"):
                up = weights[name.replace("lora_A", "lora_B")]
                target = parameters[own.replace(".lora_A.weight", ".weight")]
                target.data += scale * (up.double() @ down.double())
            elif "lora_B" not in name:  # a head that is trained whole
                parameters[own].data = down.double()

    def tokens(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def token_logps(self, row: dict[str, Any], side: str, max_length: int | None = None) -> list[float]:
        """Of each token of the side, its end and the line break behind it."""
        import torch

        asked = self.tokens(prompt_text(row))
        ids = self.tokens(prompt_text(row) + row[side] + "</s>\n")[:max_length]
        assert ids[: len(asked)] == asked
        with torch.no_grad():
            logps = self.model(torch.tensor([ids])).logits[0].log_softmax(-1)
        return [float(logps[i - 1, ids[i]]) for i in range(len(asked), len(ids))]

    def logp(self, row: dict[str, Any], side: str, max_length: int | None = None) -> float:
        return math.fsum(self.token_logps(row, side, max_length))

    def length(self, row: dict[str, Any], side: str) -> int:
        return len(self.tokens(prompt_text(row) + row[side] + "</s>\n")) - len(self.tokens(prompt_text(row)))

    def reward(self, row: dict[str, Any], side: str) -> float:
        import torch

        ids = self.tokens(
            prompt_text(row).removesuffix("<s>assistant\n") + f"<s>assistant\n{row[side]}</s>\n"
        )
        with torch.no_grad():
            return float(self.model(torch.tensor([ids])).logits[0, 0])


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x)) if x > 0 else x - math.log1p(math.exp(x))


def mean(values: Any) -> float:
    listed = list(values)
    return math.fsum(listed) / len(listed)
