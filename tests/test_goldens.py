"""What people see and models are asked, as files: prompts of every plug-in, rows, the card, the help."""

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer

from prefgen.cli import app
from prefgen.publish.release import publish
from prefgen.publish.settings import PublishSettings
from prefgen.testing import Scripted
from tests.support.contracts import CASES, LABELS, result_of, script_of
from tests.support.golden import assert_golden
from tests.support.recipes import a_recipe, run

ASKING = [case for case in CASES if case[0] not in ("filter", "pairer") and case[1] != "distilabel"]


@pytest.mark.parametrize(("role", "name"), ASKING)
async def test_what_a_plug_in_asks(role, name):
    Path("labels.jsonl").write_text(LABELS)
    ask = Scripted(script_of(role, name))

    await result_of(role, name, ask)

    if not ask.asked:
        pytest.skip("asks no model")
    asks = ["\n".join(f"[{turn.role}]\n{turn.text}" for turn in turns) for _, turns in ask.asked]
    assert_golden(f"prompts/{role}-{name}.txt", "\n==== \n".join(dict.fromkeys(asks)) + "\n")


async def test_a_row_of_each_config_and_the_card(tmp_path):
    recipe = a_recipe(prompts=[f"Which river is number {i}?" for i in range(12)], name="rivers")
    await run({**recipe, "version": "1.2.0", "description": "Questions about rivers."}, tmp_path / "out")

    release = publish(
        tmp_path / "out", PublishSettings(repo="acme/rivers", test=0.2), dry_run=True, say=lambda line: None
    )

    configs = ("preferences", "candidates", "judgments")
    paths = {config: min((release.folder / "data" / config).glob("train-*")) for config in configs}
    rows = {config: pq.read_table(path).to_pylist()[0] for config, path in paths.items()}
    assert_golden("rows.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    card = (release.folder / "README.md").read_text(encoding="utf-8")
    for pattern, instead in ((r"\d{4}-\d\d-\d\d", "DATE"), (r"\b\d+\.\d+\.\d+(?:\.\w+)?\b", "VERSION")):
        card = re.sub(pattern, instead, card)
    # the form of the features is the library's
    card = re.sub(r"^dataset_info:\n.*?^---$", "---", card, flags=re.DOTALL | re.MULTILINE)
    assert_golden("card.md", card)


def test_the_help_of_every_command():
    assert_golden("help.txt", "\n".join(_help(typer.main.get_command(app), "prefgen")) + "\n")


def _help(command, path):
    """A command's words, whatever the library that lays them out makes of them."""
    yield f"{path}: {' '.join((command.help or '').split())}"
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        names = ", ".join([*parameter.opts, *parameter.secondary_opts])
        default = parameter.default
        shown = "" if default in (None, False, [], ()) or callable(default) else f" (default {default})"
        required = " (required)" if parameter.required else ""
        yield f"    {names}: {getattr(parameter, 'help', None) or ''}{shown}{required}"
    for name, child in getattr(command, "commands", {}).items():
        yield from _help(child, f"{path} {name}")
