"""How many GPUs a run may use."""

import os
import shutil
import subprocess

ASKED_FOR = 10.0
"""Seconds that nvidia-smi has to answer."""


def visible_gpus() -> int:
    """What CUDA_VISIBLE_DEVICES names, else what nvidia-smi lists; 1 where there is none, since one model may
    always be loaded.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        devices = [device.strip() for device in named.split(",")]
        first_bad = next((i for i, device in enumerate(devices) if device in ("", "-1")), len(devices))
        return max(1, first_bad)  # CUDA sees none that stands behind one that is not there
    command = shutil.which("nvidia-smi")
    if command is None:
        return 1
    try:
        listed = subprocess.run(  # noqa: S603 - a fixed command
            [command, "--list-gpus"], capture_output=True, text=True, timeout=ASKED_FOR, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 1
    lines = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]
    return max(1, len(lines)) if listed.returncode == 0 else 1
