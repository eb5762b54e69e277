"""A model in this process, by transformers and torch: chat, completions, log-probabilities, rewards, rankings and embeddings, on CPU or GPU.

`name` is a folder beside the recipe or a model of the Hub; `pip install 'prefgen[transformers]'`. Requests that wait are answered together, up to
`batch_size` rows at a time. Each draw has a generator of its own, made of its own seed, so that rows of a batch do not share their noise. A wanted
reply format is told in words at the end of the prompt. For more than a small model on one GPU a vLLM server (`use: openai`) is much faster.
"""

import asyncio
import hashlib
import importlib.util
import queue
import threading
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import orjson
from pydantic import Field

from prefgen.errors import RecipeError, RequestFailed
from prefgen.kit.templates import beside_recipe
from prefgen.plugins.registry import Plugin, backend
from prefgen.roles import ModelRequest, ModelResponse
from prefgen.transport.openai_protocol import reply_of
from prefgen.types import Reply

WEIGHTS = ("*.safetensors", "*.bin", "*.json", "*.jinja", "*.model", "*.txt")
"""Files of a model's folder that decide what it says."""


@backend("transformers")
class Transformers(Plugin):
    """Weights in this process. `dtype`, `adapter` and `pair_template` decide what is said, and are part of every key."""

    identity_fields: ClassVar[tuple[str, ...]] = ("dtype", "adapter", "pair_template")

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Number format of the weights."
    )
    adapter: str | None = Field(
        None, description="A LoRA adapter (peft): a folder beside the recipe, or a name on the Hub."
    )
    pair_template: str = Field(
        "<|source|>{prompt}<|candidate1|>{first}<|candidate2|>{second}",
        description="How a ranker that compares two answers (PairRM and its like) is shown them.",
    )
    device: str = Field("auto", description="cpu, cuda, cuda:1, mps; auto: a GPU where there is one.")
    batch_size: int = Field(16, ge=1, description="Rows that are answered together.")
    location: str = Field("", description="Where the weights are: the model's `name`.")
    revision: str | None = Field(
        None, description="Which revision of a model of the Hub: the model's own field."
    )

    def described(self) -> dict[str, Any]:
        """What keys hold: the name; of a folder also a digest of its files, of a model of the Hub its revision. Raises RecipeError."""
        found: dict[str, Any] = {
            "name": _shown(self.location),
            "fields": self.model_dump(mode="json", include={*self.identity_fields}),
        }
        for role, place in (("digest", self.location), ("adapter_digest", self.adapter)):
            folder = beside_recipe(place) if place else None
            if folder and folder.is_dir():
                found[role] = _digest(folder)
            elif place and (place.startswith((".", "/")) or place.count("/") > 1):
                raise RecipeError(f"the folder {place!r} does not exist (looked for {folder})")
        if self.adapter:
            found["fields"]["adapter"] = _shown(self.adapter)
        return found

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator["Loaded"]:
        """Start the thread that will load the weights when something is asked."""
        loaded = Loaded(self)
        try:
            yield loaded
        finally:
            await asyncio.to_thread(loaded.close)


def _shown(place: str) -> str:
    """A folder by its own name, wherever it lies."""
    return Path(place).name if beside_recipe(place).is_dir() else place


def _digest(folder: Path) -> str:
    files = sorted({path for pattern in WEIGHTS for path in folder.glob(pattern)})
    names = {path.name for path in files}
    if not names & {"config.json", "adapter_config.json"} or not any(
        path.suffix in (".safetensors", ".bin") for path in files
    ):
        lacking = (
            "config.json"
            if not names & {"config.json", "adapter_config.json"}
            else "weights (.safetensors or .bin)"
        )
        raise RecipeError(f"the folder {str(folder)!r} holds no {lacking}, so that it is no model")
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        digest.update(
            path.name.encode() + b"\0" + _file_digest(path, path.stat().st_size, path.stat().st_mtime_ns)
        )
    return digest.hexdigest()


_digests: dict[tuple[Path, int, int], bytes] = {}


def _file_digest(path: Path, size: int, changed: int) -> bytes:
    """Read once: weights are gigabytes."""
    known = (path, size, changed)
    if known not in _digests:
        with path.open("rb") as file:
            _digests[known] = hashlib.file_digest(file, "sha256").digest()
    return _digests[known]


@dataclass(slots=True)
class _Errand:
    call: ModelRequest
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[list[ModelResponse]]"


class Loaded:
    """The thread that holds the weights (see `prefgen.roles.Model`)."""

    backend = "transformers"
    host = "local"

    def __init__(self, settings: Transformers) -> None:
        self._settings = settings
        self._queue: queue.SimpleQueue[_Errand | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def check_access(self) -> None:
        """Raise RecipeError where torch is missing: called before anything is asked, and not for a replay."""
        if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
            raise RecipeError(
                "`use: transformers` needs torch and transformers: pip install 'prefgen[transformers]'"
            )

    async def send(self, call: ModelRequest) -> Sequence[ModelResponse]:
        loop = asyncio.get_running_loop()
        errand = _Errand(call, loop, loop.create_future())
        self._queue.put(errand)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True, name="transformers")
            self._thread.start()
        return await errand.answer

    def parse(self, raw: bytes, endpoint: str) -> Reply:
        return reply_of(orjson.loads(raw), endpoint)

    def close(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _work(self) -> None:
        weights: Any = None
        while (first := self._queue.get()) is not None:
            batch, last = self._batch(first)
            try:
                if weights is None:
                    from prefgen.backends._weights import Weights  # torch: a second, wanted only here

                    weights = Weights(self._settings)
                answers = weights.answers([errand.call for errand in batch])
            except RequestFailed as fault:
                answers = [fault] * len(batch)
            except Exception as bug:
                answers = [
                    RequestFailed("fatal", f"{type(bug).__name__}: {' '.join(str(bug).split())[:300]}")
                ] * len(batch)
            for errand, answer in zip(batch, answers, strict=True):
                errand.loop.call_soon_threadsafe(_settle, errand.answer, answer)
            if last:
                return

    def _batch(self, first: _Errand) -> tuple[list[_Errand], bool]:
        """(`first` and what else waits of its kind of request, as many rows as a batch takes; whether the end was reached)."""
        batch, rows = [first], first.call.samples
        later: list[_Errand] = []
        ended = False
        while rows < self._settings.batch_size:
            try:
                errand = self._queue.get_nowait()
            except queue.Empty:
                break
            if errand is None:
                ended = True
                break
            if errand.call.endpoint != first.call.endpoint:
                later.append(errand)
                continue
            batch.append(errand)
            rows += errand.call.samples
        for errand in later:
            self._queue.put(errand)
        if ended and later:
            self._queue.put(None)
            ended = False
        return batch, ended


def _settle(
    answer: "asyncio.Future[list[ModelResponse]]", found: list[ModelResponse] | RequestFailed
) -> None:
    if answer.done():
        return
    if isinstance(found, RequestFailed):
        answer.set_exception(found)
    else:
        answer.set_result(found)


def served(
    choices: Sequence[Mapping[str, Any]], name: str, usage: Sequence[tuple[int, int]], endpoint: str
) -> list[ModelResponse]:
    """One answer a choice, each in the form of the OpenAI protocol; `usage` is (prompt tokens, new tokens) of each."""
    found = []
    for choice, (prompt, new) in zip(choices, usage, strict=True):
        whole = {
            "model": name,
            "choices": [choice],
            "usage": {"prompt_tokens": prompt, "completion_tokens": new},
        }
        found.append(ModelResponse(orjson.dumps(whole), reply_of(whole, endpoint), name))
    return found
