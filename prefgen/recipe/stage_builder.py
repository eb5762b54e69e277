"""The stages of a recipe with their plug-ins, found and checked."""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.errors import RecipeError, did_you_mean
from prefgen.kit.templates import path_beside_recipe
from prefgen.plugins.plugin import Plugin
from prefgen.plugins.registry import find_in_roles
from prefgen.plugins.role_table import PLUGIN_ROLES, STAGE_NAMES, roles_of_stage
from prefgen.recipe.identity import paths_in
from prefgen.recipe.load import LoadedRecipe, Where
from prefgen.recipe.models import BuiltModel
from prefgen.recipe.schema import Sampling
from prefgen.recipe.segments import StageSpec
from prefgen.recipe.selectors import label_models, parse_only, parse_responses
from prefgen.recipe.validate import validate_data
from prefgen.stages.stage import StagePlugin
from prefgen.stats.scoring import ScoreSpec
from prefgen.storage.canonical_json import canonical


class StageBuilder:
    """Builds the stages of a recipe one after the other; each may name what those before it have made."""

    def __init__(
        self, loaded: LoadedRecipe, models: Mapping[str, BuiltModel], allow_code: bool, seed: int
    ) -> None:
        self._loaded = loaded
        self._seed = seed
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
        plugin_class = self._find_class(kind, use, (*path, "use"))
        fields = {k: v for k, v in value.items() if k not in ("use", "only", "responses")}
        fields, overrides = _split_overrides(plugin_class, fields, path, self._loaded)
        fields |= {
            selector: label_models(self._models, fields[selector])
            for selector in plugin_class.selector_fields
            if isinstance(fields.get(selector), Mapping)
        }
        if (seed_field := plugin_class.model_fields.get("seed")) is not None and seed_field.default == 0:
            fields.setdefault("seed", self._seed)  # another default is no draw: the hash functions of minhash
        plugin = validate_data(plugin_class, fields, path, self._loaded)
        self._check_plugin(plugin, use, path)
        self._check_models(plugin, path)
        self._check_judges(plugin, path)
        curates_pairs = plugin.role == "curator" and plugin.operates_on == "pairs"
        if curates_pairs and not any(label.startswith("pair") for label in self._labels):
            raise RecipeError(
                f"{use!r} thins pairs, and there is no `pair` stage before it",
                self._loaded.place((*path, "use")),
            )
        default_name = plugin_class.name if ":" not in use else use.rpartition(":")[2]
        return StagePlugin(
            name=name or default_name,
            plugin=plugin,
            only=parse_only(self._loaded, value.get("only"), path),
            responses=parse_responses(self._loaded, self._models, value.get("responses"), path),
            overrides=overrides,
            seed=int(getattr(plugin, "seed", 0) or 0),
        )

    def _find_class(self, kind: str, use: str, path: Where) -> type[Plugin]:
        """The plug-in of this name that a stage of this kind can use."""
        place = self._loaded.place(path)
        if ":" in use and not self._allow_code:
            raise RecipeError(f"{use!r} is Python code, and --no-plugins reads none", place)
        try:
            plugin_class = find_in_roles(roles_of_stage(kind), use, self._loaded.folder)
        except RecipeError as error:
            raise RecipeError(str(error), place) from error
        method = PLUGIN_ROLES[plugin_class.role].method
        if not callable(getattr(plugin_class, method, None)):
            raise RecipeError(f"{use!r} has no method `{method}`, which every {plugin_class.role} has", place)
        return plugin_class

    def _check_models(self, plugin: Plugin, path: Where) -> None:
        """Raises RecipeError where a plug-in asks a model that the recipe does not have."""
        for model in plugin.models_used():
            if model not in self._models:
                fields = ((*path, "model"), (*path, "models"))
                place = next((field for field in fields if field in self._loaded.places), path)
                raise RecipeError(
                    f"there is no model {model!r} under `models`{did_you_mean(model, list(self._models))}",
                    self._loaded.place(place),
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
    plugin_class: type[Plugin], fields: dict[str, Any], path: Where, loaded: LoadedRecipe
) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
    """{is: strong, max_tokens: 512} becomes the name `strong`, and the rest sampling for this stage
    alone.
    """
    overrides: dict[str, Mapping[str, Any]] = {}

    def take_override(value: Any, value_path: Where) -> Any:
        if isinstance(value, Mapping) and "is" in value:
            sampling = validate_data(
                Sampling, {k: v for k, v in value.items() if k != "is"}, value_path, loaded
            )
            name, settings = str(value["is"]), sampling.model_dump(exclude_unset=True)
            if overrides.setdefault(name, settings) != settings:
                message = (
                    f"model {name!r} is given two samplings in one plug-in: give it a second name under "
                    "`models`"
                )
                raise RecipeError(message, loaded.place(value_path))
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
