"""Which GPUs a run may use, and which of them are taken by its servers."""

import os
import shutil
import subprocess
from collections.abc import Sequence

ASKED_FOR = 10.0
"""Seconds that nvidia-smi has to answer."""


def visible_gpus() -> int:
    """What CUDA_VISIBLE_DEVICES names, else what nvidia-smi lists; 1 where there is none, since one model may
    always be loaded.
    """
    return max(1, len(gpu_ids()))


class GPUPool:
    """The GPUs of a run, of which each server gets its own, so that two do not meet on the first."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._free = list(ids)

    def take(self, count: int) -> list[str]:
        """So many that are free; none where there are fewer: then servers share, as their flags say."""
        if len(self._free) < count:
            return []
        taken, self._free = self._free[:count], self._free[count:]
        return taken

    def give_back(self, ids: Sequence[str]) -> None:
        self._free = sorted([*self._free, *ids])


def gpu_ids() -> list[str]:
    """The GPUs by the names that CUDA_VISIBLE_DEVICES has for them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        devices = [device.strip() for device in named.split(",")]
        first_bad = next((i for i, device in enumerate(devices) if device in ("", "-1")), len(devices))
        return devices[:first_bad]  # CUDA sees none that stands behind one that is not there
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    try:
        listed = subprocess.run(  # noqa: S603 - a fixed command
            [command, "--list-gpus"], capture_output=True, text=True, timeout=ASKED_FOR, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]
    return [str(number) for number in range(len(lines))] if listed.returncode == 0 else []
