"""prefgen train"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefgen.cli.arguments import AsJsonOption, JournalFileOption
from prefgen.cli.completion import datasets
from prefgen.cli.consent import YesOption
from prefgen.cli.screen import say_lines, say_note

if TYPE_CHECKING:  # the command line imports nothing heavy
    from prefgen.evaluation.after_training import Judging
    from prefgen.trainers.pairs import Control
    from prefgen.trainers.report import TrainingReport
    from prefgen.trainers.settings import TrainSettings

DatasetsArgument = Annotated[
    list[str],
    typer.Argument(
        help="Runs, files, or owner/name[@revision] on the Hub: one or several.", autocompletion=datasets
    ),
]
BaseOption = Annotated[str | None, typer.Option(help="The model: a folder, or a name on the Hub.")]
ModelFolderOption = Annotated[Path, typer.Option("--out", "-o", help="Where the model goes.")]
ConfigFileOption = Annotated[
    Path | None, typer.Option(help="A YAML file with the settings, or a recipe with `train:`.")
]
SettingsOption = Annotated[
    list[str],
    typer.Option("--set", metavar="NAME=VALUE", help="A setting, such as beta=0.2 or lora=null."),
]
ControlsOption = Annotated[
    list[str],
    typer.Option(help="shuffled, length: train the same with labels that cannot be right, and compare."),
]
ResumeOption = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with a finished training in --out, to more epochs or steps. One that was "
        "stopped goes on without it.",
    ),
]
MergeOption = Annotated[
    bool, typer.Option("--merge", help="Also write the base with the adapter put in, for serving.")
]
PushOption = Annotated[
    str | None,
    typer.Option(help="owner/name: also put the model on the Hub, in one commit.", show_default=False),
]
PublicOption = Annotated[
    bool, typer.Option("--public", help="With --push: make it public. Default: private.")
]
ThenEvalOption = Annotated[
    Path | None,
    typer.Option(
        "--then-eval",
        metavar="RECIPE",
        help="Then have the trained model answer held-out prompts, and judge its answers by this recipe: its "
        "model `trained` is the trained one, `base` what it was trained from.",
        show_default=False,
    ),
]
EvalPromptsOption = Annotated[
    str,
    typer.Option(
        "--eval-prompts",
        metavar="test|recipe",
        help="With --then-eval: the prompts of the held-out pairs, or the recipe's own without those that "
        "were trained on.",
    ),
]


def command(
    datasets: DatasetsArgument,
    base: BaseOption = None,
    out: ModelFolderOption = Path("trained"),
    config: ConfigFileOption = None,
    sets: SettingsOption = [],
    control: ControlsOption = [],
    resume: ResumeOption = False,
    merge: MergeOption = False,
    push: PushOption = None,
    public: PublicOption = False,
    then_eval: ThenEvalOption = None,
    eval_prompts: EvalPromptsOption = "test",
    journal: JournalFileOption = None,
    yes: YesOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """Train a model on preference pairs (DPO by TRL, LoRA unless told otherwise), and say how it does on
    held-out prompts.

    How well it tells the labels of held-out pairs apart is not how good its answers are: --then-eval has them
    judged.
    """
    from prefgen.api.training import known_controls, require_training_packages

    require_training_packages()
    from prefgen.cli.eval_win import print_win_rate
    from prefgen.cli.then_eval import judge_trained, judging_of, try_judging
    from prefgen.evaluation.winrate import win_rate_as_json
    from prefgen.trainers.processes import end_together, is_first
    from prefgen.trainers.report import REPORT
    from prefgen.trainers.settings import read_train_settings

    controls = known_controls(control)
    settings = read_train_settings(config, {**({"base": base} if base else {}), **_parse_sets(sets)})
    if push and is_first():
        from prefgen.publish.hub import Repository

        # a wrong token is known before hours of training
        _say(f"pushing as {Repository(push, 'model').writer()}")
    judging = judging_of(then_eval, settings, out, eval_prompts) if then_eval else None
    if judging and is_first() and not (out / REPORT).is_file():
        try_judging(judging)
    report = _train(datasets, settings, out, controls=controls, resume=resume, merge=merge, judging=judging)
    end_together()
    if not is_first():
        return
    judgment = judge_trained(judging, journal, yes=yes) if judging else None
    if push:
        from prefgen.trainers.push import push_model

        _say(f"the model is on the Hub: {push_model(out, push, private=not public, say=_say)}")
    if as_json:
        evaluation = judgment and {**win_rate_as_json(judgment[0]), "simulated": judgment[1]}
        print(json.dumps({**asdict(report), "evaluation": evaluation}))
        return
    if judgment:
        print_win_rate(*judgment)
    _print_report(report, settings, out)


def _parse_sets(sets: Sequence[str]) -> dict[str, Any]:
    """Settings by their names."""
    import yaml

    from prefgen.errors import RecipeError

    settings: dict[str, Any] = {}
    for assignment in sets:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise RecipeError(f"--set wants NAME=VALUE, found {assignment!r}")
        try:
            settings[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise RecipeError(f"--set {assignment}: the value is not valid YAML") from None
    return settings


def _train(
    datasets: Sequence[str],
    settings: "TrainSettings",
    out: Path,
    *,
    controls: "Sequence[Control]",
    resume: bool,
    merge: bool,
    judging: "Judging | None" = None,
) -> "TrainingReport":
    """Train, showing how far it is."""
    from prefgen.cli.panel import show_training
    from prefgen.trainers.processes import is_first
    from prefgen.trainers.progress import TrainingProgress
    from prefgen.trainers.run import run_training

    progress = TrainingProgress(name=out.name)
    try:
        with show_training(progress, quiet=not is_first()):
            return run_training(
                datasets,
                settings,
                out,
                controls=controls,
                resume=resume,
                merge=merge,
                prompt_files=judging and judging.prompt_files,
                progress=progress,
            )
    except KeyboardInterrupt:
        if is_first():
            unsaved = f"no checkpoint was written yet (`save`: {settings.save})"
            has_checkpoint = any(out.glob("**/checkpoint-*"))
            _say(f"prefgen: interrupted; {'the same command goes on' if has_checkpoint else unsaved}")
        raise typer.Exit(130) from None


def _print_report(report: "TrainingReport", settings: "TrainSettings", out: Path) -> None:
    from prefgen.trainers.report_words import accuracy_lines

    say_lines(accuracy_lines(report))
    what = "adapter" if settings.writes_adapter else "model"
    print(f"the {what} is in {out}: README.md says what it was trained on")


def _say(line: str) -> None:
    say_note(line)
