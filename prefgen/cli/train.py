"""prefgen train"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from prefgen.cli.arguments import AsJson


def command(
    datasets: Annotated[
        list[str], typer.Argument(help="Runs, files, or owner/name[@revision] on the Hub: one or several.")
    ],
    base: Annotated[str | None, typer.Option(help="The model: a folder, or a name on the Hub.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the model goes.")] = Path("trained"),
    config: Annotated[
        Path | None, typer.Option(help="A YAML file with the settings, or a recipe with `train:`.")
    ] = None,
    sets: Annotated[
        list[str],
        typer.Option("--set", metavar="NAME=VALUE", help="A setting, such as beta=0.2 or lora=null."),
    ] = [],  # noqa: B006
    control: Annotated[
        list[str],
        typer.Option(help="shuffled, length: train the same with labels that cannot be right, and compare."),
    ] = [],  # noqa: B006
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")
    ] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="Also write the base with the adapter put in, for serving.")
    ] = False,
    push: Annotated[
        str | None,
        typer.Option(help="owner/name: also put the model on the Hub, in one commit.", show_default=False),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="With --push: make it public. Default: private.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model on preference pairs (DPO by TRL, LoRA unless told otherwise), and say how it does on
    held-out prompts.
    """
    import importlib.util

    import yaml

    from prefgen.cli.panel import show_training
    from prefgen.errors import RecipeError, did_you_mean
    from prefgen.trainers.processes import is_first
    from prefgen.trainers.progress import TrainingProgress
    from prefgen.trainers.run import run_training
    from prefgen.trainers.settings import read_train_settings

    missing = [name for name in ("torch", "trl", "peft") if importlib.util.find_spec(name) is None]
    if missing:
        raise RecipeError(f"training needs {', '.join(missing)}: pip install 'prefgen[train]'")
    for name in control:
        if name not in ("shuffled", "length"):
            raise RecipeError(
                f"--control: there is no control {name!r}{did_you_mean(name, ['shuffled', 'length'])}"
            )
    overrides: dict[str, Any] = {"base": base} if base else {}
    for assignment in sets:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise RecipeError(f"--set wants NAME=VALUE, found {assignment!r}")
        try:
            overrides[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise RecipeError(f"--set {assignment}: the value is not valid YAML") from None
    settings = read_train_settings(config, overrides)

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    if push:
        from prefgen.publish.hub import Repository

        # a wrong token is known before hours of training
        say(f"pushing as {Repository(push, 'model').writer()}")
    progress = TrainingProgress(name=out.name)
    try:
        with show_training(progress, quiet=not is_first()):
            report = run_training(
                datasets,
                settings,
                out,
                controls=control,  # pyright: ignore[reportArgumentType] - checked above
                resume=resume,
                merge=merge,
                progress=progress,
            )
    except KeyboardInterrupt:
        checkpoints = list((out / "checkpoints").glob("checkpoint-*"))
        say(
            "prefgen: interrupted; "
            + (
                "the same command with --resume goes on"
                if checkpoints
                else f"no checkpoint was written yet (`save`: {settings.save})"
            )
        )
        raise typer.Exit(130) from None
    if not is_first():
        return
    if push:
        from prefgen.trainers.push import push_model

        say(f"the model is on the Hub: {push_model(out, push, private=not public, say=say)}")
    if as_json:
        print(json.dumps(asdict(report)))
        return
    if report.accuracy:
        accuracy = report.accuracy
        print(
            f"held-out accuracy {accuracy.value:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f}) on "
            f"{accuracy.pairs:,} pairs"
        )
    for name, control_accuracy in report.controls.items():
        difference, low, high = report.ahead[name]
        print(
            f"control {name}: {control_accuracy.value:.3f}; the real labels are ahead by {difference:+.3f} "
            f"({low:+.3f} to {high:+.3f})"
        )
    print(f"the {'adapter' if settings.lora else 'model'} is in {out}: README.md says what it was trained on")
