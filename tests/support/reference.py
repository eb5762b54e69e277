"""The pages of docs/reference, made of the code that they describe: `make reference` writes them, and a test
compares them with what stands there.
"""

import inspect
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from prefgen import errors
from prefgen.dataset import parquet
from prefgen.plugins.plugin import Plugin
from prefgen.plugins.registry import find, list_plugin_names
from prefgen.plugins.role_table import PLUGIN_ROLES
from prefgen.publish.settings import PublishSettings
from prefgen.recipe.schema import Endpoint, ModelEntry, Recipe, Run
from prefgen.trainers.settings import TrainSettings
from tests.support.lost_codes import lost_codes, pair_reasons
from tests.support.paths import ROOT

COLUMN_WORDS = {
    "prompt": "The turns that were asked, the system's among them.",
    "chosen": "The turns of the better answer.",
    "rejected": "The turns of the worse one.",
    "id": "Of the pair: of what it is made of, so that it is the same in every version.",
    "prompt_id": "Of the prompt: of its turns.",
    "source": "Where the prompt comes from.",
    "category": "What kind it is, where its source or its synthesizer says.",
    "language": "Its language, where the source says.",
    "license": "The license of the prompt's source.",
    "chosen_model": "Who wrote the answer; `simulated/` before a simulated one.",
    "chosen_origin": "sampled, revised, refined, improved, human or imported.",
    "chosen_policy": "Empty; reserved for rounds on policy.",
    "chosen_finish": "How the answer ended, in the server's word.",
    "score_chosen": "On the judge's scale, or 0 to 1 where judges on several scales were combined.",
    "margin": "`score_chosen` less `score_rejected`.",
    "chosen_probability": "How likely the label is right, 0 to 1; empty where nothing says.",
    "aspects": "JSON: each side's mean rating by judge and aspect.",
    "judge": "The judges whose verdicts are in the score.",
    "principle_id": "The principle of a constitution by which the two were told apart.",
    "rule": "The pairer that made the pair.",
    "tie": "Whether the two are equal, and the order is none.",
    "weight": "What it counts in a training; the pairs of one prompt add up to 1 where there are several.",
    "reasoning": "Whether the answers hold the models' reasoning: kept or dropped.",
    "round": "0; reserved for rounds on policy.",
    "lineage": "JSON: how the prompt was made, and columns of the source that were kept.",
    "tools": "JSON: the tools that were offered.",
    "record_id": "The prompt's id.",
    "stage": "The stage by its label in the recipe.",
    "plugin": "The plug-in by its name in the recipe.",
    "model": "The model by its name in the recipe.",
    "code": "Why, in a word: codes.md.",
    "reason": "Why, in words.",
    "replies": "The raw replies that were paid for.",
    "keys": "Their keys in the journal.",
}
"""What columns of pairs and failures are; of a rejected side what the chosen one's says."""
FOLDER = ROOT / "docs" / "reference"
MADE = "<!-- Made by `make reference` of the code; changes belong there. -->\n"


def pages() -> dict[str, str]:
    """{file name: its text}."""
    return {
        "recipe.md": _recipe_page(),
        "plugins.md": _plugins_page(),
        "columns.md": _columns_page(),
        "codes.md": _codes_page(),
    }


def _recipe_page() -> str:
    parts = [
        ("Recipe", "The top level of the YAML.", Recipe, ()),
        ("models", "A mapping of names to these; a backend's own fields stand beside them.", ModelEntry, ()),
        ("run", "How a recipe is run: nothing here changes the data.", Run, ()),
        (
            "run: endpoints",
            "By the names under `models`, or `default` for all; a backend's own fields, such as `base_url`, "
            "stand beside these.",
            Endpoint,
            (),
        ),
        ("publish", "Where the dataset goes.", PublishSettings, ()),
        ("train", "How a model is trained on it.", TrainSettings, ()),
    ]
    stage = (
        "\n## stages\n\nA list; each is a mapping with one key: "
        + ", ".join(f"`{role.stage}`" for role in _stage_roles())
        + ". Its value is a plug-in (`use: name` with its fields, see plugins.md), or several by names of "
        "your own. Beside a plug-in's fields stand `only: {field: values}`, which limits it to prompts, and "
        "`responses: {origin, model, which}`, which limits it to responses.\n"
    )
    return (
        "# Recipe\n\n"
        + MADE
        + "".join(_section(title, words, model, without) for title, words, model, without in parts)
        + stage
    )


def _stage_roles() -> list[Any]:
    return list({role.stage: role for role in PLUGIN_ROLES.values() if role.stage}.values())


def _plugins_page() -> str:
    text = "# Plug-ins by role\n\n" + MADE
    for role in PLUGIN_ROLES.values():
        under = f"the stage `{role.stage}`" if role.stage else "`models`"
        text += f"\n## {role.folder}\n\nUnder {under}.\n"
        for name in list_plugin_names(role.name):
            plugin = find(role.name, name, Path())
            if not plugin.__module__.startswith("prefgen."):
                continue  # of somebody else's package, which is installed here
            text += _section(name, _first_paragraph(plugin), plugin, (), level=3, cost=plugin.cost)
    return text


def _section(
    title: str,
    words: str,
    model: type[BaseModel],
    without: Sequence[str],
    *,
    level: int = 2,
    cost: str = "",
) -> str:
    asks = f" Asks: {cost}." if cost else ""
    rows = [
        f"| `{name}` | {_default(field)} | {_cell(field.description or '')} |"
        for name, field in model.model_fields.items()
        if not field.exclude
        if name not in without
    ]
    table = "\n| field | default | |\n|---|---|---|\n" + "\n".join(rows) + "\n" if rows else ""
    return f"\n{'#' * level} {title}\n\n{words}{asks}\n{table}"


def _default(field: Any) -> str:
    if field.is_required():
        return "*needed*"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    if value is None:
        return "none"
    shown = list(value) if isinstance(value, tuple) else value
    return f"`{_cell(json.dumps(shown, ensure_ascii=False, default=str))}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _first_paragraph(plugin: type[Plugin]) -> str:
    return " ".join((inspect.getdoc(plugin) or "").split("\n\n")[0].split())


def _columns_page() -> str:
    text = "# Columns\n\n" + MADE
    for title, schema in (
        ("pairs, and preferences of a release", parquet.PAIRS),
        ("pairs with calls of tools or images", parquet.FULL_PAIRS),
        ("failures: replies that were lost", parquet.FAILURES),
    ):
        rows = "\n".join(
            f"| `{field.name}` | `{_cell(str(field.type))}` | {_column_words(field.name)} |"
            for field in schema
        )
        text += f"\n## {title}\n\n| column | type | |\n|---|---|---|\n{rows}\n"
    records = "\n".join(f"| `{field.name}` | `{_cell(str(field.type))}` |" for field in parquet.RECORDS)
    return (
        f"{text}\n## records: prompts with everything that was made of them\n\n| column | type |\n"
        f"|---|---|\n{records}\n"
    )


def _column_words(name: str) -> str:
    """Raises KeyError for a column that nobody has described."""
    return (
        COLUMN_WORDS.get(name)
        or COLUMN_WORDS[name.replace("rejected_", "chosen_").replace("_rejected", "_chosen")]
    )


def _codes_page() -> str:
    tree = inspect.getdoc(errors) or ""
    exits = re.findall(r"(\w+) +exit (\d+) ?(.*)", tree)
    rows = "\n".join(
        f"| {code} | `{name}` | {_cell(words or _doc_of(name))} |" for name, code, words in exits
    )
    lost = "\n".join(
        f"| `{code}` | {_cell('; '.join(words))} |" for code, words in sorted(lost_codes().items())
    )
    reasons = "\n".join(f"| `{reason}` | {_cell(words)} |" for reason, words in pair_reasons().items())
    return (
        f"# Codes\n\n{MADE}\n## Exit codes\n\n0: all is well. "
        "1 is also that of a run which lost every prompt, and of Python's own errors.\n\n"
        f"| exit | error | |\n|---|---|---|\n{rows}\n\n## Why a reply was lost\n\nThe codes of `failures`, "
        "with the words beside them; `...` stands for what differs. A server's own codes come as it says "
        f"them.\n\n| code | |\n|---|---|\n{lost}\n\n## Why a prompt has no pair\n\nWhat a run's end, `show "
        "records` and the manifest's `prompts_by_outcome` say of a prompt without a pair. `failed: CODE` "
        "stands where a reply was lost, with its code from above, and the name of a curator where that took "
        "its pairs out; pairers of your own have reasons of their own.\n\n"
        f"| reason | |\n|---|---|\n{reasons}\n"
    )


def _doc_of(name: str) -> str:
    return (inspect.getdoc(getattr(errors, name)) or "").splitlines()[0]


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
