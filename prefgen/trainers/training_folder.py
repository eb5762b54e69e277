"""The folder of a training: whether one was begun there, is the same, goes on or is finished.

Nothing in it is deleted unasked: the same command goes on where a training was stopped, another one is
refused.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from prefgen.errors import RecipeError
from prefgen.storage.atomic_write import atomic_write
from prefgen.trainers.pairs import Control, TrainingPairs
from prefgen.trainers.processes import is_first
from prefgen.trainers.report import REPORT, TrainingReport, read_training_report
from prefgen.trainers.settings import TrainSettings

STARTED = "started.json"
EVALUATION = Path("eval") / "win_rate.json"
"""What came of judging the trained model's answers, in a folder of its own: files beside the weights are part
of the model's identity.
"""
CHANGEABLE_SETTINGS = {
    "epochs", "max_steps", "evaluate", "save", "patience", "cpu", "max_repeated_chosen", "on_bad_rows",
    "drift", "preset",
}  # fmt: skip
"""Settings that a training which goes on may have changed; the pairs that come of them may not differ."""
LIMITS = ("epochs", "max_steps")
"""Where a training ends."""
Standing = Literal["new", "begun", "finished", "longer"]
"""What a training finds in its folder: nothing, one that was not finished, one that was, or a finished one
that --resume makes longer.
"""


def standing_of(out: Path, settings: TrainSettings, *, resume: bool) -> Standing:
    """What stands in a training's folder. Raises RecipeError where a training would write over anything but
    one that was begun here.
    """
    base = Path(settings.base or "")
    if base.is_dir() and out.resolve() in (base.resolve(), *base.resolve().parents):
        raise RecipeError(
            f"--out {str(out)!r} is, or holds, the base: the model would be written over what it is trained "
            "from"
        )
    if (out / REPORT).is_file():
        is_longer = _has_other_limits(out, read_training_report(out).settings, settings, resume)
        return "longer" if is_longer else "finished"
    if (out / STARTED).is_file():
        if not any(out.glob("**/checkpoint-*")) and not (out / "sft" / "done").is_file():
            return "new"  # nothing has come of it that could be lost
        _has_other_limits(out, _read_started(out), settings, resume)
        return "begun"
    # of several processes the first may have begun to write before another one looks
    if is_first() and out.is_dir() and any(out.iterdir()):
        raise RecipeError(
            f"{str(out)!r} holds files of something else; give a folder that is empty or not there"
        )
    if resume:
        raise RecipeError(f"{str(out)!r} holds no training that could go on")
    return "new"


def _has_other_limits(out: Path, before: Mapping[str, Any], settings: TrainSettings, resume: bool) -> bool:
    """Whether a training is to end elsewhere than before. Raises RecipeError where nobody asked for it."""
    limits = {name: before[name] for name in LIMITS if name in before}
    if all(getattr(settings, name) == limit for name, limit in limits.items()):
        return False
    if not resume:
        raise RecipeError(
            f"{str(out)!r} holds a training of {' and '.join(f'{name}={limits[name]}' for name in limits)}; "
            "with --resume it goes on to what is asked for now. Or give another --out"
        )
    return True


def note_beginning(out: Path, data: TrainingPairs, settings: TrainSettings) -> None:
    """Write down what is trained here, for whoever goes on."""
    out.mkdir(parents=True, exist_ok=True)
    limits = {name: getattr(settings, name) for name in LIMITS}
    with atomic_write(out / STARTED) as part:
        part.write_text(json.dumps({**_identity(data, settings), **limits}) + "\n", encoding="utf-8")


def check_same_training(out: Path, data: TrainingPairs, settings: TrainSettings) -> None:
    """Raises RecipeError where the training in a folder was begun with other pairs or settings."""
    current = _identity(data, settings)
    # a version before a setting was there trained as its default says
    before = {**_identity_of_settings(TrainSettings()), **_read_started(out)}
    before["base"] = _whole_path(before["base"])  # an earlier version wrote it as it was given
    if changed := sorted(name for name in current if before.get(name) != current[name]):
        raise RecipeError(
            f"the training in {str(out)!r} was begun with other {', '.join(changed)}; give another --out, or "
            "move that folder away"
        )


def _read_started(out: Path) -> dict[str, Any]:
    try:
        started = json.loads((out / STARTED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        started = None
    if not isinstance(started, dict):
        raise RecipeError(
            f"{str(out / STARTED)!r} cannot be read: what was trained there is not known. Give another --out"
        )
    return started


def finished_report(out: Path, controls: Sequence[Control], *, merge: bool) -> TrainingReport:
    """What a finished training came to. Raises RecipeError where more is asked for than was done."""
    report = read_training_report(out)
    missing = [f"--control {control}" for control in controls if control not in report.controls]
    if merge and not (out / "merged").is_dir():
        missing.append("--merge")
    if missing:
        raise RecipeError(
            f"the training in {str(out)!r} is finished, without {', '.join(missing)}; give another --out"
        )
    return report


def forget_finish(out: Path) -> None:
    """Take away what says that a training is finished, its controls, which are shorter than it will be, and
    what was said of its answers.
    """
    for stale_path in (out / REPORT, out / EVALUATION, *out.glob("control-*")):
        shutil.rmtree(stale_path) if stale_path.is_dir() else stale_path.unlink(missing_ok=True)


def _identity(data: TrainingPairs, settings: TrainSettings) -> dict[str, Any]:
    """What a training must not have changed when it goes on."""
    return {"pairs": data.digest, **_identity_of_settings(settings)}


def _identity_of_settings(settings: TrainSettings) -> dict[str, Any]:
    fields = settings.model_dump(mode="json", exclude=CHANGEABLE_SETTINGS)
    return {**fields, "base": _whole_path(settings.base)}


def _whole_path(base: str | None) -> str | None:
    """A base that is a folder, wherever it is looked at from; one of the Hub as it is named."""
    return str(Path(base).resolve()) if base and Path(base).is_dir() else base
