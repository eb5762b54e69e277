"""How many GPUs a run may use. (prefgen/serving/gpus.py)"""

import os

import pytest

from prefgen.serving.gpus import GPUPool, visible_gpus

LISTED = (
    "GPU 0: NVIDIA X (UUID: GPU-1)\\nGPU 1: NVIDIA X (UUID: GPU-2)\\n  MIG 1g.5gb Device 0: (UUID: MIG-3)"
)


@pytest.mark.parametrize(
    ("named", "count"),
    [
        ("0", 1),
        ("0,1,3", 3),
        (" 2 , 5 ", 2),
        ("GPU-8932f937,GPU-1", 2),
        ("", 1),
        ("-1", 1),
        ("0,-1,2", 1),  # CUDA sees none behind one that is not there
        ("0,2,-1,1", 2),
    ],
)
def test_the_environment_names_them(monkeypatch, named, count):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)

    assert visible_gpus() == count


@pytest.mark.parametrize(
    ("script", "count"), [(f"printf '{LISTED}'", 2), ("echo 'No devices were found'; exit 6", 1), (None, 1)]
)
def test_else_nvidia_smi_lists_them(monkeypatch, tmp_path, script, count):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    if script is not None:
        command = tmp_path / "nvidia-smi"
        command.write_text(f"#!/bin/sh\n{script}\n")
        os.chmod(command, 0o755)

    assert visible_gpus() == count


def test_each_server_gets_gpus_of_its_own():
    pool = GPUPool(["0", "1", "2"])

    first, second, third = pool.take(2), pool.take(2), pool.take(1)
    pool.give_back(first)

    assert (first, second, third) == (["0", "1"], [], ["2"])
    assert pool.take(2) == ["0", "1"]
