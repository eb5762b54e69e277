"""What a recipe may say, and rarely means."""

import re
from collections.abc import Mapping, Sequence

from prefgen.recipe.models import BuiltModel
from prefgen.recipe.segments import StageSpec
from prefgen.stages.stage import StagePlugin


def recipe_warnings(stages: Sequence[StageSpec], models: Mapping[str, BuiltModel]) -> list[str]:
    """What is allowed and rarely meant."""
    sampler_models = _models_of([stage for stage in stages if stage.kind == "sample"])
    other_models = _models_of([stage for stage in stages if stage.kind != "judge"])
    warnings: list[str] = []
    judges = [plugin for stage in stages if stage.kind == "judge" for plugin in stage.plugins]
    asked_by_judges = [(judge, name) for judge in judges for name in judge.plugin.models_used()]
    for judge, name in asked_by_judges:
        family = _model_family(models[name])
        own_family = sorted(
            sampler
            for sampler in sampler_models
            if not models[sampler].simulated and _model_family(models[sampler]) == family
        )
        if own_family:
            warnings.append(
                f"judge {judge.name!r} ({name}) rates its own family ({', '.join(own_family)}): expect "
                "self-preference"
            )
        if name not in other_models:
            warnings += _ignored_sampling(judge, name, models[name])
    samplers = [plugin for stage in stages if stage.kind == "sample" for plugin in stage.plugins]
    warnings += [line for sampler in samplers for line in _equal_answers(sampler, models)]
    return [*warnings, *_without_rewards(stages, models), *_too_few_answers(stages)]


def without_pairs(stages: Sequence[StageSpec], wanted: Mapping[str, object]) -> list[str]:
    """Where pairs are wanted (`publish:`, `train:`) and none can come out."""
    has_pairs = any(
        stage.kind == "pair"
        or any("pairs" in getattr(stage_plugin.plugin, "keep", ()) for stage_plugin in stage.plugins)
        for stage in stages
    )
    return [
        f"`{name}:` wants pairs, and the recipe has no `pair` stage: none will come out"
        for name, section in wanted.items()
        if section is not None and not has_pairs
    ]


def _without_rewards(stages: Sequence[StageSpec], models: Mapping[str, BuiltModel]) -> list[str]:
    """Where a model is asked for rewards that cannot give any: a run would stop at the first."""
    asked = {
        (plugin.name, name): models[name].backend.why_no_rewards()
        for stage in stages
        for plugin in stage.plugins
        for name in plugin.plugin.models_scoring()
        if name in models
    }
    return [f"{asker!r} asks {name} for rewards: {why}" for (asker, name), why in asked.items() if why]


def _too_few_answers(stages: Sequence[StageSpec]) -> list[str]:
    """Where it is certain that no prompt gets the two answers of which a pair is made."""
    kinds = {stage.kind for stage in stages}
    sources = [plugin.plugin for stage in stages if stage.kind == "prompts" for plugin in stage.plugins]
    counts = [
        plugin.plugin.most_responses()
        for stage in stages
        if stage.kind == "sample"
        for plugin in stage.plugins
    ]
    if "pair" not in kinds or "revise" in kinds or None in counts:
        return []
    answers = sum(filter(None, counts))
    if answers > 1 or any(source.brings_responses for source in sources):
        return []
    was_sampled = "no answer is sampled" if not answers else "each prompt gets one answer"
    return [f"no pair will come out: {was_sampled}, and a pair is made of two (`n:` of the sampler)"]


def _equal_answers(sampler: StagePlugin, models: Mapping[str, BuiltModel]) -> list[str]:
    """Where several answers are asked for that can be but one."""
    count = getattr(sampler.plugin, "n", 1)
    if not isinstance(count, int) or count < 2 or "temperatures" in type(sampler.plugin).model_fields:
        return []
    return [
        f"sampler {sampler.name!r}: {count} answers at temperature 0 are one: give {name!r} a temperature"
        for name in sampler.plugin.models_used()
        if {**models[name].sampling, **sampler.overrides.get(name, {})}.get("temperature") == 0
    ]


def _models_of(stages: Sequence[StageSpec]) -> set[str]:
    return {name for stage in stages for plugin in stage.plugins for name in plugin.plugin.models_used()}


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


def _model_family(model: BuiltModel) -> str:
    """gpt of openai/gpt-5.2, qwen of Qwen/Qwen3-8B."""
    name = str(model.identity["name"]).rpartition("/")[2].casefold()
    return re.split(r"[\d\-_.:]", name, maxsplit=1)[0]
