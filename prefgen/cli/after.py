"""What follows a run: the recipe's `publish:` and `train:`."""

from pathlib import Path
from typing import TYPE_CHECKING

from prefgen.cli.screen import say_note

if TYPE_CHECKING:
    from prefgen.publish.draft import Release
    from prefgen.publish.settings import PublishSettings
    from prefgen.trainers.report import TrainingReport
    from prefgen.trainers.settings import TrainSettings


def publish_run(run: Path, options: "PublishSettings") -> "Release":
    """Publish a run that has just been made."""
    from prefgen.publish.release import publish

    release = publish(run, options, say=say)
    say(
        f"version {release.version}, content hash {release.content_hash}: "
        f"{release.address or 'is on the Hub already, nothing was changed'}"
    )
    return release


def train_on_run(run: Path, settings: "TrainSettings", release: "Release | None") -> "TrainingReport":
    """Train on the release, or on the run where it was not published, into a folder beside the run's."""
    from prefgen.cli.panel import show_training
    from prefgen.publish.version import tag_of
    from prefgen.trainers.progress import TrainingProgress
    from prefgen.trainers.run import run_training

    out = run.parent / f"{run.name}-trained"
    progress = TrainingProgress(name=out.name)
    with show_training(progress):
        report = run_training(
            [f"{release.repo}@{tag_of(release.version)}" if release else str(run)],
            settings,
            out,
            progress=progress,
        )
    if report.accuracy:
        say(f"held-out accuracy {report.accuracy.value:.3f} on {report.accuracy.pairs:,} pairs")
    say(f"the model is in {out}")
    return report


def say(line: str) -> None:
    say_note(line)
