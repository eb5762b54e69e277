"""A model in this process, by transformers and torch: chat, completions, log-probabilities, rewards, rankings
and embeddings, on CPU or GPU.

`name` is a folder beside the recipe or a model of the Hub; `pip install 'prefgen[transformers]'`. Requests
that wait are answered together, up to `batch_size` rows at a time. Each draw has a generator of its own, made
of its own seed, so that rows of a batch do not share their noise. A wanted reply format is told in words at
the end of the prompt. For more than a small model on one GPU a vLLM server (`use: openai`) is much faster.
"""

import asyncio
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

from prefgen.backends._weight_files import folder_digest
from prefgen.errors import RecipeError, RequestFailed
from prefgen.kit.templates import path_beside_recipe
from prefgen.plugins.decorators import backend
from prefgen.plugins.plugin import Plugin
from prefgen.transport.openai_replies import reply_of
from prefgen.transport.request import ModelHooks, ModelRequest, ModelResponse
from prefgen.types import Reply


@backend("transformers")
class Transformers(Plugin):
    """Weights in this process. `dtype`, `adapter` and `pair_template` decide what is said, and are part of
    every key.
    """

    loads_weights = True
    identity_fields: ClassVar[tuple[str, ...]] = ("dtype", "adapter", "pair_template")

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="Number format of the weights."
    )
    adapter: str | None = Field(
        default=None, description="A LoRA adapter (peft): a folder beside the recipe, or a name on the Hub."
    )
    pair_template: str = Field(
        default="<|source|>{prompt}<|candidate1|>{first}<|candidate2|>{second}",
        description="How a ranker that compares two answers (PairRM and its like) is shown them.",
    )
    device: str = Field(default="auto", description="cpu, cuda, cuda:1, mps; auto: a GPU where there is one.")
    batch_size: int = Field(default=16, ge=1, description="Rows that are answered together.")
    location: str = Field(default="", description="Where the weights are: the model's `name`.")
    revision: str | None = Field(
        default=None, description="Which revision of a model of the Hub: the model's own field."
    )

    def identity_details(self) -> dict[str, Any]:
        """What keys hold: the name; of a folder also a digest of its files, of a model of the Hub its
        revision. Raises RecipeError.
        """
        description: dict[str, Any] = {
            "name": _display_name(self.location),
            "fields": self.model_dump(mode="json", include={*self.identity_fields}),
        }
        for key, location in (("digest", self.location), ("adapter_digest", self.adapter)):
            folder = path_beside_recipe(location) if location else None
            if folder and folder.is_dir():
                description[key] = folder_digest(folder)
            elif location and (location.startswith((".", "/")) or location.count("/") > 1):
                raise RecipeError(f"the folder {location!r} does not exist (looked for {folder})")
        if self.adapter:
            description["fields"]["adapter"] = _display_name(self.adapter)
        return description

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator["TransformersModel"]:
        """Start the thread that will load the weights when something is asked."""
        model = TransformersModel(self)
        try:
            yield model
        finally:
            await asyncio.to_thread(model.close)


def _display_name(location: str) -> str:
    """A folder by its own name, wherever it lies."""
    return Path(location).name if path_beside_recipe(location).is_dir() else location


@dataclass(slots=True)
class _PendingCall:
    call: ModelRequest
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[list[ModelResponse]]"


class TransformersModel(ModelHooks):
    """The thread that holds the weights (see `prefgen.transport.request.ConnectedModel`)."""

    backend = "transformers"
    host = "local"

    def __init__(self, settings: Transformers) -> None:
        self._settings = settings
        self._queue: queue.SimpleQueue[_PendingCall | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def check_access(self) -> None:
        """Raise RecipeError where torch is missing: called before anything is asked, and not for a replay."""
        if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
            raise RecipeError(
                "`use: transformers` needs torch and transformers: pip install 'prefgen[transformers]'"
            )

    async def send(self, call: ModelRequest) -> Sequence[ModelResponse]:
        loop = asyncio.get_running_loop()
        pending = _PendingCall(call, loop, loop.create_future())
        self._queue.put(pending)
        if self._thread is None:
            self._thread = threading.Thread(target=self._answer_batches, daemon=True, name="transformers")
            self._thread.start()
        return await pending.future

    def parse(self, raw: bytes, endpoint: str) -> Reply:
        return reply_of(orjson.loads(raw), endpoint)

    def close(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _answer_batches(self) -> None:
        weights: Any = None
        while (first := self._queue.get()) is not None:
            batch, is_last = self._collect_batch(first)
            try:
                if weights is None:
                    from prefgen.backends._weights import Weights  # torch: a second, wanted only here

                    weights = Weights(self._settings)
                results = weights.answers([pending.call for pending in batch])
            except RequestFailed as error:
                results = [error] * len(batch)
            except Exception as bug:
                results = [
                    RequestFailed("fatal", f"{type(bug).__name__}: {' '.join(str(bug).split())[:300]}")
                ] * len(batch)
            for pending, result in zip(batch, results, strict=True):
                pending.loop.call_soon_threadsafe(_set_result, pending.future, result)
            if is_last:
                return

    def _collect_batch(self, first: _PendingCall) -> tuple[list[_PendingCall], bool]:
        """(`first` and what else waits of its kind of request, as many rows as a batch takes; whether the end
        was reached).
        """
        batch, row_count = [first], first.call.samples
        deferred: list[_PendingCall] = []
        is_last = False
        while row_count < self._settings.batch_size:
            try:
                pending = self._queue.get_nowait()
            except queue.Empty:
                break
            if pending is None:
                is_last = True
                break
            if pending.call.endpoint != first.call.endpoint:
                deferred.append(pending)
                continue
            batch.append(pending)
            row_count += pending.call.samples
        for pending in deferred:
            self._queue.put(pending)
        if is_last and deferred:
            self._queue.put(None)
            is_last = False
        return batch, is_last


def _set_result(
    future: "asyncio.Future[list[ModelResponse]]", result: list[ModelResponse] | RequestFailed
) -> None:
    if future.done():
        return
    if isinstance(result, RequestFailed):
        future.set_exception(result)
    else:
        future.set_result(result)


def build_responses(
    choices: Sequence[Mapping[str, Any]], name: str, token_counts: Sequence[tuple[int, int]], endpoint: str
) -> list[ModelResponse]:
    """One answer a choice, each in the form of the OpenAI protocol; `usage` is (prompt tokens, new tokens) of
    each.
    """
    responses = []
    for choice, (prompt_tokens, new_tokens) in zip(choices, token_counts, strict=True):
        body = {
            "model": name,
            "choices": [choice],
            "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": new_tokens},
        }
        responses.append(ModelResponse(orjson.dumps(body), reply_of(body, endpoint), name))
    return responses
