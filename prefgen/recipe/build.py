"""From a loaded recipe to a pipeline: plug-ins found and checked, models resolved, identities computed.
Nothing is asked.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from prefgen.calls.budget import FREE, Price, price_of
from prefgen.calls.models import model_label
from prefgen.errors import RecipeError, did_you_mean
from prefgen.kit.templates import path_beside_recipe, set_recipe_folder
from prefgen.plugins.plugin import Plugin
from prefgen.plugins.registry import code_digest, find_in_roles
from prefgen.plugins.role_table import PLUGIN_ROLES, STAGE_NAMES, roles_of_stage
from prefgen.recipe.identity import paths_in
from prefgen.recipe.load import LoadedRecipe, Where
from prefgen.recipe.models import BuiltModel, model_of, prices_of, without_secrets
from prefgen.recipe.schema import Recipe, Sampling
from prefgen.recipe.segments import Segment, StageSpec, segments_of
from prefgen.recipe.validate import validate_data
from prefgen.stages.stage import Stage, StagePlugin
from prefgen.stats.scoring import ScoreSpec
from prefgen.storage.canonical_json import canonical


@dataclass(frozen=True)
class Pipeline:
    """A recipe that can run."""

    recipe: Recipe
    folder: Path
    sources: Sequence[StagePlugin]
    segments: Sequence[Segment]
    models: Mapping[str, BuiltModel]
    identities: Sequence[tuple[str, str]]
    code: str
    loaded: LoadedRecipe
    resolved: Mapping[str, Any] = field(default_factory=dict)
    prices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    @property
    def stages(self) -> list[Stage]:
        return [stage for segment in self.segments for stage in segment.stages]

    def concurrency(self, model: BuiltModel) -> int | Literal["auto"]:
        """Requests at once: what the model's endpoint says, else the run."""
        return model.endpoint.concurrency or self.recipe.run.concurrency

    def price(self, model: BuiltModel) -> Price | None:
        """What a token costs; None where no price is listed. A simulated model is free."""
        return FREE if model.simulated else price_of(str(model.identity["name"]), self.prices)

    @property
    def fingerprint(self) -> object:
        """What tells two pipelines apart that would not come to the same records."""
        return [
            list(map(list, self.identities)),
            self.code,
            [[name, model.identity] for name, model in self.models.items()],
            self.recipe.seed,
        ]

    @property
    def simulated(self) -> bool:
        return any(model.simulated for model in self.models.values())


def build(loaded: LoadedRecipe, *, plugins: bool = True) -> Pipeline:
    """Check everything that can be checked without asking. Raises RecipeError with file:line:column.

    `plugins=False` refuses recipes that name Python files or modules: reading those would run their code.
    """
    set_recipe_folder(loaded.folder)
    recipe = validate_data(Recipe, loaded.data, (), loaded)
    models = {name: model_of(name, entry, recipe, loaded) for name, entry in recipe.models.items()}
    for name in recipe.run.endpoints:
        if name not in models:
            raise RecipeError(
                f"endpoints: there is no model {name!r}{did_you_mean(name, list(models))}",
                loaded.place(("run", "endpoints", name)),
            )
    builder = _Builder(loaded, models, plugins)
    stages = [builder.build_stage(i, stage) for i, stage in enumerate(recipe.stages)]
    sources, segments, identities = segments_of(stages, loaded, models)
    prices = prices_of(recipe, loaded)
    if recipe.run.budget_usd is not None:
        for name, model in models.items():
            if not model.simulated and price_of(str(model.identity["name"]), prices) is None:
                raise RecipeError(
                    f"budget_usd is set and model {name!r} ({model.identity['name']}) has no price: add it "
                    "under run.prices (USD a million tokens; 0 for your own server)",
                    loaded.place(("run", "budget_usd")),
                )
    code = "; ".join(sorted({code_digest(type(p.plugin)) for stage in stages for p in stage.plugins}))
    return Pipeline(
        recipe=recipe,
        folder=loaded.folder,
        sources=sources,
        segments=segments,
        models=models,
        identities=identities,
        code=code,
        loaded=loaded,
        resolved={k: v for k, v in loaded.data.items() if k != "run"}
        | {"run": without_secrets(loaded.data.get("run", {}))},
        prices=prices,
        warnings=_warnings(stages, models),
    )


class _Builder:
    def __init__(self, loaded: LoadedRecipe, models: Mapping[str, BuiltModel], allow_code: bool) -> None:
        self._loaded = loaded
        self._models = models
        self._allow_code = allow_code
        self._judges: dict[str, tuple[str, ...]] = {}
        """By name, with the aspects that each keeps apart."""
        self._labels: set[str] = set()

    def build_stage(self, index: int, entry: Mapping[str, Any]) -> StageSpec:
        path: Where = ("stages", index)
        if len(entry) != 1:
            raise RecipeError(
                f"a stage is a mapping with one key, found {', '.join(entry) or 'none'}",
                self._loaded.place(path),
            )
        [(kind, value)] = entry.items()
        if kind not in STAGE_NAMES:
            raise RecipeError(
                f"there is no stage {kind!r}{did_you_mean(kind, STAGE_NAMES)}",
                self._loaded.place((*path, kind)),
            )
        stage_plugins = self._build_plugins(kind, value, (*path, kind))
        if kind == "judge":
            for stage_plugin in stage_plugins:
                if stage_plugin.name in self._judges:
                    raise RecipeError(
                        f"two judges are called {stage_plugin.name!r}", self._loaded.place((*path, kind))
                    )
                self._judges[stage_plugin.name] = stage_plugin.plugin.separate_aspects()
        label = kind
        while label in self._labels:
            label = f"{kind} {int(label.rpartition(' ')[2]) + 1 if ' ' in label else 2}"
        self._labels.add(label)
        return StageSpec(kind, label, stage_plugins, (*path, kind))

    def _build_plugins(self, kind: str, value: Any, path: Where) -> list[StagePlugin]:
        if isinstance(value, Sequence) and not isinstance(value, str):
            if kind != "curate":
                raise RecipeError(
                    f"{kind}: give one plug-in (a mapping with `use`) or several by name, not a list",
                    self._loaded.place(path),
                )
            return [self._build_plugin(kind, None, item, (*path, i)) for i, item in enumerate(value)]
        if not isinstance(value, Mapping):
            raise RecipeError(
                f"{kind}: expected a mapping with `use`, found {value!r}", self._loaded.place(path)
            )
        if "use" in value:
            return [self._build_plugin(kind, None, value, path)]
        if not value:
            raise RecipeError(f"{kind}: names no plug-in", self._loaded.place(path))
        return [self._build_plugin(kind, name, item, (*path, name)) for name, item in value.items()]

    def _build_plugin(self, kind: str, name: str | None, value: Any, path: Where) -> StagePlugin:
        if not isinstance(value, Mapping) or not isinstance(value.get("use"), str):
            raise RecipeError(f"{name or kind}: expected a mapping with `use`", self._loaded.place(path))
        use = value["use"]
        if ":" in use and not self._allow_code:
            raise RecipeError(
                f"{use!r} is Python code, and --no-plugins reads none", self._loaded.place((*path, "use"))
            )
        try:
            plugin_class = find_in_roles(roles_of_stage(kind), use, self._loaded.folder)
        except RecipeError as error:
            raise RecipeError(str(error), self._loaded.place((*path, "use"))) from error
        method = PLUGIN_ROLES[plugin_class.role].method
        if not callable(getattr(plugin_class, method, None)):
            raise RecipeError(
                f"{use!r} has no method `{method}`, which every {plugin_class.role} has",
                self._loaded.place((*path, "use")),
            )
        fields = {k: v for k, v in value.items() if k not in ("use", "only", "responses")}
        fields, overrides = self._split_overrides(plugin_class, fields, path)
        fields |= {
            selector: _label_models(self._models, fields[selector])
            for selector in plugin_class.selector_fields
            if isinstance(fields.get(selector), Mapping)
        }
        plugin = validate_data(plugin_class, fields, path, self._loaded)
        self._check_plugin(plugin, use, path)
        for model in plugin.models_used():
            if model not in self._models:
                place = next(
                    (p for p in ((*path, "model"), (*path, "models")) if p in self._loaded.places), path
                )
                raise RecipeError(
                    f"there is no model {model!r} under `models`{did_you_mean(model, list(self._models))}",
                    self._loaded.place(place),
                )
        self._check_judges(plugin, path)
        if (
            plugin.role == "curator"
            and plugin.operates_on == "pairs"
            and not any(label.startswith("pair") for label in self._labels)
        ):
            raise RecipeError(
                f"{use!r} thins pairs, and there is no `pair` stage before it",
                self._loaded.place((*path, "use")),
            )
        default_name = plugin_class.name if ":" not in use else use.rpartition(":")[2]
        return StagePlugin(
            name=name or default_name,
            plugin=plugin,
            only=_parse_only(self._loaded, value.get("only"), path),
            responses=_parse_responses(self._loaded, self._models, value.get("responses"), path),
            overrides=overrides,
            seed=int(getattr(plugin, "seed", 0) or 0),
        )

    def _check_plugin(self, plugin: Plugin, use: str, path: Where) -> None:
        """Everything about a plug-in that can be wrong without asking: numbers that are none, code that is
        refused, files that it reads.
        """
        place = self._loaded.place(path)
        code_field = next((name for name in plugin.code_fields if getattr(plugin, name) is not None), None)
        if code_field and not self._allow_code:
            raise RecipeError(f"{code_field} names Python code, and --no-plugins reads none", place)
        for name, file_path in [
            (key, file_name) for key in plugin.file_fields for file_name in paths_in(getattr(plugin, key))
        ]:
            if not path_beside_recipe(file_path).exists():
                field_path = (*path, name) if (*path, name) in self._loaded.places else path
                raise RecipeError(
                    f"{name}: the file {file_path!r} does not exist (looked for "
                    f"{path_beside_recipe(file_path)})",
                    self._loaded.place(field_path),
                )
        try:
            canonical(plugin.model_dump(mode="json"))
            plugin.validate()
        except RecipeError as error:
            raise error if error.where else RecipeError(str(error), place) from error
        except ValueError as error:
            raise RecipeError(f"{use}: {error}", place) from None

    def _check_judges(self, plugin: Plugin, path: Where) -> None:
        """`score:` and `judge:` must name judges of earlier stages, and of a judge that keeps aspects apart
        also the aspect.
        """
        judge_names = set(plugin.required_judges())
        score = getattr(plugin, "score", None)
        if isinstance(score, ScoreSpec):
            judge_names |= (
                score.ranking_judges() or {name for name, aspects in self._judges.items() if aspects}
            ) | {*score.veto}
        if plugin.role == "filter" and isinstance(getattr(plugin, "judge", None), str):
            judge_names.add(plugin.judge)  # pyright: ignore[reportAttributeAccessIssue]
        for name in sorted(judge_names):
            judge, _, aspect = name.partition(".")
            if judge == "imported":
                continue
            if judge not in self._judges:
                raise RecipeError(
                    f"there is no judge {judge!r} before this "
                    f"stage{did_you_mean(judge, sorted(self._judges))}",
                    self._loaded.place(path),
                )
            aspects = self._judges[judge]
            if aspects and aspect not in aspects:
                raise RecipeError(
                    f"judge {judge!r} keeps {', '.join(aspects)} apart: name what is meant, such as "
                    f"{judge}.{aspects[0]}, or several under `mean`",
                    self._loaded.place(path),
                )

    def _split_overrides(
        self, plugin_class: type[Plugin], fields: dict[str, Any], path: Where
    ) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
        """{is: strong, max_tokens: 512} becomes the name `strong`, and the rest sampling for this stage
        alone.
        """
        overrides: dict[str, Mapping[str, Any]] = {}

        def take_override(value: Any, value_path: Where) -> Any:
            if isinstance(value, Mapping) and "is" in value:
                sampling = validate_data(
                    Sampling, {k: v for k, v in value.items() if k != "is"}, value_path, self._loaded
                )
                name, settings = str(value["is"]), sampling.model_dump(exclude_unset=True)
                if overrides.setdefault(name, settings) != settings:
                    message = (
                        f"model {name!r} is given two samplings in one plug-in: give it a second name under "
                        "`models`"
                    )
                    raise RecipeError(message, self._loaded.place(value_path))
                return value["is"]
            return value

        plain_fields = dict(fields)
        for key in fields:
            if key in plugin_class.model_fields:
                value = plain_fields[key]
                if isinstance(value, Sequence) and not isinstance(value, str):
                    plain_fields[key] = [take_override(item, (*path, key, i)) for i, item in enumerate(value)]
                else:
                    plain_fields[key] = take_override(value, (*path, key))
        return plain_fields, overrides


def _warnings(stages: Sequence[StageSpec], models: Mapping[str, BuiltModel]) -> list[str]:
    """What is allowed and rarely meant."""
    sampler_models = {
        m for s in stages if s.kind == "sample" for p in s.plugins for m in p.plugin.models_used()
    }
    other_models = {m for s in stages if s.kind != "judge" for p in s.plugins for m in p.plugin.models_used()}
    warnings = []
    for stage in stages:
        if stage.kind != "judge":
            continue
        for stage_plugin in stage.plugins:
            for model_name in stage_plugin.plugin.models_used():
                family = _model_family(str(models[model_name].identity["name"]))
                family_models = sorted(
                    m
                    for m in sampler_models
                    if not models[m].simulated and _model_family(str(models[m].identity["name"])) == family
                )
                if family_models:
                    warnings.append(
                        f"judge {stage_plugin.name!r} ({model_name}) rates its own family "
                        f"({', '.join(family_models)}): expect self-preference"
                    )
                if model_name not in other_models:
                    warnings += _ignored_sampling(stage_plugin, model_name, models[model_name])
    return warnings


def _ignored_sampling(stage_plugin: StagePlugin, model_name: str, model: BuiltModel) -> list[str]:
    """Where a recipe sets the sampling of a model that a judge then asks in its own manner."""
    sampling = {**model.sampling, **stage_plugin.overrides.get(model_name, {})}
    judge_sampling = {
        field: getattr(stage_plugin.plugin, field)
        for field in ("temperature", "top_p", "max_tokens")
        if field in type(stage_plugin.plugin).model_fields
    }
    return [
        f"judge {stage_plugin.name!r} asks {model_name!r} with a {field} of {value:g} of its own, not with "
        f"the {sampling[field]:g} of the model: set {field} at the judge (null takes the model's)"
        for field, value in judge_sampling.items()
        if value is not None and sampling.get(field) not in (None, value)
    ]


def _model_family(name: str) -> str:
    """gpt of openai/gpt-5.2, qwen of Qwen/Qwen3-8B."""
    return re.split(r"[\d\-_.:]", name.rpartition("/")[2].casefold(), maxsplit=1)[0]


def _parse_only(loaded: LoadedRecipe, value: Any, path: Where) -> dict[str, tuple[Any, ...]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RecipeError("only: expected {field: value or list}", loaded.place((*path, "only")))
    allowed_values = {k: tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in value.items()}
    if any(
        isinstance(v, float) and not math.isfinite(v) for values in allowed_values.values() for v in values
    ):
        raise RecipeError("only: a value is no finite number", loaded.place((*path, "only")))
    return allowed_values


def _parse_responses(
    loaded: LoadedRecipe, models: Mapping[str, BuiltModel], value: Any, path: Where
) -> dict[str, Any]:
    if value is None:
        return {}
    place = loaded.place((*path, "responses"))
    if not isinstance(value, Mapping) or set(value) - {"origin", "model", "which"}:
        raise RecipeError(
            "responses: expected {origin: [...], model: [...], which: all | first | last}", place
        )
    value = _label_models(models, value)
    selector: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in value.items() if k != "which"
    }
    if "which" in value:
        if value["which"] not in ("all", "first", "last"):
            raise RecipeError(f"responses.which must be all, first or last, found {value['which']!r}", place)
        selector["which"] = value["which"]
    return selector


def _label_models(models: Mapping[str, BuiltModel], selector: Mapping[str, Any]) -> dict[str, Any]:
    """Which responses are meant, with models as rows show them where the recipe says its own name for one."""
    model_value = selector.get("model")
    if not isinstance(model_value, str | Sequence):
        return dict(selector)
    labels = {name: model_label(model.identity, model.simulated) for name, model in models.items()}
    model_names = (model_value,) if isinstance(model_value, str) else model_value
    return {**selector, "model": [labels.get(name, name) for name in model_names]}
