"""What a recipe may say, apart from the fields of plug-ins: the classes from which validation and the JSON
schema come.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from prefgen.calls.models import Leaks
from prefgen.version import read_renamed


class Strict(BaseModel):
    """A part of a recipe: unknown keys are refused, keys of an earlier version are read with a notice."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    section: ClassVar[str] = ""
    renamed_fields: ClassVar[Mapping[str, str]] = {}
    """{key: what an earlier version called it}."""

    @model_validator(mode="before")
    @classmethod
    def _read_earlier_names(cls, fields: Any) -> Any:
        return read_renamed(fields, cls.renamed_fields, cls.section)


class Sampling(Strict):
    """How a model draws. Part of the key of every ask. Absent means the server's default."""

    temperature: float | None = Field(
        default=None,
        ge=0,
        le=5,
        allow_inf_nan=False,
        description="0 makes the call deterministic as far as keys go.",
    )
    top_p: float | None = Field(default=None, gt=0, le=1, description="Nucleus.")
    top_k: int | None = Field(default=None, ge=-1, description="Candidates a token.")
    min_p: float | None = Field(
        default=None, ge=0, le=1, description="Least probability relative to the likeliest token."
    )
    max_tokens: int | None = Field(default=None, ge=1, description="Most new tokens, reasoning included.")
    stop: str | tuple[str, ...] | None = Field(default=None, description="Text at which an answer ends.")
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    repetition_penalty: float | None = Field(default=None, gt=0)
    effort: str | None = Field(
        default=None, description="How long a reasoning model thinks, in the provider's words."
    )
    thinking_budget: int | None = Field(default=None, ge=0, description="Most tokens of thinking.")
    chat_template_kwargs: Mapping[str, Any] | None = Field(
        default=None, description="For servers that take it (vLLM)."
    )


class ModelEntry(Sampling):
    """A model: which backend, what it is called there, and how it draws. Fields of the simulated and scripted
    backends go here too.
    """

    use: str = Field(description="The backend: openai, transformers, simulated, scripted.")
    name: str | None = Field(
        default=None, description="The model's name at the server. Default: the entry's name."
    )
    revision: str | None = Field(default=None, description="Any text; changing it asks a moved alias afresh.")
    leaks: Leaks = Field(
        default="strip",
        description=(
            "Template tokens and reasoning that the server leaves in answers: taken out where that is "
            "certain and lost otherwise, always lost, or kept."
        ),
    )


class Endpoint(BaseModel):
    """How a model is reached. The backend's own fields (base_url, api_key_env ...) stand beside these."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())

    concurrency: int | Literal["auto"] | None = Field(
        default=None, description="Requests at once; auto adapts."
    )
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    timeout: float | None = Field(default=None, gt=0, description="Seconds for one request.")
    batch: bool = Field(
        default=False,
        description=(
            "Ask by the provider's Batches API: what waits is sent as files, and the run ends with exit code "
            "3 until the replies are there, within a day."
        ),
    )
    batch_discount: float = Field(
        default=0.5, ge=0, le=1, description="Which part of the price a batch saves."
    )


class Run(Strict):
    """How, never what: nothing here changes the data."""

    section = "run"
    renamed_fields: ClassVar[Mapping[str, str]] = {
        "max_records_in_flight": "window",
        "server_down_after": "patience",
        "plugin_timeout": "stage_timeout",
    }

    concurrency: int | Literal["auto"] = Field(
        default="auto", description="Requests at once a model; auto adapts to the server."
    )
    budget_usd: float | None = Field(
        default=None, ge=0, description="Money that this run directory may spend."
    )
    budget_tokens: int | None = Field(
        default=None, ge=0, description="Tokens that this run directory may use."
    )
    prices: str | Mapping[str, Mapping[str, Any]] | None = Field(
        default=None,
        description=(
            "{model name: {input, output, cached_input}} in USD a million tokens, or the path of a YAML "
            "file with it. What is not named has its public list price, where one is known."
        ),
    )
    endpoints: Mapping[str, Endpoint] = Field(
        default={}, description="By the names under `models`; `default` holds for every model."
    )
    accept_served_by: tuple[str, ...] = Field(
        default=(), description="Further hosts whose journalled replies may be used."
    )
    timeout: float = Field(default=600, gt=0, description="Seconds for one request.")
    server_down_after: float = Field(
        default=60, ge=0, description="Seconds without any answer after which a server counts as down."
    )
    plugin_timeout: float = Field(
        default=300, gt=0, description="Seconds that a plug-in may spend outside ask."
    )
    order: Literal["hash", "file"] = Field(
        default="hash",
        description="hash works in an order drawn by id, so that a stopped run is a fair sample.",
    )
    processes: int | Literal["auto"] = Field(
        default="auto",
        ge=1,
        description="Processes that replay what the journal holds. auto: one a processor, at most 8.",
    )
    resident: int | Literal["auto"] = Field(
        default="auto",
        description=(
            "Models of one's own that may be loaded at once, while others wait for their turn. auto: as many "
            "as fit the visible GPUs."
        ),
    )
    max_records_in_flight: int | None = Field(
        default=None, ge=1, description="Records at work at once. Default: enough to keep every model busy."
    )

    @field_validator("concurrency", "resident")
    @classmethod
    def _positive(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError("must be at least 1, or auto")
        return value


class Recipe(Strict):
    """The top level of a recipe."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$", description="Names the run's directory.")
    version: str = Field(
        default="0.1.0",
        pattern=r"^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:[-+][0-9A-Za-z.-]+)?$",
        description="Semantic version of the dataset.",
    )
    description: str = ""
    seed: int = Field(
        default=0, description="Seed of random asks, and of the draws of plug-ins that have no `seed`."
    )
    models: Mapping[str, Mapping[str, Any]] = Field(default={}, description="Models by name.")
    stages: list[Mapping[str, Any]] = Field(
        min_length=1, description="What happens to each prompt, in order."
    )
    publish: Mapping[str, Any] | None = Field(default=None, description="Where the dataset goes.")
    train: Mapping[str, Any] | None = Field(default=None, description="How a model is trained on it.")
    run: Run = Run()
