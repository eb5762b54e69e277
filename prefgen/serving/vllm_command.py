"""The command that starts vLLM's server for a model, and what stands in its model's folder."""

import hashlib
import json
import math
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prefgen.errors import RecipeError
from prefgen.storage.file_digest import sha256_of
from prefgen.transport.server_names import OWN_FINGERPRINT

FINGERPRINT_SINCE = (0, 32)
"""The first version of vLLM that puts a fingerprint of ours into its replies."""
HOW_TO_INSTALL = (
    "Install vLLM in an environment of its own (python -m venv vllm-env; vllm-env/bin/pip install vllm) and "
    "name its Python: serve: {python: vllm-env/bin/python}"
)
ALWAYS: Mapping[str, Any] = {
    # else the model's generation_config.json fills in every sampling field that a request leaves out
    "generation_config": "vllm",
    "disable_uvicorn_access_log": True,
    "enable_prompt_tokens_details": True,
}
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""The greatest ranks of adapters that vLLM can be told."""
OWN_FLAGS = {
    "port": "it takes a free one",
    "host": "the server listens on this machine alone",
    "served_model_name": "it is the model's name",
    "api_key": "each server gets one of its own (a key in a recipe would be published with it)",
    "fingerprint_mode": "it proves the weights",
    "fingerprint_value": "it proves the weights",
}
"""Flags that a recipe may not give, and why."""
LONG_NAMES = {
    "tensor_parallel": "tensor_parallel_size",
    "pipeline_parallel": "pipeline_parallel_size",
    "data_parallel": "data_parallel_size",
    "tp": "tensor_parallel_size",
    "pp": "pipeline_parallel_size",
    "dp": "data_parallel_size",
}
"""Other spellings of flags, as vLLM has them."""
HOW_ALONE = frozenset({
    "api_server_count", "async_scheduling", "block_size", "compilation_config", "cpu_offload_gb",
    "data_parallel_size", "disable_log_requests", "disable_log_stats", "disable_uvicorn_access_log",
    "distributed_executor_backend", "download_dir", "enable_chunked_prefill", "enable_log_requests",
    "enable_lora", "enable_prefix_caching", "enable_prompt_tokens_details", "enable_sleep_mode",
    "enforce_eager", "gpu_memory_utilization", "kv_cache_memory_bytes", "max_cpu_loras", "max_log_len",
    "max_lora_rank", "max_loras", "max_model_len", "max_num_batched_tokens", "max_num_queued_reqs",
    "max_num_seqs", "max_parallel_loading_workers", "pipeline_parallel_size", "stream_interval",
    "swap_space", "tensor_parallel_size", "uvicorn_log_level",
})  # fmt: skip
"""Flags that say how a model is served, and change nothing of what it says."""
QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "NO_COLOR": "1"}
"""vLLM reports nothing to anybody, and its log is plain."""


class Serve(BaseModel):
    """A vLLM server that a run starts. Any further key is a flag of `vllm serve`: `enforce_eager: true` is
    `--enforce-eager`, false is `--no-enforce-eager`, and a mapping is given as JSON.
    """

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())

    python: str | None = Field(
        default=None, description="The Python of the environment in which vLLM is. Default: `vllm` on PATH."
    )
    command: str | tuple[str, ...] | None = Field(
        default=None, description="What stands before the model and its flags, instead of `vllm serve`."
    )
    model: str | None = Field(
        default=None, description="Folder, or model of the Hub, of the weights. Default: the model's name."
    )
    revision: str | None = Field(default=None, description="Of the weights. Default: the model's revision.")
    tensor_parallel: int = Field(default=1, ge=1, description="GPUs that hold the model together.")
    dtype: str | None = Field(default=None, description="Number format of the weights.")
    max_model_len: int | None = Field(default=None, ge=1, description="Most tokens of prompt and answer.")
    quantization: str | None = Field(default=None, description="How the weights are quantized.")
    start_timeout: float = Field(
        default=600, gt=0, description="Seconds without a word in its log after which a start has failed."
    )
    hang_after: float = Field(
        default=120,
        gt=0,
        description="Seconds without a token, while requests wait for some, after which it is started again.",
    )
    env: Mapping[str, str | int | float] = Field(
        default={}, description="Further environment variables of the server."
    )

    def program(self) -> list[str]:
        """What starts the server. Raises RecipeError where it is not there."""
        if self.command is not None:
            return shlex.split(self.command) if isinstance(self.command, str) else list(self.command)
        if self.python is None:
            found = shutil.which("vllm")
            if found is None:
                raise RecipeError(f"there is no `vllm` on PATH. {HOW_TO_INSTALL}")
            return [found, "serve"]
        python = shutil.which(self.python)
        if python is None:
            raise RecipeError(f"serve: python: there is no program {self.python!r}. {HOW_TO_INSTALL}")
        script = Path(python).parent / "vllm"
        if script.is_file():
            return [python, str(script), "serve"]
        raise RecipeError(f"serve: python: {self.python!r} has no vLLM beside it. {HOW_TO_INSTALL}")

    @model_validator(mode="after")
    def _check_flags(self) -> "Serve":
        for name in self.flags():
            if name in OWN_FLAGS:
                raise ValueError(f"{name!r} is the run's own: {OWN_FLAGS[name]}")
        return self

    def flags(self) -> dict[str, Any]:
        """The flags that the recipe gives, by their names with underscores."""
        named = {
            "tensor_parallel_size": self.tensor_parallel if self.tensor_parallel > 1 else None,
            "dtype": self.dtype,
            "max_model_len": self.max_model_len,
            "quantization": self.quantization,
        }
        further = {
            name.lstrip("-").replace("-", "_"): value for name, value in (self.model_extra or {}).items()
        }
        further = {LONG_NAMES.get(name, name): value for name, value in further.items()}
        return {name: value for name, value in named.items() if value is not None} | further


@dataclass(frozen=True)
class Weights:
    """What a server is to serve: a folder or a model of the Hub, under which name, and the fingerprint that
    proves it.
    """

    location: str
    served_name: str
    revision: str | None
    fingerprint: str

    @property
    def folder(self) -> Path | None:
        return Path(self.location) if Path(self.location).is_dir() else None


def vllm_version(program: Sequence[str]) -> tuple[int, ...] | None:
    """The version of vLLM that a program starts, by the metadata of its environment; None where that does not
    tell.
    """
    python = _python_of(program)
    if python is None:
        return None
    ask = "import importlib.metadata as m; print(m.version('vllm'))"
    try:
        said = subprocess.run(  # noqa: S603 - the Python that the recipe names
            [python, "-c", ask], capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    numbers = re.match(r"(\d+)\.(\d+)", said)
    return (int(numbers[1]), int(numbers[2])) if numbers else None


def _python_of(program: Sequence[str]) -> str | None:
    """The Python that runs a program: itself, or what the first line of its script names."""
    if Path(program[0]).name.startswith("python"):
        return program[0]
    try:
        with Path(program[0]).open("rb") as script:
            first = script.readline(4096).decode(errors="replace")
    except OSError:
        return None
    named = first[2:].split()
    return named[0] if first.startswith("#!") and named and Path(named[0]).name.startswith("python") else None


def serve_command(
    program: Sequence[str],
    serve: Serve,
    weights: Weights,
    port: int,
    *,
    has_fingerprint: bool,
    ranks: Sequence[int] = (),
) -> list[str]:
    """The whole command; `ranks` are those of the adapters that it is to take. What the recipe gives goes
    before what prefgen always gives.
    """
    adapters = {}
    if ranks:
        most = next(rank for rank in RANKS if rank >= max(ranks))
        adapters = {"enable_lora": True, "max_loras": len(ranks), "max_lora_rank": most}
    flags = {**ALWAYS, **adapters, **serve.flags()}
    if weights.revision and weights.folder is None:
        flags.setdefault("revision", weights.revision)
    if has_fingerprint:
        flags |= {"fingerprint_mode": "custom", "fingerprint_value": weights.fingerprint}
    fixed = {"host": "127.0.0.1", "port": port, "served_model_name": weights.served_name}
    return [*program, weights.location, *_spelled({**flags, **fixed})]


def _spelled(flags: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in flags.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif value is False:
            words.append(f"--no-{flag[2:]}")
        elif isinstance(value, Mapping):
            words += [flag, json.dumps(value)]
        elif isinstance(value, list | tuple):
            words += [flag, *map(str, value)]
        elif value is not None:
            words += [flag, str(value)]
    return words


def fingerprint_of(serve: Serve, location: str, revision: str | None, digest: str | None) -> str:
    """`prefgen-` and 16 digits that stand for the weights, their revision, and every flag that may change
    what they say: those that certainly only say how are left out. `digest` is that of a folder's files;
    where there is one, its place does not count.
    """
    flags = {name: _by_content(value) for name, value in serve.flags().items() if name not in HOW_ALONE}
    named = [digest or location, None if digest else revision, flags]
    spelled = json.dumps(named, default=str, sort_keys=True).encode()
    return f"{OWN_FINGERPRINT}{hashlib.blake2b(spelled, digest_size=8).hexdigest()}"


def _by_content(value: Any) -> Any:
    """A flag's value; of one that names a file, what is in it."""
    if isinstance(value, str) and Path(value).is_file():
        return sha256_of(Path(value)).hex()
    return value


def environment(serve: Serve, *, adapters: bool = False) -> dict[str, str]:
    """The variables that a server gets beside those of the present process."""
    may_load = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"} if adapters else {}
    return {**QUIET, **may_load, **{name: str(value) for name, value in serve.env.items()}}


def devices_of(serve: Serve) -> int:
    """GPUs that one server takes."""
    flags = serve.flags()
    names = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")
    return math.prod(size for name in names if isinstance(size := flags.get(name), int))
