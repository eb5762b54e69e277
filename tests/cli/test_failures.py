"""With --json facts and errors are JSON, whichever command. (prefgen/cli/failures.py)"""

import json
import sys

import pytest
import typer

from prefgen.cli import app, main
from tests.support.valid_recipe import GOOD

NO_FACTS = {"schema": "prints a JSON schema and nothing else"}


def leaves(command, words=()):
    """(words, command) of every command that there is."""
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from leaves(child, (*words, name))
    if not getattr(command, "commands", None):
        yield words, command


COMMANDS = dict(leaves(typer.main.get_command(app)))


def options(command):
    return {option for parameter in command.params for option in parameter.opts}


def ended(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["prefgen", *words])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    return end.value.code or 0, said.out, said.err


def test_every_command_has_json_or_has_no_facts():
    without = {" ".join(words) for words, command in COMMANDS.items() if "--json" not in options(command)}

    assert without == {*NO_FACTS}


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[0] not in NO_FACTS], ids=" ".join)
def test_an_error_is_one_object_on_stdout_and_its_line_on_stderr(monkeypatch, capsys, words):
    code, out, err = ended(monkeypatch, capsys, *words, "--json", "--no-such-option")

    assert code == 2
    [line] = out.splitlines()
    failure = json.loads(line)
    assert {*failure} == {"error", "code", "exit_code", "errors", "place"}
    assert (failure["code"], failure["exit_code"]) == ("UsageError", 2)
    assert "no-such-option" in failure["error"] and "no-such-option" in err


NOTHING = {
    ("check",): ("nothing.jsonl",), ("publish",): ("nothing",), ("run",): ("nothing.yaml",),
    ("preview",): ("nothing.yaml",), ("plan",): ("nothing.yaml",), ("diff",): ("nothing", "none"),
    ("export",): ("nothing", "--to", "trl", "-o", "x.jsonl"), ("mix",): ("nothing", "-o", "m"),
    ("retry",): ("nothing", "--failed"), ("status",): ("nothing",), ("show", "records"): ("nothing",),
    ("show", "pairs"): ("nothing",), ("show", "lost"): ("nothing",), ("show", "dropped"): ("nothing",),
    ("show", "recipe"): ("nothing.yaml",), ("show", "judge"): ("nothing",),
    ("journal", "ls"): ("--journal", "no"),
    ("journal", "import"): ("nothing",), ("eval", "win"): ("nothing",), ("gc",): ("nothing",),
}  # fmt: skip


@pytest.mark.parametrize("words", NOTHING, ids=" ".join)
def test_so_is_what_prefgen_itself_says(monkeypatch, capsys, tmp_path, words):
    monkeypatch.chdir(tmp_path)

    code, out, err = ended(monkeypatch, capsys, *words, *NOTHING[words], "--json")

    [line] = out.splitlines()
    failure = json.loads(line)
    assert code == failure["exit_code"] != 0
    assert failure["error"] == "\n".join(failure["errors"])
    for one in failure["errors"]:
        assert one in err or failure["code"] == "UsageError"


def test_the_place_and_all_lines_of_a_recipe_s_errors_are_there(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    recipe = (
        "name: r\nmodels: {w: {use: simulated}}\nstages:\n  - prompts: {use: inline, prompts: [Hi], no: 1}\n"
    )
    (tmp_path / "one.yaml").write_text(recipe)
    (tmp_path / "two.yaml").write_text(recipe + "  - sample: {use: each, model: x}\n")

    one = json.loads(ended(monkeypatch, capsys, "run", "one.yaml", "--json")[1])
    two = json.loads(ended(monkeypatch, capsys, "check", "two.yaml", "--json")[1])

    assert one["place"].startswith("one.yaml:4:") and one["error"].startswith(one["place"])
    assert (one["code"], two["code"], two["passed"], len(two["errors"])) == (
        "RecipeError",
        "RecipeErrors",
        False,
        2,
    )


def test_without_json_nothing_is_printed_on_stdout(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    assert ended(monkeypatch, capsys, "run", "nothing.yaml")[:2] == (2, "")
    assert ended(monkeypatch, capsys, "run", "--no-such-option")[:2] == (2, "")


def test_facts_are_json(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "a?", "chosen": "b", "rejected": "c"}\n')
    for words in (
        ("new", "r.yaml"), ("check", "r.yaml"), ("show", "judge"), ("show", "roles"),
        ("check", "pairs.jsonl"),
        ("export", "pairs.jsonl", "--to", "trl", "-o", "x.jsonl"), ("show", "recipe", "r.yaml"),
    ):  # fmt: skip
        code, out, _ = ended(monkeypatch, capsys, *words, "--json")
        assert code == 0, words
        assert json.loads(out), words


def test_what_an_error_quotes_of_a_file_moves_no_cursor(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.jsonl").write_text(json.dumps({"\x1b[2Jprompt": "Q?"}) + "\n")
    (tmp_path / "r.yaml").write_text(
        GOOD.replace("use: inline, prompts: [Hello]", "use: file, path: prompts.jsonl")
    )

    _, out, said = ended(monkeypatch, capsys, "check", "r.yaml")

    assert "[2Jprompt" in said
    assert "\x1b" not in out + said
