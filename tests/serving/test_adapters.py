"""Whether a LoRA adapter is of the model that is served (prefgen/serving/adapters.py)."""

import json
import re
from pathlib import Path

import pytest

from prefgen.errors import RecipeError
from prefgen.serving.adapters import Adapter, shapes_in
from prefgen.serving.vllm_command import Serve, Weights, serve_command
from tests.support.adapters import BASE, an_adapter, write_weights


def a_base(tmp_path: Path) -> Weights:
    write_weights(tmp_path / "base", BASE)
    return Weights(str(tmp_path / "base"), "base", None, "prefgen-0")


def read(folder: Path) -> Adapter:
    return Adapter.read(folder, folder.name, "0123456789abcdef")


def test_an_adapter_of_the_base_fits(tmp_path):
    adapter = read(an_adapter(tmp_path))

    adapter.check_fits(a_base(tmp_path))

    assert adapter.served_name == "adapter-0123456789ab"
    assert adapter.rank == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"taken": 128}, "changes 'model.layers.0.self_attn.q_proj' of shape 64 x 128, which is 64 x 32"),
        ({"given": 65}, "of shape 65 x 32, which is 64 x 32"),
        ({"module": "model.layers.1.self_attn.q_proj"}, "does not have: it is of another model"),
    ],
)
def test_an_adapter_of_another_base_is_refused(tmp_path, changes, said):
    base = a_base(tmp_path)
    adapter = read(an_adapter(tmp_path, **changes))

    with pytest.raises(RecipeError, match=re.escape(said)):
        adapter.check_fits(base)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"peft_type": "IA3"}, "is no LoRA adapter"),
        ({"r": 1024}, "r must be a rank from 1 to 512"),
        ({"r": 0}, "r must be a rank"),
        ({"modules_to_save": ["lm_head"]}, "replaces whole modules"),
    ],
)
def test_what_vllm_cannot_serve_is_said_before_the_start(tmp_path, config, said):
    folder = an_adapter(tmp_path)
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))

    with pytest.raises(RecipeError, match=said):
        read(folder)


def test_a_base_of_another_name_on_the_hub_is_refused(tmp_path):
    folder = an_adapter(tmp_path, base_model_name_or_path="org/one")

    with pytest.raises(RecipeError, match="was trained on 'org/one', and is to be served on 'org/two'"):
        read(folder).check_fits(Weights("org/two", "org/two", None, ""))


@pytest.mark.parametrize("content", [b"", b"12345678", b"\xff" * 40, (5).to_bytes(8, "little") + b"[1,2]"])
def test_a_damaged_file_is_one_line(tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)

    with pytest.raises(RecipeError, match="safetensors file"):
        shapes_in(tmp_path)


def test_headers_are_read_as_the_library_reads_them(tmp_path):
    safe_open = pytest.importorskip("safetensors", reason="needs prefgen[train]").safe_open
    write_weights(tmp_path, BASE)

    with safe_open(tmp_path / "model.safetensors", "np") as file:
        expected = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118

    assert shapes_in(tmp_path) == expected == BASE


def test_a_server_is_told_of_the_ranks_of_its_adapters():
    weights = Weights("org/base", "org/base", "main", "prefgen-0")

    command = serve_command(["vllm", "serve"], Serve(), weights, 1, has_fingerprint=True, ranks=[4, 40])

    text = " ".join(command)
    assert "--enable-lora --max-loras 2 --max-lora-rank 64" in text
    assert "--revision main --fingerprint-mode custom --fingerprint-value prefgen-0" in text


def test_a_quantized_layer_is_compared_by_its_name_alone(tmp_path):
    module = "model.layers.0.self_attn.q_proj"
    write_weights(tmp_path / "base", {f"{module}.qweight": (4, 64), f"{module}.scales": (1, 64)})
    base = Weights(str(tmp_path / "base"), "base", None, "prefgen-0")

    read(an_adapter(tmp_path)).check_fits(base)

    other = read(an_adapter(tmp_path, module="model.layers.9.self_attn.q_proj"))
    with pytest.raises(RecipeError, match="does not have"):
        other.check_fits(base)
