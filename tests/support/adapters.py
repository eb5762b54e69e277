"""LoRA adapters and their bases, as files whose numbers are all 0."""

import json
from pathlib import Path

BASE = {"model.layers.0.self_attn.q_proj.weight": (64, 32), "lm_head.weight": (330, 32)}


def write_weights(folder: Path, shapes: dict[str, tuple[int, ...]], name: str = "model.safetensors") -> None:
    """A safetensors file: eight bytes that say how long its header is, the header, the numbers."""
    folder.mkdir(exist_ok=True)
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for key, shape in shapes.items():
        size = 4
        for side in shape:
            size *= side
        header[key] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    (folder / name).write_bytes(len(text).to_bytes(8, "little") + text + bytes(at))


def an_adapter(tmp_path: Path, module="model.layers.0.self_attn.q_proj", taken=32, given=64, r=4, **config):
    folder = tmp_path / "adapter"
    lora = f"base_model.model.{module}.lora"
    write_weights(
        folder, {f"{lora}_A.weight": (r, taken), f"{lora}_B.weight": (given, r)}, "adapter_model.safetensors"
    )
    said = {"peft_type": "LORA", "r": r, "base_model_name_or_path": "somewhere/base", **config}
    (folder / "adapter_config.json").write_text(json.dumps(said))
    return folder
