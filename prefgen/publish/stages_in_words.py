"""How a recipe made its pairs, stage by stage, as its card says it."""

import json
from collections.abc import Collection, Mapping
from typing import Any

SHOWN_STAGES = ("curate", "sample", "revise", "judge", "pair")
SHOWN_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "max_tokens")


def stages_in_words(recipe: Mapping[str, Any], asked: Collection[str]) -> list[tuple[str, list[str]]]:
    """How prompts and pairs were chosen, and answers drawn, judged and made pairs of: (stage, its plug-ins
    with their settings); and the sampling of the models that were asked.
    """
    found: list[tuple[str, list[str]]] = []
    for stage in recipe["stages"]:
        for kind, value in stage.items():
            if kind in SHOWN_STAGES:
                found.append((kind, _plugins_in_words(kind, value)))
    drawn = {
        name: ", ".join(f"{field} {model[field]}" for field in SHOWN_SAMPLING if field in model)
        for name, model in recipe.get("models", {}).items()
        if name in asked
    }
    sampling = "; ".join(f"{name}: {words}" for name, words in drawn.items() if words)
    return [*found, *([("sampling", [sampling])] if sampling else [])]


def _plugins_in_words(kind: str, stage: Any) -> list[str]:
    """The plug-ins of a stage: one, a list of them, or several by name. Judges are called by their names
    elsewhere in the card.
    """
    if isinstance(stage, list):
        return [_settings_in_words(plugin) for plugin in stage]
    if "use" in stage:
        return [_settings_in_words(stage)]
    said = {name: _settings_in_words(plugin) for name, plugin in stage.items()}
    return [f"{name} = {words}" for name, words in said.items()] if kind == "judge" else [*said.values()]


def _settings_in_words(plugin: Mapping[str, Any]) -> str:
    shown = {name: value for name, value in plugin.items() if name != "use"}
    settings = ", ".join(
        f"{name} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in shown.items()
    )
    return f"{plugin['use']}: {settings}" if settings else str(plugin["use"])
