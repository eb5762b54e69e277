"""distilabel's tasks asked through prefgen. Needs `prefgen[distilabel]`.

A task runs as it is, in a thread of its own; its LLM is a `Bridge`, which asks through `ask`, so that its
requests are journalled, limited and budgeted like all others. Tasks draw from the global generators of
`random` and numpy: a task that is at work has them to itself, in the state in which it left them, so that the
same replies give the same requests.
"""
# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportIncompatibleMethodOverride=false

import asyncio
import json
import logging
import random
import threading
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import Any

import numpy as np
from distilabel.models.llms import LLM
from distilabel.models.mixins.magpie import MAGPIE_PRE_QUERY_TEMPLATES, MagpieChatTemplateMixin
from distilabel.pipeline import Pipeline
from distilabel.steps import tasks
from pydantic import PrivateAttr, ValidationError

from prefgen.errors import PluginError, RecipeError, ReplyError, UnreadableReply, did_you_mean, first_problem
from prefgen.kit.call_method import run_in_thread
from prefgen.kit.gather import gather_settled
from prefgen.roles import Ask
from prefgen.types import Message, Reply, TokenUsage

TASKS = sorted(
    n
    for n, found in vars(tasks).items()
    if isinstance(found, type) and issubclass(found, tasks.Task) and n != "Task"
)
PIPELINES = Pipeline.__name__
"""Every step imports it when it is made: better now, where its warnings are silenced."""
TASK_NAME = "prefgen-task"
"""The name of a task outside a pipeline."""
# it warns of having no pipeline, and of what we put on the ledger
logging.getLogger(f"distilabel.step.{TASK_NAME}").setLevel(logging.ERROR)
TURN_FORMATS = {
    "llama3": "<|start_header_id|>{role}<|end_header_id|>\n\n{content}<|eot_id|>",
    "qwen2": "<|im_start|>{role}\n{content}<|im_end|>\n",
}
"""How a turn before the one that is to be written stands in a model's own format, by distilabel's names of
pre-query templates.
"""


def task_named(name: str, llm: LLM, settings: Mapping[str, Any]) -> Any:
    """The task of that name, made but not loaded. Raises RecipeError for a name or a setting that there is
    not.
    """
    if name not in TASKS:
        raise RecipeError(f"distilabel has no task {name!r}{did_you_mean(name, TASKS)}")
    try:
        return getattr(tasks, name)(llm=llm, name=TASK_NAME, **settings)
    except ValidationError as error:
        place, problem = first_problem(error)
        message = problem.partition("\n")[0]
        raise RecipeError(f"task {name}: {f'{place}: ' if place else ''}{message}") from None
    except (TypeError, ValueError) as error:
        raise RecipeError(f"task {name}: {str(error).partition(chr(10))[0]}") from error


async def run_task(
    name: str,
    settings: Mapping[str, Any],
    model: str,
    row: Mapping[str, Any],
    ask: Ask,
    seed: int,
    template: str | None,
) -> tuple[list[dict[str, Any]], list[Reply | ReplyError]]:
    """(what the task made of `row`, the replies it was given). Raises what `ask` raises, and PluginError for
    a task that fails.
    """
    bridge = Bridge.of(ask.label(model), template)
    bridge.connect(ask, model, asyncio.get_running_loop(), GlobalGenerators(seed))

    def process_row() -> list[dict[str, Any]]:
        with bridge.generators:
            task = task_named(name, bridge, settings)
            task.load()
            return [output_row for batch in task.process([dict(row)]) for output_row in batch]

    try:
        return await run_in_thread(process_row), bridge.replies
    except asyncio.CancelledError:
        bridge.abandon()
        raise
    except (ReplyError, PluginError, RecipeError):
        raise
    except Exception as error:
        raise PluginError(f"distilabel's {name} failed: {type(error).__name__}: {error}") from error


class GlobalGenerators:
    """The global generators of `random` and numpy, for one task at a time, each time as that task left
    them.
    """

    _lock = threading.Lock()

    def __init__(self, seed: int) -> None:
        self._task_states = (random.Random(seed).getstate(), np.random.RandomState(seed % 2**32).get_state())
        self._outer_states: Any = None

    def __enter__(self) -> None:
        self._lock.acquire()
        self._outer_states = (random.getstate(), np.random.get_state())
        random.setstate(self._task_states[0])
        np.random.set_state(self._task_states[1])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._task_states = (random.getstate(), np.random.get_state())
        random.setstate(self._outer_states[0])
        np.random.set_state(self._outer_states[1])
        self._lock.release()


class _TaskAbandoned(BaseException):
    """The record was suspended: the thread of its task ends, past every `except Exception` of the task."""


class Bridge(LLM, MagpieChatTemplateMixin):
    """An LLM of distilabel that asks through prefgen. Draws of one request are numbered in the order in which
    the task makes them.
    """

    label: str
    _ask: Any = PrivateAttr(None)
    _model: str = PrivateAttr("")
    _loop: Any = PrivateAttr(None)
    _generators: Any = PrivateAttr(None)
    _sample_counts: Any = PrivateAttr(default_factory=Counter)
    _replies: Any = PrivateAttr(default_factory=list)
    _pending_replies: Any = PrivateAttr(None)
    _is_abandoned: bool = PrivateAttr(False)

    @classmethod
    def of(cls, label: str, pre_query: str | None) -> "Bridge":
        return cls(
            label=label, use_magpie_template=pre_query is not None, magpie_pre_query_template=pre_query
        )

    def connect(
        self, ask: Ask, model: str, loop: asyncio.AbstractEventLoop, generators: GlobalGenerators
    ) -> None:
        self._ask, self._model, self._loop, self._generators = ask, model, loop, generators

    @property
    def generators(self) -> GlobalGenerators:
        return self._generators

    @property
    def replies(self) -> list[Reply | ReplyError]:
        return self._replies

    @property
    def model_name(self) -> str:
        return self.label

    def abandon(self) -> None:
        """Let go of what is asked: the record is suspended, or was stopped."""
        self._is_abandoned = True
        if self._pending_replies is not None:
            self._pending_replies.cancel()

    def generate(
        self,
        inputs: list[Any],
        num_generations: int = 1,
        temperature: float | None = None,
        top_p: float | None = None,
        max_new_tokens: int | None = None,
        stop: str | list[str] | None = None,
    ) -> list[dict[str, Any]]:
        """Called in the task's thread; the generators are others' while it waits. Of several draws one that
        is lost is None.
        """
        sampling = {"temperature": temperature, "top_p": top_p, "max_tokens": max_new_tokens, "stop": stop}
        settings = {name: value for name, value in sampling.items() if value is not None}
        requests = [self._request_reply(turns, settings) for turns in inputs for _ in range(num_generations)]
        self._generators.__exit__(None, None, None)
        try:
            replies = self._wait_for(gather_settled(requests))
        finally:
            self._generators.__enter__()
        self._replies += replies
        reply_error = next((reply for reply in replies if isinstance(reply, ReplyError)), None)
        if reply_error is not None and num_generations == 1:
            raise reply_error
        groups = [replies[i : i + num_generations] for i in range(0, len(replies), num_generations)]
        return [_task_output(group) for group in groups]

    def _wait_for(self, coroutine: Coroutine[Any, Any, list[Reply | ReplyError]]) -> list[Reply | ReplyError]:
        future: Future[list[Reply | ReplyError]] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        self._pending_replies = future
        if self._is_abandoned:
            future.cancel()
        try:
            return future.result()
        except CancelledError:
            raise _TaskAbandoned from None

    def _request_reply(self, turns: Any, sampling: Mapping[str, Any]) -> Coroutine[Any, Any, Reply]:
        if isinstance(turns, tuple):
            raise PluginError("structured output of distilabel is not supported: let the task read text")
        sample = self._sample_counts[json.dumps(turns)]
        self._sample_counts[json.dumps(turns)] += 1
        if self.use_magpie_template and not (turns and turns[-1]["role"] == "user"):
            return self._next_user_turn(turns, sample, sampling)
        return self._ask(
            self._model, [Message.model_validate(turn) for turn in turns], sample=sample, **sampling
        )

    async def _next_user_turn(
        self, turns: Sequence[Mapping[str, str]], sample: int, sampling: Mapping[str, Any]
    ) -> Reply:
        """What the model writes where a user's turn begins: the conversation in the model's own format, and
        the pre-query template.
        """
        pre_query = self.magpie_pre_query_template or ""
        turn_format = next(
            (TURN_FORMATS[name] for name in TURN_FORMATS if pre_query == _pre_query(name)), None
        )
        if turns and turn_format is None:
            raise PluginError(
                f"how earlier turns look is known for {' and '.join(TURN_FORMATS)}: name one of them as "
                "pre_query"
            )
        start = "<|begin_of_text|>" if pre_query.startswith("<|begin_of_text|>") else ""
        history = "".join((turn_format or "").format(**turn) for turn in turns)
        reply = await self._ask.complete(
            self._model, start + history + pre_query.removeprefix(start), sample=sample, **sampling
        )
        if not reply.text.strip():
            raise UnreadableReply("the model wrote no user turn", code="empty", replies=(reply.text,))
        return reply


def _pre_query(name: str) -> str:
    templates: Any = MAGPIE_PRE_QUERY_TEMPLATES
    return templates[name]


def _task_output(replies: Sequence[Reply | ReplyError]) -> dict[str, Any]:
    usage = [reply.usage if isinstance(reply, Reply) else TokenUsage() for reply in replies]
    counts = {
        "input_tokens": [u.prompt_tokens for u in usage],
        "output_tokens": [u.completion_tokens for u in usage],
    }
    return {
        "generations": [reply.text if isinstance(reply, Reply) else None for reply in replies],
        "statistics": counts,
    }
