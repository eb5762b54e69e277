"""`prefgen.train(...)`: a model trained on preference pairs."""

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from prefgen.errors import RecipeError, did_you_mean

if TYPE_CHECKING:  # trainers are imported where packages are known to be there
    from prefgen.trainers.pairs import Control
    from prefgen.trainers.report import TrainingReport


def train(
    datasets: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    base: str | None = None,
    *,
    out: str | Path = "trained",
    config: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    controls: "Sequence[Control]" = (),
    resume: bool = False,
    merge: bool = False,
) -> "TrainingReport":
    """Train on runs (or their Results), files or datasets of the Hub, as `prefgen train` does; `settings` are
    those of `--set`. Raises RecipeError, GateFailed and TrainingStopped.
    """
    require_training_packages()
    from prefgen.trainers.run import run_training
    from prefgen.trainers.settings import read_train_settings

    given = {**({"base": base} if base else {}), **(settings or {})}
    train_settings = read_train_settings(Path(config) if config is not None else None, given)
    names = [datasets] if isinstance(datasets, str | os.PathLike) else datasets
    return run_training(
        [os.fspath(name) for name in names], train_settings, Path(out),
        controls=known_controls(controls), resume=resume, merge=merge,
    )  # fmt: skip


def require_training_packages() -> None:
    """Raises RecipeError where the packages of the extra `train` are not installed."""
    missing = [name for name in ("torch", "trl", "peft") if importlib.util.find_spec(name) is None]
    if missing:
        raise RecipeError(f"training needs {', '.join(missing)}: pip install 'prefgen[train]'")


def known_controls(names: Sequence[str]) -> "list[Control]":
    """The controls of these names. Raises RecipeError for one that there is not."""
    from prefgen.trainers.pairs import Control

    controls: tuple[Control, ...] = get_args(Control)
    for name in names:
        if name not in controls:
            raise RecipeError(f"--control: there is no control {name!r}{did_you_mean(name, controls)}")
    return [control for name in names for control in controls if control == name]
