"""LoRA adapters that a vLLM server is given: what they are, and whether they are of its model.

vLLM takes an adapter of another base and answers fluently, so that whether it fits is known here or nowhere.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefgen.errors import RecipeError
from prefgen.serving.vllm_command import RANKS, Weights

_LORA = re.compile(r"^base_model\.model\.(?P<module>.+)\.lora_(?P<side>A|B)\.(?:default\.)?weight$")
_HUB_NAME = re.compile(r"^[\w.-]+/[\w.-]+$")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter in a folder, as peft writes it. `served_name` holds its digest: a server is asked for it
    under that.
    """

    folder: Path
    served_name: str
    rank: int
    base: str
    """What its configuration calls the model that it was trained on."""

    @classmethod
    def read(cls, folder: Path, name: str, digest: str) -> "Adapter":
        """The adapter in a folder. Raises RecipeError for what is none, or none that vLLM can serve."""
        path = folder / "adapter_config.json"
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RecipeError(
                f"the adapter {str(folder)!r} has no readable adapter_config.json: {error}"
            ) from None
        if not isinstance(config, dict) or config.get("peft_type") != "LORA":
            found = config.get("peft_type") if isinstance(config, dict) else config
            raise RecipeError(f"the adapter {str(folder)!r} is no LoRA adapter (peft_type {found!r})")
        rank = config.get("r")
        if not isinstance(rank, int) or not 0 < rank <= RANKS[-1]:
            raise RecipeError(f"{path}: r must be a rank from 1 to {RANKS[-1]}, found {rank!r}")
        if config.get("modules_to_save"):
            raise RecipeError(
                f"{path}: it replaces whole modules ({config['modules_to_save']}), which vLLM does not "
                "serve: merge it into its base"
            )
        return cls(folder, f"{name}-{digest[:12]}", rank, str(config.get("base_model_name_or_path") or ""))

    @property
    def _called(self) -> str:
        return f"the adapter {str(self.folder)!r}"

    def check_fits(self, weights: Weights) -> None:
        """Raise RecipeError unless the adapter is of the model that is served: by the base that it names, by
        its target modules, and by the shape of each.
        """
        base = weights.folder or _cached_folder(weights)
        self._check_name(weights)
        if base is None:
            raise RecipeError(
                f"{self._called} cannot be compared with {weights.location!r}, whose weights are not on this "
                "machine yet: vLLM would take an adapter of any other model"
            )
        modules, base_shapes = self._shapes(), shapes_in(base)
        if not modules:
            raise RecipeError(f"{self._called} holds no LoRA weights that are known here")
        for module, (taken, given) in modules.items():
            shape = base_shapes.get(f"{module}.weight")
            if _is_quantized(module, base_shapes):
                continue  # packed numbers have other shapes; that the module is there says what can be said
            if shape is None:
                raise RecipeError(
                    f"{self._called} is for a module {module!r}, which {weights.location!r} does not have: "
                    "it is of another model"
                )
            if shape != (given, taken):
                raise RecipeError(
                    f"{self._called} changes {module!r} of shape {given} x {taken}, which is "
                    f"{' x '.join(map(str, shape))} in {weights.location!r}: it is of another model"
                )

    def _check_name(self, weights: Weights) -> None:
        are_hub_names = _HUB_NAME.match(self.base) and _HUB_NAME.match(weights.location)
        if are_hub_names and weights.folder is None and self.base.casefold() != weights.location.casefold():
            raise RecipeError(
                f"{self._called} was trained on {self.base!r}, and is to be served on "
                f"{weights.location!r}. If that is meant, write it into its adapter_config.json "
                "(base_model_name_or_path)"
            )

    def _shapes(self) -> dict[str, tuple[int, int]]:
        """{module: (numbers that it takes, numbers that it gives)} of what the adapter changes."""
        sides: dict[str, dict[str, Shape]] = {}
        for name, shape in shapes_in(self.folder).items():
            match = _LORA.match(name)
            if match is None:
                raise RecipeError(
                    f"{self._called} holds {name!r}, which is no part of a LoRA of linear layers"
                )
            sides.setdefault(match["module"], {})[match["side"]] = shape
        found: dict[str, tuple[int, int]] = {}
        for module, of_module in sides.items():
            a, b = of_module.get("A"), of_module.get("B")
            if a is None or b is None or len(a) != 2 or len(b) != 2 or a[0] != b[1]:
                raise RecipeError(
                    f"the adapter {str(self.folder)!r} is damaged: {module} has sides {a} and {b}"
                )
            found[module] = (a[1], b[0])
        return found


def _is_quantized(module: str, shapes: Mapping[str, Shape]) -> bool:
    """Whether a base holds more of a linear layer than its weight and its bias."""
    plain = {f"{module}.weight", f"{module}.bias"}
    return any(name.startswith(f"{module}.") and name not in plain for name in shapes)


def shapes_in(folder: Path) -> dict[str, Shape]:
    """{name: shape} of all weights in a folder's safetensors files, by their headers. Raises RecipeError."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise RecipeError(f"{str(folder)!r} holds no .safetensors, so that its weights cannot be compared")
    shapes: dict[str, Shape] = {}
    for file in files:
        for name, entry in _header(file).items():
            shape = entry.get("shape") if isinstance(entry, Mapping) else None
            if name != "__metadata__" and isinstance(shape, list):
                shapes[name] = tuple(shape)
    return shapes


def _header(file: Path) -> dict[str, Any]:
    """The header of a safetensors file: eight bytes that say how long it is, then JSON."""
    try:
        with file.open("rb") as weights:
            size = int.from_bytes(weights.read(8), "little")
            if not 0 < size < min(100_000_000, file.stat().st_size):
                raise ValueError("its header is longer than the file")
            header = json.loads(weights.read(size))
    except (OSError, ValueError) as error:
        raise RecipeError(f"{str(file)!r} is no whole safetensors file: {error}") from None
    if not isinstance(header, dict):
        raise RecipeError(f"{str(file)!r} is no safetensors file: its header is no mapping")
    return header


def _cached_folder(weights: Weights) -> Path | None:
    """Where the Hub's cache has the weights, if it has."""
    from huggingface_hub import snapshot_download  # 0.3 s, wanted only for adapters of the Hub's models
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(weights.location, revision=weights.revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, HfHubHTTPError, OSError):
        return None
