"""What the three plug-ins called `distilabel` share: which task, whom it asks, and the row that it is
given.
"""

import importlib
import importlib.util
import warnings
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

from pydantic import Field

from prefgen.errors import RecipeError, ReplyError, UnreadableReply
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask
from prefgen.types import Prompt, Reply

ENGINE_SETTINGS = frozenset(
    {
        "llm",
        "name",
        "num_generations",
        "group_generations",
        "use_default_structured_output",
        "structured_output",
    }
)
"""Settings of tasks that are the engine's to choose."""
UNSUPPORTED_TASKS = frozenset({"StructuredGeneration"})


class DistilabelTask(Plugin):
    """A task of distilabel."""

    task: str = Field(
        description="The task's class in distilabel.steps.tasks: UltraFeedback, EvolInstruct, Magpie ..."
    )
    model: str = Field(description="The model it asks, by its name under `models`.")
    settings: Mapping[str, Any] = Field(
        default={}, description="The task's own fields, as distilabel names them."
    )
    columns: Mapping[str, str] = Field(
        default={},
        description="{column of the task: field of the prompt's metadata}, beside those that are known.",
    )
    pre_query: str | None = Field(
        default=None,
        description=(
            "Magpie: what stands before a user's turn in the model's own format; llama3, qwen2, or the "
            "text itself."
        ),
    )
    output: str | None = Field(
        default=None, description="The task's output column that is taken. Default: the first that is known."
    )

    libraries = ("distilabel",)
    known_outputs: ClassVar[tuple[str, ...]] = ()

    def validate(self) -> None:
        super().validate()
        self.task_output()

    def build_task(self) -> Any:
        """The task, asking nobody: to look at its inputs and outputs. Raises RecipeError."""
        module = _distilabel_module()
        reserved_settings = sorted(ENGINE_SETTINGS & set(self.settings))
        if reserved_settings or self.task in UNSUPPORTED_TASKS:
            subject = (
                f"setting {reserved_settings[0]!r} is"
                if reserved_settings
                else "a task with structured output is"
            )
            raise RecipeError(f"task {self.task}: {subject} not for a recipe to give (docs/migrating.md)")
        return module.task_named(self.task, module.Bridge.of("none", self.pre_query), self.settings)

    async def run(
        self, row: Mapping[str, Any], ask: Ask, seed: int = 0, *, draws: int = 1
    ) -> tuple[list[dict[str, Any]], list[Reply | ReplyError]]:
        """(what the task makes of a row, the replies that it was given). Raises UnreadableReply where the row
        lacks what the task needs.
        """
        missing = [name for name in required_columns(self.build_task().inputs) if row.get(name) is None]
        if missing:
            message = (
                f"distilabel's {self.task} needs {', '.join(missing)}, which this prompt does not have: "
                "`columns` maps metadata to them"
            )
            raise UnreadableReply(message, code="missing_column")
        settings = {**self.settings, "num_generations": draws} if draws > 1 else self.settings
        return await _distilabel_module().run_task(
            self.task,
            settings,
            self.model,
            row,
            ask,
            ask.rng(f"distilabel/{seed}").getrandbits(32),
            self.pre_query,
        )

    def task_output(self) -> str:
        """The output column that is taken. Raises RecipeError where there is none that is known."""
        outputs = list(self.build_task().outputs)
        column = self.output or next((name for name in self.known_outputs if name in outputs), None)
        if column is None or column not in outputs:
            raise RecipeError(
                f"task {self.task}: which of its outputs is meant? Give `output:`, one of "
                f"{', '.join(outputs)}"
            )
        return column

    def unreadable_reply(self, replies: Sequence[Reply | ReplyError], content: str) -> UnreadableReply:
        """A reply that the task could not read."""
        read_replies = [reply for reply in replies if isinstance(reply, Reply)]
        texts, keys = tuple(reply.text for reply in read_replies), tuple(reply.key for reply in read_replies)
        return UnreadableReply(
            f"distilabel's {self.task} read no {content} from the reply",
            code="unread",
            replies=texts,
            keys=keys,
        )


def _distilabel_module() -> ModuleType:
    """The module that imports distilabel (seconds, when it is first wanted), whose own warnings are not our
    users'.
    """
    if importlib.util.find_spec("distilabel") is None:
        raise RecipeError("`use: distilabel` needs distilabel: pip install 'prefgen[distilabel]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("prefgen.integrations.bridge")


def required_columns(inputs: Sequence[str] | Mapping[str, bool]) -> list[str]:
    """The input columns without which a task cannot run."""
    return [name for name in inputs if not isinstance(inputs, Mapping) or inputs[name]]


def row_of(prompt: Prompt, columns: Mapping[str, str]) -> dict[str, Any]:
    """What tasks call the parts of a prompt; a conversation of several turns is its `instruction` as a whole,
    turn by turn.
    """
    turns = [m for m in prompt.messages if m.role != "system"]
    row: dict[str, Any] = {
        **prompt.metadata,
        "instruction": prompt.text if len(turns) == 1 else "\n\n".join(f"{m.role}: {m.text}" for m in turns),
        "messages": [{"role": m.role, "content": m.text} for m in prompt.messages],
    }
    system_text = next((m.text for m in prompt.messages if m.role == "system"), None)
    if system_text:
        row["system_prompt"] = system_text
    if prompt.references:
        row["reference"] = prompt.references[0]
    return row | {
        column: prompt.metadata[field] for column, field in columns.items() if field in prompt.metadata
    }
