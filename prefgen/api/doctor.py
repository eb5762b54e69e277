"""`prefgen doctor`: what the servers of a recipe, or the one at an address, do of what prefgen asks for."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefgen.calls.server_check import check_server
from prefgen.calls.server_report import ServerReport
from prefgen.engine.connect import check_access
from prefgen.engine.needs import needs_of, unmet_needs
from prefgen.engine.run import RunOptions
from prefgen.engine.server_answers import answers_file, keep_reports
from prefgen.errors import RecipeError
from prefgen.plugins.registry import find
from prefgen.recipe.build import Pipeline
from prefgen.recipe.models import BuiltModel
from prefgen.text.said_lines import Line, Said, line
from prefgen.transport.request import ModelHooks


@dataclass(frozen=True)
class ModelVerdict:
    """A model of a recipe: the report of its server, None where it was not tried; what its stages want, and
    what of that they do not get.
    """

    name: str
    report: ServerReport | None
    needs: Mapping[str, str] = field(default_factory=dict)
    unmet: Sequence[str] = ()
    why_not_tried: str = ""


@dataclass(frozen=True, repr=False)
class Diagnosis(Said):
    """What was found of servers. `kept` is the file that runs read it from."""

    reports: Sequence[ServerReport]
    models: Sequence[ModelVerdict] = ()
    kept: Path | None = None

    @property
    def passed(self) -> bool:
        """Whether all that is needed works: for an address, whether anything answers."""
        if self.models:
            return not any(verdict.unmet for verdict in self.models)
        return not any(report.fault for report in self.reports)

    def said_lines(self) -> Iterator[Line]:
        """Each server with what was found of it, then the verdict of each model of the recipe."""
        for report in self.reports:
            yield from report.said_lines()
            yield line("")
        for verdict in self.models:
            yield from _verdict_lines(verdict)
        if self.kept is not None:
            yield line(f"kept in {self.kept}: runs with its journal ask as was found", hanging="  ")

    def as_json(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "servers": [report.as_json() for report in self.reports],
            "models": [
                {
                    "name": verdict.name,
                    "address": verdict.report.address if verdict.report else None,
                    "needs": dict(verdict.needs),
                    "unmet": list(verdict.unmet),
                    "not_tried": verdict.why_not_tried or None,
                }
                for verdict in self.models
            ],
            "kept": str(self.kept) if self.kept else None,
        }


def _verdict_lines(verdict: ModelVerdict) -> Iterator[Line]:
    if verdict.report is None and not verdict.unmet:
        yield line((verdict.name, "bold"), f": not tried ({verdict.why_not_tried})", hanging="  ")
    elif not verdict.unmet:
        yield line((verdict.name, "bold"), ": ", ("ok", "bold green"), ", all that its stages ask for works")
    for reason in verdict.unmet:
        yield line((verdict.name, "bold"), ": ", ("fails", "bold red"), f": {reason}", hanging="  ")


async def examine_url(
    url: str, *, model: str = "", key_env: str = "", seconds: float, journal: Path
) -> Diagnosis:
    """Look at the server at an address. Raises RecipeError for one that is none, and for a key that is not
    set.
    """
    fields = {"base_url": url} | ({"api_key_env": key_env} if key_env else {})
    backend: Any = find("backend", "openai", Path.cwd())(**fields)
    backend.validate()
    report = await _examine(backend, model, seconds)
    file = answers_file(journal)
    kept = not report.fault and file.parent.is_dir()
    if kept:
        keep_reports(file, [report])
    return Diagnosis([report], kept=file if kept else None)


async def examine_recipe(pipeline: Pipeline, options: RunOptions, *, seconds: float) -> Diagnosis:
    """Look at the servers of a recipe's models, each model of one once. Raises RecipeError for prompts that
    cannot be read.
    """
    needs = await needs_of(pipeline, options)
    reports: dict[tuple[str, str, str], ServerReport] = {}
    verdicts = list[ModelVerdict]()
    for name, built in pipeline.models.items():
        verdicts.append(await _verdict(name, built, needs.get(name, {}), reports, seconds))
    file, whole = answers_file(options.journal), [each for each in reports.values() if not each.fault]
    if whole:
        file.parent.mkdir(parents=True, exist_ok=True)
        keep_reports(file, whole)
    return Diagnosis(list(reports.values()), verdicts, file if whole else None)


async def _verdict(
    name: str,
    built: BuiltModel,
    needs: Mapping[str, str],
    reports: dict[tuple[str, str, str], ServerReport],
    seconds: float,
) -> ModelVerdict:
    backend: Any = built.backend
    if built.simulated or backend.asks_nobody:
        return ModelVerdict(name, None, needs, why_not_tried="no server is asked")
    if backend.loads_weights:
        return ModelVerdict(name, None, needs, why_not_tried="its weights are read by the run itself")
    if getattr(backend, "serve", None) is not None:
        return ModelVerdict(name, None, needs, why_not_tried="its server is started by the run")
    asked = str(built.identity["name"])
    try:
        place = (_address(backend), asked, str(getattr(backend, "api_key_env", "")))
        if place not in reports:
            reports[place] = await _examine(backend, asked, seconds)
    except RecipeError as error:
        return ModelVerdict(name, None, needs, [str(error)])
    report = reports[place]
    return ModelVerdict(name, report, needs, unmet_needs(needs, report, built))


def _address(backend: Any) -> str:
    return str(getattr(backend, "base_url", None) or getattr(backend, "url", ""))


async def _examine(backend: Any, model: str, seconds: float) -> ServerReport:
    async with backend.connect() as connected:
        check_access(connected, live=True)
        access = connected.server_access() if isinstance(connected, ModelHooks) else None
        if access is None:
            raise RecipeError("it is not reached by a server of the OpenAI protocol, and cannot be looked at")
        access.seconds = seconds
        return await check_server(access, model)


def wait_for_diagnosis(
    target: str,
    *,
    sets: Sequence[str] = (),
    model: str = "",
    key_env: str = "",
    seconds: float = 30.0,
    journal: Path | None = None,
) -> Diagnosis:
    """Look at what `target` names: an address, or a recipe. Raises RecipeError for what is neither."""
    from prefgen.api.run import options_of
    from prefgen.recipe.build import build
    from prefgen.recipe.load import load_recipe

    if target.startswith(("http://", "https://")):
        if sets:
            raise RecipeError("--set is of a recipe, and this is an address")
        where = journal or Path("runs") / "calls.sqlite"
        return asyncio.run(examine_url(target, model=model, key_env=key_env, seconds=seconds, journal=where))
    if "://" in target or not Path(target).exists():
        raise RecipeError(f"{target!r} is no recipe, and no address: one begins with http:// or https://")
    if model or key_env:
        raise RecipeError("--model and --key-env are of an address: a recipe says both itself")
    pipeline = build(load_recipe(Path(target), sets))
    return asyncio.run(examine_recipe(pipeline, options_of(pipeline, None, journal), seconds=seconds))
