"""What a training may be told: a recipe's `train:`, or a file of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from prefgen.dataset.bad_rows import OnBadRows
from prefgen.errors import RecipeError, did_you_mean
from prefgen.kit.templates import shipped
from prefgen.recipe.schema import Strict
from prefgen.recipe.validate import parse_section

METRICS_FILE = "metrics.jsonl"
"""Every number that a trainer logs, a line each, in its folder."""
SOFT_LOSSES = ("sigmoid", "hinge", "ipo", "sigmoid_norm", "sft")
"""Losses of TRL that depend on the difference of the two sides alone (or on the chosen one), so that they
have a soft form.
"""

LOSSES = (
    "sigmoid", "sigmoid_norm", "hinge", "ipo", "sft", "robust", "exo_pair", "nca_pair", "bco_pair",
    "sppo_hard", "aot", "aot_unpaired", "apo_zero", "apo_down", "discopop",
)  # fmt: skip
"""TRL's losses."""


class Lora(Strict):
    """A LoRA adapter (peft)."""

    r: int = Field(default=16, ge=1, description="Rank.")
    alpha: int = Field(default=32, ge=1, description="Scale: alpha / r.")
    dropout: float = Field(default=0.05, ge=0, lt=1)
    target_modules: str | tuple[str, ...] = Field(default="all-linear", description="Which layers get one.")


class TrainSettings(Strict):
    """How a model is trained on pairs. Defaults are TRL's, but for the learning rate of LoRA."""

    section = "train"
    renamed_fields: ClassVar[Mapping[str, str]] = {"max_repeated_chosen": "canned"}

    preset: str | None = Field(
        default=None,
        description="Settings of a known model to begin with, such as olmo3; what is said beside it wins.",
    )
    use: Literal["dpo", "kto", "simpo", "orpo", "reward", "sft"] = Field(
        default="dpo", description="The trainer."
    )
    base: str | None = Field(default=None, description="The model: a folder, or a name on the Hub.")
    revision: str | None = Field(default=None, description="Its revision on the Hub.")
    lora: Lora | None = Field(default=Lora(), description="null trains all weights.")
    beta: float = Field(
        default=0.1,
        gt=0,
        allow_inf_nan=False,
        description=(
            "How close to the reference (Rafailov et al., arXiv 2305.18290, equation 7); orpo: how much the "
            "odds count beside the chosen side's likelihood (Hong et al., arXiv 2403.07691, equation 6)."
        ),
    )
    gamma: float = Field(
        default=0.5,
        ge=0,
        allow_inf_nan=False,
        description="simpo: by how much the chosen side should be ahead (Meng et al., arXiv 2405.14734).",
    )
    margins: bool = Field(
        default=False, description="reward: the chosen side should be ahead by the judge's margin."
    )
    sft_epochs: float = Field(
        default=0.0,
        ge=0,
        description="Epochs on the best answer to each prompt, before anything is compared.",
    )
    sft_learning_rate: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Of `sft_epochs`. Default: 2e-4 with LoRA, 2e-5 for all weights.",
    )
    loss: tuple[str, ...] = Field(
        default=("sigmoid",), min_length=1, description="dpo: TRL's losses; several are added up, weighted."
    )
    loss_weights: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] | None = Field(
        default=None, description="One a loss. Default: 1 each."
    )
    labels: Literal["soft", "hard"] = Field(
        default="soft", description="soft: `chosen_probability` of the rows is what the loss is asked to fit."
    )
    weights: bool = Field(default=True, description="Rows count as their `weight` says.")
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] | Literal["measured"] = Field(
        default=0.0,
        description=(
            "Probability that a label is wrong; measured: by how often the judge has another winner in the "
            "other order."
        ),
    )
    learning_rate: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Default: 1e-5 with LoRA, 1e-6 for all weights; sft: 2e-4 and 2e-5.",
    )
    epochs: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    max_steps: int = Field(default=-1, ge=-1, description="Ends earlier; -1: not.")
    batch_size: int = Field(default=8, ge=1, description="Pairs a step and device; kto, sft: answers.")
    accumulate: int = Field(default=1, ge=1, description="Steps whose gradients are added up.")
    max_length: int | None = Field(
        default=None,
        ge=8,
        description="Tokens of prompt and answer. Default: what the longest pair needs, within the model.",
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="Number format of the weights."
    )
    warmup: float = Field(default=0.1, ge=0, lt=1, description="Share of the steps.")
    scheduler: Literal[
        "linear", "cosine", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt"
    ] = Field(default="linear", description="Of the learning rate: transformers' names.")
    gradient_checkpointing: bool = Field(default=False, description="Less memory, more time.")
    precompute_reference: bool = Field(
        default=False, description="Log-probabilities of the reference once, before training."
    )
    evaluate: int = Field(
        default=50, ge=1, description="Steps between two looks at held-out pairs; the first is before any."
    )
    drift: bool = Field(
        default=True,
        description=(
            "Measure at each look how far the model has moved from the reference, on held-out answers."
        ),
    )
    save: int = Field(default=200, ge=1, description="Steps between two checkpoints.")
    patience: int | None = Field(
        default=None, ge=1, description="Looks without a better held-out accuracy after which training ends."
    )
    seed: int = Field(default=0, ge=0, lt=2**32)
    cpu: bool = Field(default=False, description="No GPU, even if there is one.")
    trl: dict[str, Any] = Field(
        default={}, description="Further fields of TRL's config of this trainer, such as optim or report_to."
    )
    model: dict[str, Any] = Field(
        default={},
        description="Further arguments of from_pretrained, such as attn_implementation.",
    )
    on_bad_rows: OnBadRows = Field(
        default="fail",
        description="Rows that cannot be read, or that `check` calls broken: stop, or leave them out.",
    )
    max_repeated_chosen: float = Field(
        default=0.05, gt=0, le=1, description="The gate: greatest share of one chosen answer."
    )

    @model_validator(mode="before")
    @classmethod
    def _begin_with_preset(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and isinstance(name := data.get("preset"), str):
            return {**read_preset(name), **data}
        return data

    @field_validator("loss", "loss_weights", mode="before")
    @classmethod
    def _wrap_single_value(cls, value: Any) -> Any:
        return [value] if isinstance(value, str | int | float) else value

    @field_validator("loss")
    @classmethod
    def _check_loss_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in LOSSES:
                raise ValueError(f"there is no loss {name!r}{did_you_mean(name, list(LOSSES))}")
        return names

    @model_validator(mode="after")
    def _check_losses(self) -> "TrainSettings":
        if self.loss_weights is not None and len(self.loss_weights) != len(self.loss):
            raise ValueError(f"{len(self.loss)} losses and {len(self.loss_weights)} loss_weights")
        if self.label_smoothing and not self.smooths_itself and (unsupported := self.without_soft_form()):
            raise ValueError(f"label_smoothing: no soft form: {unsupported}")
        if "exo_pair" in self.loss and not self.label_smoothing:
            raise ValueError("exo_pair needs a label_smoothing above 0")
        if self.use == "sft" and self.sft_epochs:
            raise ValueError("sft_epochs: `use: sft` is that already; say `epochs`")
        return self

    @property
    def writes_adapter(self) -> bool:
        """Whether what comes out is an adapter of the base; otherwise it is a whole model. After `sft_epochs`
        an adapter would be one of the model of that phase.
        """
        return self.lora is not None and not self.sft_epochs

    @property
    def smooths_itself(self) -> bool:
        """Whether TRL's loss takes the label smoothing in its own way."""
        return self.use == "dpo" and set(self.loss) <= {"robust", "exo_pair"}

    def without_soft_form(self) -> str:
        """What of this training cannot use the probability and the weight of a pair: losses of dpo, or a
        trainer.
        """
        if self.use == "dpo":
            return ", ".join(sorted(set(self.loss) - {*SOFT_LOSSES}))
        return self.use if self.use in ("kto", "simpo", "orpo", "sft") else ""


def read_preset(name: str) -> dict[str, Any]:
    """The settings of a preset. Raises ValueError where there is none of the name."""
    known = {path.stem: path for path in sorted((shipped("pipelines") / "presets").glob("*.yaml"))}
    if name not in known:
        raise ValueError(f"there is no preset {name!r}{did_you_mean(name, list(known))}")
    return yaml.safe_load(known[name].read_text(encoding="utf-8"))


def read_train_settings(path: Path | None, overrides: dict[str, Any]) -> TrainSettings:
    """What a YAML file says, under `train` if it is a recipe, with `overrides` in its place. Raises
    RecipeError.
    """
    data: Any = {}
    if path is not None:
        if not path.is_file():
            raise RecipeError(f"file {str(path)!r} does not exist")
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise RecipeError(f"cannot be read: {str(error).splitlines()[0]}", str(path)) from None
        if not isinstance(data, dict):
            raise RecipeError(f"expected a mapping, found {type(data).__name__}", str(path))
        data = data.get("train") or {} if "stages" in data else data
    return parse_section(TrainSettings, "train", data, overrides, str(path) if path else None)
