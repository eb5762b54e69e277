"""From a loaded recipe to a pipeline: plug-ins found and checked, models resolved, identities computed.
Nothing is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

from prefgen.calls.budget import Price
from prefgen.errors import RecipeError
from prefgen.kit.templates import set_recipe_folder
from prefgen.plugins.registry import code_digest
from prefgen.recipe.load import LoadedRecipe
from prefgen.recipe.models import (
    BuiltModel,
    asked_live,
    check_endpoints,
    goes_to_batches,
    model_of,
    without_secrets,
)
from prefgen.recipe.prices import model_price, price_notes, prices_of
from prefgen.recipe.problems import Problems
from prefgen.recipe.schema import Recipe
from prefgen.recipe.segments import Segment, segments_of
from prefgen.recipe.source_files import other_sources
from prefgen.recipe.stage_builder import StageBuilder
from prefgen.recipe.validate import validate_data
from prefgen.recipe.warnings import recipe_warnings, without_pairs
from prefgen.stages.stage import Stage, StagePlugin


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
        """What a token costs: the user's price, or a public list price, less what a batch saves; None where
        there is neither.
        """
        price = model_price(model, self.prices)
        if price is None or not goes_to_batches(model):
            return price
        return price.discounted(model.endpoint.batch_discount)

    def asked_live(self) -> Self:
        """The pipeline without batches: everything is asked at once, at its full price."""
        return replace(self, models={name: asked_live(model) for name, model in self.models.items()})

    @property
    def price_notes(self) -> list[str]:
        """What should be known of prices before anything is paid."""
        return price_notes(self.models, self.prices)

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
        """Whether a model is simulated."""
        return any(model.simulated for model in self.models.values())

    @property
    def asks_real_models(self) -> bool:
        return not all(model.simulated for model in self.models.values())


def build(loaded: LoadedRecipe, *, plugins: bool = True, reads_sources: bool = False) -> Pipeline:
    """Check everything that can be checked without asking. Raises RecipeError, or RecipeErrors where several
    things are wrong, with file:line:column.

    `plugins=False` refuses recipes that name Python files or modules: reading those would run their code.
    `reads_sources` also reads the first prompts, which a run does anyway.
    """
    set_recipe_folder(loaded.folder)
    recipe = validate_data(Recipe, loaded.data, (), loaded)
    problems = Problems()
    models: dict[str, BuiltModel] = {}
    for name, entry in recipe.models.items():
        with problems.gathered():
            models[name] = model_of(name, entry, recipe, loaded)
    with problems.gathered():
        check_endpoints(recipe, models, loaded)
    builder = StageBuilder(
        loaded, models, list(recipe.models), plugins, recipe.seed, problems, reads_sources=reads_sources
    )
    stages = builder.build_stages(recipe.stages)
    prices: Mapping[str, Mapping[str, Any]] = {}
    with problems.gathered():
        prices = prices_of(recipe, loaded)
        if recipe.run.budget_usd is not None:
            _require_prices(models, prices, loaded)
    problems.raise_all()
    sources, segments, identities = segments_of(stages, loaded, models)
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
        warnings=[
            *recipe_warnings(stages, models),
            *without_pairs(stages, {"publish": recipe.publish, "train": recipe.train}),
            *other_sources(sources, loaded.folder),
        ],
    )


def _require_prices(
    models: Mapping[str, BuiltModel], prices: Mapping[str, Mapping[str, Any]], loaded: LoadedRecipe
) -> None:
    """Raises RecipeError where a model would spend of the budget without anyone knowing how much."""
    for name, model in models.items():
        if model_price(model, prices) is None:
            raise RecipeError(
                f"budget_usd is set and model {name!r} ({model.identity['name']}) has no price: add it "
                "under run.prices (USD a million tokens; 0 for your own server)",
                loaded.place(("run", "budget_usd")),
            )
