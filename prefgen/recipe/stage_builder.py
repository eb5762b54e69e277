"""The stages of a recipe with their plug-ins, found and checked."""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.errors import RecipeError, did_you_mean
from prefgen.kit.templates import path_beside_recipe
from prefgen.plugins.plugin import Plugin
from prefgen.plugins.registry import find_in_roles
from prefgen.plugins.role_table import STAGE_NAMES, roles_of_stage
from prefgen.recipe.first_records import first_records, fitting_none
from prefgen.recipe.identity import paths_in
from prefgen.recipe.load import LoadedRecipe, Where
from prefgen.recipe.models import BuiltModel
from prefgen.recipe.overrides import split_overrides
from prefgen.recipe.plugin_code import check_call, placed
from prefgen.recipe.problems import Problems
from prefgen.recipe.score_checks import check_score
from prefgen.recipe.segments import StageSpec
from prefgen.recipe.selectors import check_selector, label_models, parse_only, parse_responses
from prefgen.recipe.validate import validate_data
from prefgen.stages.stage import StagePlugin
from prefgen.stats.scoring import ScoreSpec
from prefgen.storage.canonical_json import canonical
from prefgen.types import Record


class StageBuilder:
    """Builds the stages of a recipe one after the other; each may name what those before it have made."""

    def __init__(
        self,
        loaded: LoadedRecipe,
        models: Mapping[str, BuiltModel],
        model_names: Sequence[str],
        allow_code: bool,
        seed: int,
        problems: Problems,
        *,
        reads_sources: bool = False,
    ) -> None:
        """`model_names` are those of the recipe, of which `models` has the ones that nothing is wrong with;
        what is wrong with a stage goes to `problems`.
        """
        self._records: list[Record] | None = [] if reads_sources else None
        """The first ones of the sources; None where nobody looks at them."""
        self._loaded = loaded
        self._seed = seed
        self._models = models
        self._model_names = model_names
        self._allow_code = allow_code
        self._problems = problems
        self._judges: dict[str, Plugin] = {}
        self._has_other_models = False
        """Whether responses may come of models that the recipe does not have."""
        self._are_stages_known = True
        """Whether no stage or judge is left out for what is wrong with it: only then is it known what the
        later ones may name.
        """
        self._labels: set[str] = set()
        self._asks_nobody = False

    def build_stages(self, entries: Sequence[Mapping[str, Any]]) -> list[StageSpec]:
        """Those that could be built; what is wrong with the others is among the problems."""
        stages: list[StageSpec] = []
        for index, entry in enumerate(entries):
            with self._problems.gathered():
                stages.append(self._build_stage(index, entry))
            self._are_stages_known &= len(stages) == index + 1
        if self._records:
            self._check_only(stages, self._records)
        return stages

    def build_curators_of_pairs(self, entries: Sequence[Any]) -> list[StagePlugin]:
        """Curators that stand alone, under `curate`, and see pairs that somebody else made: they ask no
        model.
        """
        self._labels.add("pair")
        self._asks_nobody = True
        return self._build_all("curate", [(None, item, ("curate", i)) for i, item in enumerate(entries)])

    def _build_stage(self, index: int, entry: Mapping[str, Any]) -> StageSpec:
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
                self._judges[stage_plugin.name] = stage_plugin.plugin
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
            return self._build_all(kind, [(None, item, (*path, i)) for i, item in enumerate(value)])
        if not isinstance(value, Mapping):
            raise RecipeError(
                f"{kind}: expected a mapping with `use`, found {value!r}", self._loaded.place(path)
            )
        if "use" in value:
            return self._build_all(kind, [(None, value, path)])
        if not value:
            raise RecipeError(f"{kind}: names no plug-in", self._loaded.place(path))
        return self._build_all(kind, [(name, item, (*path, name)) for name, item in value.items()])

    def _build_all(self, kind: str, entries: Sequence[tuple[str | None, Any, Where]]) -> list[StagePlugin]:
        """Those that could be built."""
        stage_plugins: list[StagePlugin] = []
        for name, value, path in entries:
            with self._problems.gathered():
                stage_plugins.append(self._build_plugin(kind, name, value, path))
        self._are_stages_known &= kind != "judge" or len(stage_plugins) == len(entries)
        return stage_plugins

    def _build_plugin(self, kind: str, name: str | None, value: Any, path: Where) -> StagePlugin:
        if not isinstance(value, Mapping) or not isinstance(value.get("use"), str):
            raise RecipeError(f"{name or kind}: expected a mapping with `use`", self._loaded.place(path))
        use = value["use"]
        plugin_class = self._find_class(kind, use, (*path, "use"))
        self._has_other_models |= (plugin_class.role == "source" and plugin_class.brings_responses) or (
            kind in ("sample", "revise") and ":" in use
        )
        fields = {k: v for k, v in value.items() if k not in ("use", "only", "responses")}
        fields, overrides = split_overrides(plugin_class, fields, path, self._loaded)
        fields |= {
            selector: label_models(self._models, fields[selector])
            for selector in _selectors_of(plugin_class, fields)
        }
        if (seed_field := plugin_class.model_fields.get("seed")) is not None and seed_field.default == 0:
            fields.setdefault("seed", self._seed)  # another default is no draw: the hash functions of minhash
        with placed(use, self._loaded.place(path)):
            plugin = validate_data(plugin_class, fields, path, self._loaded)
        self._check_plugin(plugin, use, path)
        self._check_models(plugin, path)
        if self._are_stages_known:
            self._check_judges(plugin, path)
            self._check_pairs(plugin, use, path)
        responses = parse_responses(self._loaded, self._models, value.get("responses"), path)
        self._check_selectors({"responses": responses, **_selectors_of(plugin_class, fields)}, path)
        if self._records is not None and plugin.role == "source":
            self._records += first_records(plugin, self._loaded.folder, self._loaded.place(path))
        default_name = plugin_class.name if ":" not in use else use.rpartition(":")[2]
        return StagePlugin(
            name=name or default_name,
            plugin=plugin,
            only=parse_only(self._loaded, value.get("only"), path),
            responses=responses,
            overrides=overrides,
            seed=int(getattr(plugin, "seed", 0) or 0),
        )

    def _find_class(self, kind: str, use: str, path: Where) -> type[Plugin]:
        """The plug-in of this name that a stage of this kind can use."""
        place = self._loaded.place(path)
        if ":" in use and not self._allow_code:
            raise RecipeError(f"{use!r} is Python code, and --no-plugins reads none", place)
        with placed(use, place):
            return find_in_roles(roles_of_stage(kind), use, self._loaded.folder)

    def _check_models(self, plugin: Plugin, path: Where) -> None:
        """Raises RecipeError where a plug-in asks a model that the recipe does not have."""
        if self._asks_nobody and (plugin.models_used() or plugin.output_column()):
            raise RecipeError(
                f"{plugin.name!r} asks a model, and here nobody is asked: curate in a recipe whose source is "
                "`use: records`",
                self._loaded.place(path),
            )
        for model in plugin.models_used():
            if model not in self._model_names:
                fields = ((*path, "model"), (*path, "models"))
                place = next((field for field in fields if field in self._loaded.places), path)
                raise RecipeError(
                    f"there is no model {model!r} under `models`{did_you_mean(model, self._model_names)}",
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
        with placed(use, place):
            canonical(plugin.model_dump(mode="json"))
            check_call(plugin, use)
            plugin.validate()

    def _check_selectors(self, selectors: Mapping[str, Mapping[str, Any]], path: Where) -> None:
        """Raises RecipeError where no response can be what is wanted; not while a model is left out for what
        is wrong with it.
        """
        if len(self._models) < len(self._model_names):
            return
        for name, selector in selectors.items():
            try:
                check_selector(selector, self._models, has_other_models=self._has_other_models)
            except RecipeError as error:
                raise RecipeError(f"{name}.{error}", self._loaded.place((*path, name))) from error

    def _check_only(self, stages: Sequence[StageSpec], records: Sequence[Record]) -> None:
        """Whether the plug-ins are limited to prompts that there are, as far as the first ones tell."""
        for stage, name, only in fitting_none(stages, records):
            with self._problems.gathered():
                raise RecipeError(
                    f"only: {{{only}}} of {name!r} fits none of the first {len(records):,} prompts",
                    self._loaded.place((*self._loaded.nearest((*stage.path, name)), "only")),
                )

    def _check_pairs(self, plugin: Plugin, use: str, path: Where) -> None:
        """Raises RecipeError where pairs are thinned before there are any."""
        curates_pairs = plugin.role == "curator" and plugin.operates_on == "pairs"
        if curates_pairs and not any(label.startswith("pair") for label in self._labels):
            raise RecipeError(
                f"{use!r} thins pairs, and there is no `pair` stage before it",
                self._loaded.place((*path, "use")),
            )

    def _check_judges(self, plugin: Plugin, path: Where) -> None:
        """`score:` and `judge:` must name judges of earlier stages, and of a judge that keeps aspects apart
        also the aspect.
        """
        judge_names = set(plugin.required_judges())
        score = getattr(plugin, "score", None)
        if isinstance(score, ScoreSpec):
            judge_names |= (
                score.ranking_judges()
                or {name for name, judge in self._judges.items() if judge.separate_aspects()}
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
            aspects = self._judges[judge].separate_aspects()
            if aspects and aspect not in aspects:
                raise RecipeError(
                    f"judge {judge!r} keeps {', '.join(aspects)} apart: name what is meant, such as "
                    f"{judge}.{aspects[0]}, or several under `mean`",
                    self._loaded.place(path),
                )
        if isinstance(score, ScoreSpec) and (score.ranking_judges() or not self._has_other_models):
            min_margin = float(getattr(plugin, "min_margin", 0.0))
            try:
                check_score(score, min_margin, self._judges)
            except RecipeError as error:
                raise RecipeError(str(error), self._loaded.place((*path, "score"))) from error


def _selectors_of(plugin_class: type[Plugin], fields: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {
        name: fields[name] for name in plugin_class.selector_fields if isinstance(fields.get(name), Mapping)
    }
