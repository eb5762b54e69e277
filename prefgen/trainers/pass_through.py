"""What a training is told beyond prefgen's own settings: `trl` and `model`, handed on to TRL's configuration
and to from_pretrained, and checked before anything is trained.
"""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from transformers.quantizers.auto import AutoQuantizationConfig

from prefgen.errors import RecipeError, did_you_mean
from prefgen.trainers.settings import TrainSettings

ADJUSTABLE = frozenset(["report_to", "disable_tqdm", "bf16", "logging_steps", "save_total_limit"])
"""Fields that have a value here, and none of the settings' names."""
OUR_NAMES = {
    "num_train_epochs": "epochs",
    "per_device_train_batch_size": "batch_size",
    "per_device_eval_batch_size": "batch_size",
    "gradient_accumulation_steps": "accumulate",
    "warmup_steps": "warmup",
    "lr_scheduler_type": "scheduler",
    "eval_steps": "evaluate",
    "save_steps": "save",
    "loss_type": "loss",
    "simpo_gamma": "gamma",
    "precompute_ref_log_probs": "precompute_reference",
    "use_cpu": "cpu",
    "load_best_model_at_end": "patience",
}
OF_TRLS_LOSS = (
    "f_divergence_type", "f_alpha_divergence_coef", "ld_alpha", "use_weighting", "discopop_tau",
    "use_liger_kernel",
)  # fmt: skip
"""Fields of DPO that only TRL's own loss goes by, which has no form for soft labels and weights."""
OWN_MODEL_OPTIONS = ("dtype", "torch_dtype", "revision", "num_labels")


def trl_options(settings: TrainSettings, kind: Any, taken: Mapping[str, Any]) -> dict[str, Any]:
    """`trl` of the settings, where all of it are fields of TRL's configuration `kind` and none is among those
    that are `taken`. Raises RecipeError.
    """
    known = {field.name for field in fields(kind)}
    for name in settings.trl:
        if name not in known:
            raise RecipeError(
                f"trl: {kind.__name__} has no field {name!r}{did_you_mean(name, sorted(known))}"
            )
        if name in taken and name not in ADJUSTABLE:
            ours = OUR_NAMES.get(name, name)
            remedy = f"say `{ours}` itself" if ours in TrainSettings.model_fields else "it cannot be changed"
            raise RecipeError(f"trl: {name!r} is set by prefgen: {remedy}")
    return dict(settings.trl)


def refuse_what_soft_labels_ignore(settings: TrainSettings) -> None:
    """Raises RecipeError for fields of TRL's loss beside labels or weights that it has no form for."""
    if ignored := [name for name in OF_TRLS_LOSS if name in settings.trl]:
        raise RecipeError(
            f"trl: {', '.join(ignored)}: the pairs have soft labels or weights, and TRL's loss, which goes "
            "by it, has no form for them. Say `labels: hard, weights: false`"
        )


def model_options(settings: TrainSettings) -> dict[str, Any]:
    """`model` of the settings as arguments of from_pretrained. Raises RecipeError."""
    if taken := [name for name in OWN_MODEL_OPTIONS if name in settings.model]:
        raise RecipeError(f"model: {taken[0]!r} is set by prefgen (`dtype`, `revision`)")
    options = dict(settings.model)
    if isinstance(quantization := options.get("quantization_config"), Mapping):
        try:
            options["quantization_config"] = AutoQuantizationConfig.from_dict(dict(quantization))
        except (ValueError, TypeError, ImportError) as error:
            problem = " ".join(str(error).split())[:200]
            raise RecipeError(f"model: quantization_config: {problem}") from None
    return options
