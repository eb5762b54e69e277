"""From a loaded recipe to a pipeline: plug-ins found and checked, models resolved, identities computed. Nothing is asked."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from prefgen.calls.ask import model_label
from prefgen.calls.budget import FREE, Price, price_of
from prefgen.errors import RecipeError
from prefgen.kit.templates import beside_recipe, use_texts_beside
from prefgen.plugins.registry import ROLE_SIGNATURES, Plugin, code_digest, did_you_mean, find_one_of
from prefgen.recipe.identity import paths_in
from prefgen.recipe.load import Loaded, Where
from prefgen.recipe.models import BuiltModel, model_of, prices_of, without_secrets
from prefgen.recipe.schema import ROLES_OF_STAGE, STAGES, Recipe, Sampling
from prefgen.recipe.segments import Segment, StageSpec, segments_of
from prefgen.recipe.validate import validated
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
    loaded: Loaded
    resolved: Mapping[str, Any] = field(default_factory=dict)
    prices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    @property
    def stages(self) -> list[Stage]:
        return [step for segment in self.segments for step in segment.stages]

    def concurrency(self, model: BuiltModel) -> int | Literal["auto"]:
        """Requests at once: what the model's endpoint says, else the run."""
        return model.endpoint.concurrency or self.recipe.run.concurrency

    def price(self, model: BuiltModel) -> Price | None:
        """What a token costs; None where no price is listed. A simulated model is free."""
        return FREE if model.simulated else price_of(str(model.identity["name"]), self.prices)

    @property
    def built(self) -> object:
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


def build(loaded: Loaded, *, plugins: bool = True) -> Pipeline:
    """Check everything that can be checked without asking. Raises RecipeError with file:line:column.

    `plugins=False` refuses recipes that name Python files or modules: reading those would run their code.
    """
    use_texts_beside(loaded.folder)
    recipe = validated(Recipe, loaded.data, (), loaded)
    models = {name: model_of(name, entry, recipe, loaded) for name, entry in recipe.models.items()}
    for name in recipe.run.endpoints:
        if name not in models:
            raise RecipeError(
                f"endpoints: there is no model {name!r}{did_you_mean(name, list(models))}",
                loaded.place(("run", "endpoints", name)),
            )
    builder = _Builder(loaded, models, plugins)
    stages = [builder.stage(i, stage) for i, stage in enumerate(recipe.stages)]
    sources, segments, identities = segments_of(stages, loaded, models)
    prices = prices_of(recipe, loaded)
    if recipe.run.budget_usd is not None:
        for name, model in models.items():
            if not model.simulated and price_of(str(model.identity["name"]), prices) is None:
                raise RecipeError(
                    f"budget_usd is set and model {name!r} ({model.identity['name']}) has no price: add it under run.prices "
                    "(USD a million tokens; 0 for your own server)",
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
    def __init__(self, loaded: Loaded, models: Mapping[str, BuiltModel], plugins: bool) -> None:
        self._loaded = loaded
        self._models = models
        self._plugins = plugins
        self._judges: dict[str, tuple[str, ...]] = {}
        """By name, with the aspects that each keeps apart."""
        self._labels: set[str] = set()

    def stage(self, index: int, stage: Mapping[str, Any]) -> StageSpec:
        path: Where = ("stages", index)
        if len(stage) != 1:
            raise RecipeError(
                f"a stage is a mapping with one key, found {', '.join(stage) or 'none'}",
                self._loaded.place(path),
            )
        [(kind, value)] = stage.items()
        if kind not in STAGES:
            raise RecipeError(
                f"there is no stage {kind!r}{did_you_mean(kind, STAGES)}", self._loaded.place((*path, kind))
            )
        plugged = self._plugged(kind, value, (*path, kind))
        if kind == "judge":
            for one in plugged:
                if one.name in self._judges:
                    raise RecipeError(
                        f"two judges are called {one.name!r}", self._loaded.place((*path, kind))
                    )
                self._judges[one.name] = one.plugin.separate_aspects()
        label = kind
        while label in self._labels:
            label = f"{kind} {int(label.rpartition(' ')[2]) + 1 if ' ' in label else 2}"
        self._labels.add(label)
        return StageSpec(kind, label, plugged, (*path, kind))

    def _plugged(self, kind: str, value: Any, path: Where) -> list[StagePlugin]:
        if isinstance(value, Sequence) and not isinstance(value, str):
            if kind != "curate":
                raise RecipeError(
                    f"{kind}: give one plug-in (a mapping with `use`) or several by name, not a list",
                    self._loaded.place(path),
                )
            return [self._one(kind, None, item, (*path, i)) for i, item in enumerate(value)]
        if not isinstance(value, Mapping):
            raise RecipeError(
                f"{kind}: expected a mapping with `use`, found {value!r}", self._loaded.place(path)
            )
        if "use" in value:
            return [self._one(kind, None, value, path)]
        if not value:
            raise RecipeError(f"{kind}: names no plug-in", self._loaded.place(path))
        return [self._one(kind, name, item, (*path, name)) for name, item in value.items()]

    def _one(self, kind: str, name: str | None, value: Any, path: Where) -> StagePlugin:
        if not isinstance(value, Mapping) or not isinstance(value.get("use"), str):
            raise RecipeError(f"{name or kind}: expected a mapping with `use`", self._loaded.place(path))
        use = value["use"]
        if ":" in use and not self._plugins:
            raise RecipeError(
                f"{use!r} is Python code, and --no-plugins reads none", self._loaded.place((*path, "use"))
            )
        try:
            plugin_class = find_one_of(ROLES_OF_STAGE[kind], use, self._loaded.folder)
        except RecipeError as wrong:
            raise RecipeError(str(wrong), self._loaded.place((*path, "use"))) from wrong
        method, _ = ROLE_SIGNATURES[plugin_class.role]
        if not callable(getattr(plugin_class, method, None)):
            raise RecipeError(
                f"{use!r} has no method `{method}`, which every {plugin_class.role} has",
                self._loaded.place((*path, "use")),
            )
        fields = {k: v for k, v in value.items() if k not in ("use", "only", "responses")}
        fields, overrides = self._split_overrides(plugin_class, fields, path)
        fields |= {
            side: self._by_label(fields[side])
            for side in plugin_class.selector_fields
            if isinstance(fields.get(side), Mapping)
        }
        plugin = validated(plugin_class, fields, path, self._loaded)
        self._ready(plugin, use, path)
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
        default = plugin_class.name if ":" not in use else use.rpartition(":")[2]
        return StagePlugin(
            name=name or default,
            plugin=plugin,
            only=self._only(value.get("only"), path),
            responses=self._responses(value.get("responses"), path),
            overrides=overrides,
            seed=int(getattr(plugin, "seed", 0) or 0),
        )

    def _ready(self, plugin: Plugin, use: str, path: Where) -> None:
        """Everything about a plug-in that can be wrong without asking: numbers that are none, code that is refused, files that it reads."""
        place = self._loaded.place(path)
        coded = next((name for name in plugin.code_fields if getattr(plugin, name) is not None), None)
        if coded and not self._plugins:
            raise RecipeError(f"{coded} names Python code, and --no-plugins reads none", place)
        for name, named in [
            (key, one) for key in plugin.file_fields for one in paths_in(getattr(plugin, key))
        ]:
            if not beside_recipe(named).exists():
                at = (*path, name) if (*path, name) in self._loaded.places else path
                raise RecipeError(
                    f"{name}: the file {named!r} does not exist (looked for {beside_recipe(named)})",
                    self._loaded.place(at),
                )
        try:
            canonical(plugin.model_dump(mode="json"))
            plugin.validate()
        except RecipeError as wrong:
            raise wrong if wrong.where else RecipeError(str(wrong), place) from wrong
        except ValueError as wrong:
            raise RecipeError(f"{use}: {wrong}", place) from None

    def _check_judges(self, plugin: Plugin, path: Where) -> None:
        """`score:` and `judge:` must name judges of earlier stages, and of a judge that keeps aspects apart also the aspect."""
        named = set(plugin.required_judges())
        score = getattr(plugin, "score", None)
        if isinstance(score, ScoreSpec):
            named |= (score.ranking() or {name for name, apart in self._judges.items() if apart}) | {
                *score.veto
            }
        if plugin.role == "filter" and isinstance(getattr(plugin, "judge", None), str):
            named.add(plugin.judge)  # pyright: ignore[reportAttributeAccessIssue]
        for name in sorted(named):
            judge, _, aspect = name.partition(".")
            if judge == "imported":
                continue
            if judge not in self._judges:
                raise RecipeError(
                    f"there is no judge {judge!r} before this stage{did_you_mean(judge, sorted(self._judges))}",
                    self._loaded.place(path),
                )
            apart = self._judges[judge]
            if apart and aspect not in apart:
                raise RecipeError(
                    f"judge {judge!r} keeps {', '.join(apart)} apart: name what is meant, such as {judge}.{apart[0]}, or several under `mean`",
                    self._loaded.place(path),
                )

    def _split_overrides(
        self, plugin_class: type[Plugin], fields: dict[str, Any], path: Where
    ) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
        """{is: strong, max_tokens: 512} becomes the name `strong`, and the rest sampling for this stage alone."""
        overrides: dict[str, Mapping[str, Any]] = {}

        def plain(value: Any, at: Where) -> Any:
            if isinstance(value, Mapping) and "is" in value:
                sampling = validated(
                    Sampling, {k: v for k, v in value.items() if k != "is"}, at, self._loaded
                )
                name, wanted = str(value["is"]), sampling.model_dump(exclude_unset=True)
                if overrides.setdefault(name, wanted) != wanted:
                    words = f"model {name!r} is given two samplings in one plug-in: give it a second name under `models`"
                    raise RecipeError(words, self._loaded.place(at))
                return value["is"]
            return value

        out = dict(fields)
        for key in fields:
            if key in plugin_class.model_fields:
                value = out[key]
                if isinstance(value, Sequence) and not isinstance(value, str):
                    out[key] = [plain(item, (*path, key, i)) for i, item in enumerate(value)]
                else:
                    out[key] = plain(value, (*path, key))
        return out, overrides

    def _by_label(self, side: Mapping[str, Any]) -> dict[str, Any]:
        """Which responses are meant, with models as rows show them where the recipe says its own name for one."""
        named = side.get("model")
        if not isinstance(named, str | Sequence):
            return dict(side)
        labels = {name: model_label(model.identity, model.simulated) for name, model in self._models.items()}
        names = (named,) if isinstance(named, str) else named
        return {**side, "model": [labels.get(name, name) for name in names]}

    def _only(self, value: Any, path: Where) -> dict[str, tuple[Any, ...]]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise RecipeError("only: expected {field: value or list}", self._loaded.place((*path, "only")))
        found = {k: tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in value.items()}
        if any(isinstance(v, float) and not math.isfinite(v) for values in found.values() for v in values):
            raise RecipeError("only: a value is no finite number", self._loaded.place((*path, "only")))
        return found

    def _responses(self, value: Any, path: Where) -> dict[str, Any]:
        if value is None:
            return {}
        at = self._loaded.place((*path, "responses"))
        if not isinstance(value, Mapping) or set(value) - {"origin", "model", "which"}:
            raise RecipeError(
                "responses: expected {origin: [...], model: [...], which: all | first | last}", at
            )
        value = self._by_label(value)
        out: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in value.items() if k != "which"
        }
        if "which" in value:
            if value["which"] not in ("all", "first", "last"):
                raise RecipeError(f"responses.which must be all, first or last, found {value['which']!r}", at)
            out["which"] = value["which"]
        return out


def _warnings(stages: Sequence[StageSpec], models: Mapping[str, BuiltModel]) -> list[str]:
    """What is allowed and rarely meant."""
    sampled = {m for s in stages if s.kind == "sample" for p in s.plugins for m in p.plugin.models_used()}
    elsewhere = {m for s in stages if s.kind != "judge" for p in s.plugins for m in p.plugin.models_used()}
    warnings = []
    for stage in stages:
        if stage.kind != "judge":
            continue
        for plugged in stage.plugins:
            for judge in plugged.plugin.models_used():
                mine = _family(str(models[judge].identity["name"]))
                same = sorted(
                    m
                    for m in sampled
                    if not models[m].simulated and _family(str(models[m].identity["name"])) == mine
                )
                if same:
                    warnings.append(
                        f"judge {plugged.name!r} ({judge}) rates its own family ({', '.join(same)}): expect self-preference"
                    )
                if judge not in elsewhere:
                    warnings += _unheard(plugged, judge, models[judge])
    return warnings


def _unheard(plugged: StagePlugin, name: str, model: BuiltModel) -> list[str]:
    """Where a recipe sets the sampling of a model that a judge then asks in its own manner."""
    given = {**model.sampling, **plugged.overrides.get(name, {})}
    own = {
        field: getattr(plugged.plugin, field)
        for field in ("temperature", "top_p", "max_tokens")
        if field in type(plugged.plugin).model_fields
    }
    return [
        f"judge {plugged.name!r} asks {name!r} with a {field} of {value:g} of its own, not with the {given[field]:g} of the model: "
        f"set {field} at the judge (null takes the model's)"
        for field, value in own.items()
        if value is not None and given.get(field) not in (None, value)
    ]


def _family(name: str) -> str:
    """gpt of openai/gpt-5.2, qwen of Qwen/Qwen3-8B."""
    return re.split(r"[\d\-_.:]", name.rpartition("/")[2].casefold(), maxsplit=1)[0]
