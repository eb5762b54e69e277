"""prefgen's judges as a step of a distilabel pipeline. Needs `prefgen[distilabel]`."""
# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportIncompatibleMethodOverride=false

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from distilabel.models.llms import LLM
from distilabel.steps import Step, StepInput
from pydantic import Field, PrivateAttr

from prefgen.errors import PluginError, RecipeError, ReplyError, UnreadableReply
from prefgen.kit.call_method import call_method
from prefgen.plugins.registry import find
from prefgen.stats.scoring import judge_scores
from prefgen.types import Comparison, Prompt, Record, Reply, Response, Score, TokenUsage, user


class PrefgenJudge(Step):
    """A judge of prefgen inside a distilabel pipeline, asked through one of distilabel's LLMs.

    Input columns:  instruction (text), generations (list of text) Output columns: ratings (a number or None
    for each generation, on the judge's scale), rationales, unread (why there are none, or None)

    Its requests are distilabel's: nothing of it is journalled. A judge that wants log-probabilities counts
    verdicts instead.
    """

    judge: str = Field(description="The judge, as after `use:` in a recipe.")
    settings: dict[str, Any] = Field(default_factory=dict, description="Its fields, without `model`.")
    llm: LLM = Field(description="Who is asked.")
    _plugin: Any = PrivateAttr(None)
    _thread: Any = PrivateAttr(None)

    @property
    def inputs(self) -> list[str]:
        return ["instruction", "generations"]

    @property
    def outputs(self) -> list[str]:
        return ["ratings", "rationales", "unread", "model_name"]

    def load(self) -> None:
        super().load()
        self.llm.load()
        plugin = find("judge", self.judge, Path.cwd())
        model_setting = {"model": "llm"} if "model" in plugin.model_fields else {}
        self._plugin = plugin(**model_setting, **self.settings)
        self._plugin.validate()
        if self._plugin.separate_aspects():
            raise RecipeError(
                f"judge {self.judge!r} keeps {', '.join(self._plugin.separate_aspects())} apart, and this "
                "step has one rating: give `group`"
            )
        self._thread = ThreadPoolExecutor(1)

    def unload(self) -> None:
        self._thread.shutdown()
        self.llm.unload()

    def process(self, inputs: StepInput) -> Any:
        yield [{**row, **self._judge_row(row), "model_name": self.llm.model_name} for row in inputs]

    def _judge_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        prompt = Prompt.of(row["instruction"])
        all_responses = [
            Response.of(prompt, text, sample=i) if text else None for i, text in enumerate(row["generations"])
        ]
        responses = [response for response in all_responses if response is not None]
        record = Record(prompt=prompt, responses=tuple(responses))
        empty_column: list[None] = [None] * len(all_responses)
        if not responses:
            return {"ratings": empty_column, "rationales": empty_column, "unread": "there is no generation"}
        try:
            judgment = call_method(
                self._plugin.judge,
                prompt,
                responses,
                _LLMAsk(self.llm, type(self._plugin).name, prompt.id, self._thread),
                record=record,
            )
            with asyncio.Runner() as runner:
                verdicts = list(runner.run(judgment))
        except ReplyError as lost:
            return {"ratings": empty_column, "rationales": empty_column, "unread": str(lost)}
        lost = [str(v) for v in verdicts if isinstance(v, ReplyError)]
        scores = [v for v in verdicts if isinstance(v, Score)]
        judged_record = record.adding(
            scores=[v.replacing(judge="it") for v in scores],
            comparisons=[v.replacing(judge="it") for v in verdicts if isinstance(v, Comparison)],
        )
        ratings, _ = judge_scores(judged_record, "it")
        rationales = {s.response_id: s.rationale for s in scores}
        return {
            "ratings": [None if r is None else ratings.get(r.id) for r in all_responses],
            "rationales": [None if r is None else rationales.get(r.id) for r in all_responses],
            "unread": "; ".join(lost) or None,
        }


class _LLMAsk:
    """`ask` over an LLM of distilabel, for one record. Such an LLM has an event loop of its own: it is asked
    in one other thread.
    """

    def __init__(self, llm: LLM, name: str, record_id: str, thread: Executor) -> None:
        self._llm, self.name, self._record_id, self._thread = llm, name, record_id, thread

    async def __call__(self, model: str, messages: Any, /, *, sample: int = 0, **wanted: Any) -> Reply:
        turns = (user(messages),) if isinstance(messages, str) else messages
        chat: Any = [{"role": m.role, "content": m.text} for m in turns]
        names = {"temperature": "temperature", "top_p": "top_p", "max_tokens": "max_new_tokens"}
        parameters = self._llm.get_runtime_parameters_info()
        parameter_names = {
            option["name"]
            for parameter in parameters
            for option in parameter.get("runtime_parameters_info", [parameter])
        }
        sampling = {
            names[k]: v
            for k, v in wanted.items()
            if k in names and v is not None and names[k] in parameter_names
        }
        call = partial(self._llm.generate_outputs, inputs=[chat], num_generations=1, **sampling)
        [output] = await asyncio.get_running_loop().run_in_executor(self._thread, call)
        [text] = output["generations"]
        if not text:
            raise UnreadableReply("the reply is empty", code="empty")
        return Reply(
            text=text, finish_reason="stop", usage=TokenUsage(estimated=True), model=self._llm.model_name
        )

    async def complete(self, model: str, text: str, /, **wanted: Any) -> Reply:
        return await self(model, text, **wanted)

    async def score(
        self, model: str, prompt: Prompt, response: Response, other: Response | None = None, /
    ) -> float:
        raise PluginError("a judge that wants a reward model cannot be asked through an LLM of distilabel")

    async def embed(self, model: str, texts: Sequence[str], /) -> list[list[float]]:
        raise PluginError("a judge that wants embeddings cannot be asked through an LLM of distilabel")

    async def step(self, name: str, function: Callable[..., Any], /, *args: Any, version: int = 1) -> Any:
        result = function(*args)
        return await result if asyncio.iscoroutine(result) else result

    def rng(self, name: str) -> random.Random:
        return random.Random(f"{self._record_id}/{name}")

    def options(self, model: str) -> Mapping[str, Any]:
        return {}

    def label(self, model: str) -> str:
        return self._llm.model_name
