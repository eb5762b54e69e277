"""`prefgen.check(...)`: what can be proven of a dataset, a recipe, a constitution or curators."""
# pyright: reportMissingImports=false

import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prefgen.api.options import allowed_rules
from prefgen.dataset.bad_rows import BadRows
from prefgen.errors import RecipeError
from prefgen.text.said_lines import Line, Said, line

if TYPE_CHECKING:  # the command line imports nothing heavy
    from prefgen.dataset.check import CheckReport, Truncation
    from prefgen.dataset.pair_formats import ColumnNames
    from prefgen.dataset.partial import Partial
    from prefgen.publish.settings import PublishSettings
    from prefgen.recipe.build import Pipeline
    from prefgen.recipe.load import LoadedRecipe
    from prefgen.trainers.settings import TrainSettings

NumberedRows = Iterable[tuple[str, Mapping[str, Any]]]
"""Rows with where each of them stands."""


@dataclass(frozen=True)
class OpenedRows:
    """Rows with where each of them stands, whether a simulated model had a part in them, whether a run made
    them, and how many are there of a dataset that is not whole.
    """

    rows: NumberedRows
    simulated: bool = False
    of_run: bool = False
    partial: "Partial | None" = None


@dataclass(frozen=True, repr=False)
class RecipeCheck(Said):
    """A recipe that can be run: (label, identity) of its stages, and what is worth knowing before. `name` is
    its file's, or its own where it is none.
    """

    identities: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    passed: bool = True
    name: str = ""
    models: int = 0

    def said_lines(self) -> Iterator[Line]:
        """The verdict, and the warnings."""
        counts = f", {len(self.identities)} stages, {self.models} models"
        yield line(f"{self.name}: ", ("ok", "bold green"), counts)
        for warning in self.warnings:
            yield line(("warning", "yellow"), f": {warning}", indent="  ", hanging="  ")


@dataclass(frozen=True, repr=False)
class ConstitutionCheck(Said):
    """A constitution, and what is the matter with it."""

    name: str
    principles: int
    findings: Sequence[str]
    file: str = ""

    @property
    def passed(self) -> bool:
        return not self.findings

    def said_lines(self) -> Iterator[Line]:
        """The verdict, and what is the matter."""
        verdict = ("ok", "bold green") if self.passed else ("BROKEN", "bold red")
        yield line(f"{self.file}: ", verdict, f": {self.name}, {self.principles} principles")
        for problem in self.findings:
            yield line(problem, indent="  ", hanging="  ")


@dataclass(frozen=True, repr=False)
class CuratorsCheck(Said):
    """Curators that `prefgen mix --curate` takes, by the names that they have there; `name` is their
    file's.
    """

    curators: Sequence[str]
    name: str = ""
    passed: bool = True

    def said_lines(self) -> Iterator[Line]:
        """The verdict."""
        unit = "curator" if len(self.curators) == 1 else "curators"
        names = ", ".join(self.curators)
        yield line(f"{self.name}: ", ("ok", "bold green"), f", {len(self.curators)} {unit}: {names}")


def check(
    what: str | os.PathLike[str] | Mapping[str, Any],
    *,
    split: str | None = None,
    config: str | None = None,
    revision: str | None = None,
    max_repeated_chosen: float = 0.05,
    columns: "ColumnNames" = (),
    allow: Sequence[str] = (),
    tokenizer: str | None = None,
    max_length: int = 1024,
    most_longer: int | None = None,
    connect: bool = False,
) -> "CheckReport | RecipeCheck | ConstitutionCheck | CuratorsCheck":
    """Prove the invariants of a preference dataset (a run or its Result, a file, a name on the Hub), or look
    at a recipe, a constitution or a file of curators without running it. `passed` says whether all holds.
    `columns` are names of another kind, {"chosen": "winner"}. `connect` also finds out whether the servers of
    a recipe answer, without asking a model. Raises RecipeError.
    """
    if isinstance(what, Mapping):
        from prefgen.recipe.load import recipe_from_data

        return check_recipe(recipe_from_data(what, Path.cwd()), connect=connect)
    path = Path(what)
    kind = kind_of(path)
    if kind == "constitution":
        return check_constitution(path)
    if kind == "curators":
        return check_curators(path)
    if kind == "recipe":
        from prefgen.recipe.load import load_recipe

        return check_recipe(load_recipe(path), name=str(path), connect=connect)
    from prefgen.dataset.check import check_rows

    rules = allowed_rules(allow, ("redacted",))
    truncation = truncation_of(tokenizer, max_length)
    return check_pairs(
        os.fspath(what),
        reopening(os.fspath(what), split, config, revision, columns),
        lambda rows: check_rows(
            rows, max_repeated_chosen=max_repeated_chosen, allow=rules, truncation=truncation,
            most_longer=most_longer,
        ),
    )  # fmt: skip


def kind_of(path: Path) -> Literal["recipe", "constitution", "curators", "pairs"]:
    """What is to be checked: a constitution is YAML that holds principles, curators are YAML or JSON that
    holds `curate` and no stages, or YAML that is a list of plug-ins; a recipe is any other YAML, or JSON that
    holds stages.
    """
    if path.suffix in (".yaml", ".yml"):
        if _holds_principles(path):
            return "constitution"
        from prefgen.recipe.load import top_keys

        keys = top_keys(path)
        return "curators" if _are_of_curators(keys) or "use" in keys else "recipe"
    keys = _keys_of_json(path) if path.suffix == ".json" else frozenset[str]()
    if "stages" in keys:
        return "recipe"
    return "curators" if _are_of_curators(keys) else "pairs"


def _are_of_curators(keys: Collection[str]) -> bool:
    return "curate" in keys and "stages" not in keys


def _holds_principles(path: Path) -> bool:
    try:
        return re.search(r"^principles:", path.read_text(encoding="utf-8"), re.MULTILINE) is not None
    except (OSError, ValueError):
        return False


def _keys_of_json(path: Path) -> frozenset[str]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return frozenset()
    return frozenset(data) if isinstance(data, dict) else frozenset()


def check_curators(path: Path, *, plugins: bool = True) -> CuratorsCheck:
    """Read curators as `prefgen mix --curate` does. Raises RecipeError, or RecipeErrors where several things
    are wrong.
    """
    from prefgen.recipe.curators import load_curators

    curators = load_curators(path, plugins=plugins)
    return CuratorsCheck([name for name, _ in curators.plugins], str(path))


def check_constitution(path: Path) -> ConstitutionCheck:
    """Read a constitution. Raises RecipeError where it cannot be read."""
    from prefgen.kit.constitutions import constitution_findings, read_constitution

    constitution = read_constitution(path)
    findings = tuple(constitution_findings(constitution))
    return ConstitutionCheck(constitution.name, len(constitution.principles), findings, str(path))


def check_recipe(
    loaded: "LoadedRecipe", *, name: str = "", plugins: bool = True, connect: bool = False
) -> RecipeCheck:
    """Build what a recipe says and read its first prompts, without running it; `connect` also looks whether
    its servers answer, and `name` is that of its file. Raises RecipeError, or RecipeErrors where
    several things are wrong.
    """
    from prefgen.recipe.build import build

    pipeline = build(loaded, plugins=plugins, reads_sources=True)
    parse_sections(loaded)
    if connect:
        from prefgen.api.waiting import wait_for
        from prefgen.engine.connect import check_servers

        wait_for(lambda: check_servers(pipeline))
    warnings = (*pipeline.warnings, *_unset_keys(pipeline), *_too_large(pipeline))
    return RecipeCheck(
        tuple(pipeline.identities), warnings, name=name or pipeline.recipe.name,
        models=len(loaded.data.get("models") or {}),
    )  # fmt: skip


def _unset_keys(pipeline: "Pipeline") -> list[str]:
    """Variables of API keys that the recipe names and that are not set: no fault of the recipe, and a run is
    refused.
    """
    models_of: dict[str, list[str]] = {}
    for name, model in pipeline.models.items():
        variable = getattr(model.backend, "api_key_env", None)
        is_named = "api_key_env" in model.backend.model_fields_set
        if is_named and isinstance(variable, str) and not os.environ.get(variable, "").strip():
            models_of.setdefault(variable, []).append(repr(name))
    return [
        f"the environment variable {variable} is not set: a run needs the API key that it is to hold, for "
        f"{'model' if len(names) == 1 else 'models'} {', '.join(names)}"
        for variable, names in models_of.items()
    ]


def _too_large(pipeline: "Pipeline") -> list[str]:
    """Models of which not even one can be loaded here: no fault of the recipe, which may run elsewhere."""
    from prefgen.api.waiting import wait_for
    from prefgen.engine.connect import turn_takers_of
    from prefgen.serving.gpus import visible_gpus

    try:
        turn_takers = wait_for(lambda: turn_takers_of(pipeline))
    except RecipeError:  # what cannot be connected is said by a run, or by `connect`
        return []
    wanted = {name: model.devices for name, model in turn_takers.items() if model.devices > 1}
    gpus = visible_gpus() if wanted else 1
    return [
        f"run: resident: model {name!r} wants {devices} GPUs, and {gpus} {'is' if gpus == 1 else 'are'} "
        "visible here (CUDA_VISIBLE_DEVICES, nvidia-smi): it cannot be loaded"
        for name, devices in wanted.items()
        if devices > gpus
    ]


def parse_sections(loaded: "LoadedRecipe") -> "tuple[PublishSettings | None, TrainSettings | None]":
    """What the recipe says of publishing and training, checked: before a run is paid for, not after. Raises
    RecipeError.
    """
    from prefgen.recipe.validate import parse_section

    publish_settings, train_settings = None, None
    if (data := loaded.data.get("publish")) is not None:
        from prefgen.publish.settings import PublishSettings

        publish_settings = parse_section(PublishSettings, "publish", data, {}, loaded.place(("publish",)))
    if (data := loaded.data.get("train")) is not None:
        from prefgen.trainers.settings import TrainSettings

        train_settings = parse_section(TrainSettings, "train", data, {}, loaded.place(("train",)))
    return publish_settings, train_settings


def truncation_of(tokenizer: str | None, max_length: int) -> "Truncation | None":
    """What a training with this tokenizer cuts off. Raises RecipeError where it cannot be loaded."""
    if tokenizer is None:
        return None
    from prefgen.dataset.check import Truncation

    try:
        import transformers
    except ImportError:
        raise RecipeError("--tokenizer needs transformers: pip install 'prefgen[transformers]'") from None
    try:
        loaded: Any = transformers.AutoTokenizer.from_pretrained(tokenizer)
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise RecipeError(f"--tokenizer: {tokenizer!r} cannot be loaded ({reason})") from None
    return Truncation(lambda text: loaded.encode(text, add_special_tokens=False), max_length)


def check_pairs(
    name: str,
    open_rows: Callable[[BadRows], OpenedRows],
    check: Callable[[NumberedRows], "CheckReport"],
) -> "CheckReport":
    """The proof of a dataset; rows that cannot be read at all are broken in their form."""
    from prefgen.dataset.check import Finding
    from prefgen.dataset.row_relations import PAIR_RELATIONS

    bad_rows = BadRows("drop")
    opened = open_rows(bad_rows)
    report = check(opened.rows)
    report.name = name
    if bad_rows.rows:
        report.rows += len(bad_rows.rows)
        report.findings.setdefault("form", Finding()).rows += [(r.where, r.reason) for r in bad_rows.rows]
        report.bad_places |= {row.where: [f"form: {row.reason}"] for row in bad_rows.rows}
    if opened.simulated:
        report.notes.insert(0, "SIMULATED: a model of this run was simulated")
    if opened.partial is not None:
        report.partial = opened.partial.sentence()
        report.notes.insert(0, "what is said of all rows together is said of those that are finished")
    if opened.of_run and not report.findings.keys().isdisjoint(PAIR_RELATIONS):
        report.notes.append(_OF_SAME_ANSWERS)
    if not report.rows:
        report.notes.append("there is no row, and nothing is proven of none")
    return report


_OF_SAME_ANSWERS = (
    "pairs of a run that contradict or repeat each other are of records with the same prompt and some of the "
    "same answers, of which each was judged by itself; `prefgen publish` leaves them out, and so do `export` "
    "and `mix` with `--on-bad-rows drop`. Where all answers are the same, `use: records` with `on_bad_rows: "
    "drop` takes them once"
)


def reopening(
    what: str, split: str | None, config: str | None, revision: str | None, columns: "ColumnNames"
) -> Callable[[BadRows], OpenedRows]:
    """Opens the rows as often as it is called, with where each of them stands: the same each time. A row that
    cannot be read goes to the bad rows that it is called with.
    """
    from prefgen.dataset.hub import hub_rows
    from prefgen.dataset.open_pairs import Reopening, pair_rows
    from prefgen.dataset.pair_formats import parse_columns

    column_names = parse_columns(columns)
    name = f"{what}@{revision}" if revision and config is None else what
    pairs = Reopening(name, split=split, columns=column_names, partial=True)

    def open_rows(bad_rows: BadRows) -> OpenedRows:
        if config is not None:
            rows = hub_rows(what, config, split or "train", revision)
            numbered = ((f"row {i}", row) for i, row in enumerate(rows, 1))
            return OpenedRows(pair_rows(numbered, column_names, bad_rows))
        dataset = pairs.open(bad_rows)
        simulated = dataset.manifest is not None and dataset.manifest.simulated
        of_run = dataset.manifest is not None and bool(dataset.manifest.stage_fingerprints)
        return OpenedRows(dataset.rows, simulated, of_run, dataset.partial)

    return open_rows
