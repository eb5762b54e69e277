"""What commands look like on real terminals of several widths, and in a pipe. (prefgen/cli/screen.py,
prefgen/cli/table.py, prefgen/cli/panel.py)
"""

import asyncio
import json
import re
import shutil

import pytest

from tests.support.cli import prefgen, prefgen_here
from tests.support.recipes import a_recipe
from tests.support.server import by_content
from tests.support.terminal import prefgen_on_a_terminal
from tests.support.tmux import ENDED, needs_tmux, prefgen_on_a_screen, screen_of

LONG = "organisation-of-many/model-with-a-long-name-70B-Instruct"
WIDTHS = pytest.mark.parametrize("width", [40, 80, 120])


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A folder with a run of twelve prompts, whose answers are hostile, and of a model with a long name."""
    folder = tmp_path_factory.mktemp("screens")
    recipe = a_recipe(prompts=[f"Which river is number {i}? " + "Tell me more. " * 9 for i in range(12)])
    recipe["models"][LONG] = recipe["models"].pop("writer")
    recipe["stages"][1]["sample"]["model"] = LONG
    recipe["models"][LONG]["rules"][1]["say"] = [
        f"\x1b[2J\x1b[1;1H\x9b31mwiped [red]not red[/red] \u202etfel ot {i} " + "of many words. " * 20
        for i in range(40)
    ]
    (folder / "r.json").write_text(json.dumps(recipe))
    result = prefgen("run", "r.json", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


def whole(lines, *words):
    """Whether each of these stands on one line, not cut."""
    return [word for word in words if not any(word in line for line in lines)] == []


@needs_tmux
@WIDTHS
@pytest.mark.parametrize(
    "words",
    [
        ("plan", "r.json"),
        ("status",),
        ("show", "pairs", "runs/test"),
        ("show", "records", "runs/test", "--sample", "2"),
        ("show", "judge", "pairwise"),
        ("show", "roles"),
        ("show", "recipe", "r.json"),
        ("show", "prompts", "runs/test"),
        ("check", "runs/test"),
        ("check", "r.json"),
        ("diff", "runs/test", "runs/test"),
        ("preview", "r.json", "-n", "2"),
        ("show", "lost", "runs/test"),
        ("show", "dropped", "runs/test"),
        ("show", "records", "runs/test", "--where", "model=nobody at all who has ever written a word"),
        ("run", "a_recipe_of_that_name_is_nowhere_here.yaml"),
        ("show", "pairs", "runs/there-is-no-run-of-that-name"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_no_screen_is_wrapped_by_the_terminal(many, width, words):
    lines = screen_of(*words, cwd=many, width=width)

    assert lines
    assert not whole(lines, "Traceback")


@needs_tmux
@pytest.mark.parametrize("width", [40, 80])
async def test_nor_is_a_question(server, tmp_path, width):
    server.script = by_content
    prices = {"w": {"input": 1, "output": 2}, "g": {"input": 3, "output": 10}}
    (tmp_path / "r.json").write_text(json.dumps(a_recipe(url=server.url, run={"prices": prices})))
    environment = {"OPENAI_API_KEY": "none"}
    assert (await asyncio.to_thread(prefgen, "run", "r.json", cwd=tmp_path, **environment)).returncode == 0

    def question():
        words = ("run", "r.json", "--set", "stages.2.judge.quality.aspects=[honesty]")
        with prefgen_on_a_screen(*words, cwd=tmp_path, width=width, **environment) as screen:
            return screen.wait_for("Go on?"), screen.lines("-J")

    lines, joined = await asyncio.to_thread(question)

    assert lines == joined, "the terminal had to wrap lines"
    said = " ".join(" ".join(lines).split())
    assert "judge: changed pair: follows a change About 3 of 9 requests are new, for about $0.0" in said


@needs_tmux
@WIDTHS
def test_a_plan_shows_every_number_whole(many, width):
    [line, *_] = json.loads(prefgen_here("plan", "r.json", "--json", cwd=many).stdout)["lines"]

    lines = screen_of("plan", "r.json", cwd=many, width=width)

    for field in ("requests", "prompt_tokens", "completion_tokens"):
        assert whole(lines, f"{line[field]:,.0f}"), lines
    assert whole(lines, "rounds", "judge")
    assert not whole(lines, "…")  # names are folded, and not cut
    assert any(re.fullmatch(r"─+", line) for line in lines) == (width > 40)


@needs_tmux
@WIDTHS
def test_a_status_shows_every_number_whole(many, width):
    lines = screen_of("status", cwd=many, width=width)

    assert whole(lines, "12", "$0.0000"), lines
    assert "complete" in "".join(lines)


@needs_tmux
@WIDTHS
async def test_the_panel_fits_with_its_sum_the_budget_and_how_far_that_reaches(server, tmp_path, width):
    server.script = by_content
    prices = {"w": {"input": 1, "output": 2}, "g": {"input": 3, "output": 10}}
    recipe = a_recipe(
        url=server.url, prompts=[f"{i}?" for i in range(12)], run={"prices": prices, "budget_usd": 5}
    )
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    lines = await asyncio.to_thread(
        screen_of, "run", "r.json", cwd=tmp_path, width=width, OPENAI_API_KEY="none"
    )

    start = max(i for i, line in enumerate(lines) if line.startswith("╭─ test"))
    panel = lines[start : next(i for i, line in enumerate(lines) if i > start and line.startswith("╰")) + 1]
    assert {len(line) for line in panel} == {min(width, 110)}, panel
    assert all(line[0] in "╭│╰" and line[-1] in "╮│╯" for line in panel)
    text = " ".join(" ".join(line.strip("│ ") for line in panel).split())
    assert re.search(r"paid \$0\.\d{4} of \$5\.00, enough for all that are left", text), text
    asked = [int(number) for number in re.findall(r"(?:writer|grader|together) +(\d+)", text)]
    assert asked == [12, 12, 24]
    assert "…" not in text


@needs_tmux
def test_a_terminal_too_narrow_for_a_panel_is_shown_lines(many):
    lines = screen_of("preview", "r.json", "-n", "1", cwd=many, width=24)

    assert not any("╭" in line for line in lines)
    assert "1 of 1 prompts" in " ".join(lines)


@needs_tmux
def test_what_models_wrote_is_shown_as_text(many):
    lines = screen_of("show", "records", "runs/test", "--sample", "1", cwd=many, width=120)

    text = "\n".join(lines)
    assert "�[2J�[1;1H�31mwiped [red]not red[/red] �tfel ot " in text


@needs_tmux
def test_what_is_longer_than_the_screen_is_shown_by_the_pager(many):
    if shutil.which("less") is None:
        pytest.skip("less is not installed")
    words = ("show", "pairs", "runs/test", "--sample", "12")
    with prefgen_on_a_screen(*words, cwd=many, width=80, height=12, PREFGEN_PAGER="less -R -F -X") as screen:
        lines = screen.wait_for(":")
        assert not whole(lines, ENDED)
        screen.press("q")
        assert whole(screen.wait_for(ENDED), f"{ENDED} 0")
    with prefgen_on_a_screen(
        *words, "--no-pager", cwd=many, width=80, height=12, PREFGEN_PAGER="less -R -F -X"
    ) as screen:
        assert whole(screen.wait_for(ENDED), f"{ENDED} 0")


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({"PREFGEN_PAGER": "sed s/^/paged:/", "PAGER": "false"}, True),
        ({"PAGER": "sed s/^/paged:/"}, True),
        ({"PAGER": "cat"}, False),
        ({"PREFGEN_PAGER": "", "PAGER": "sed s/^/paged:/"}, False),
        ({"PAGER": "sed s/^/paged:/", "LINES": "500"}, False),
        ({"PAGER": "sed s/^/paged:/", "TERM": "dumb"}, False),
        ({"PAGER": "no-such-pager-anywhere"}, False),
    ],
)
def test_the_pager_is_the_users(many, environment, shown):
    code, screen = prefgen_on_a_terminal(
        "show", "pairs", "runs/test", "--sample", "12", cwd=many, **{"LINES": "24", **environment}
    )

    assert code == 0
    assert ("paged:" in screen) == shown
    assert screen.count("CHOSEN") == 12


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "r.json"),
        ("preview", "r.json", "-n", "2"),
        ("check", "runs/test"),
        ("diff", "runs/test", "runs/test"),
    ],
)
def test_whatever_is_read_goes_through_the_pager(many, words):
    def on_a_terminal(*more):
        return prefgen_on_a_terminal(*words, *more, cwd=many, LINES="4", PAGER="sed s/^/paged:/")

    paged, whole = on_a_terminal(), on_a_terminal("--no-pager")

    assert paged[0] == whole[0]
    assert "paged:" in paged[1] and "paged:" not in whole[1]


@pytest.mark.parametrize(
    "words", [("plan", "r.json"), ("show", "pairs", "runs/test"), ("check", "runs/test")]
)
def test_no_escape_codes_where_they_are_not_wanted(many, words):
    def on_a_terminal(**environment):
        return prefgen_on_a_terminal(*words, cwd=many, PREFGEN_PAGER="", **environment)[1]

    assert "\x1b[" in on_a_terminal(TERM="xterm-256color")
    assert "\x1b" not in on_a_terminal(NO_COLOR="1", TERM="xterm-256color")
    assert "\x1b" not in on_a_terminal(TERM="dumb")
    assert "\x1b" not in prefgen(*words, cwd=many, TERM="xterm-256color").stdout


def test_check_begins_with_its_verdict_whatever_it_is_of(many, tmp_path):
    (tmp_path / "bad.yaml").write_text("name: x\nmodels: {}\n")
    (tmp_path / "c.yaml").write_text(
        "name: x\nprinciples:\n  - {id: a, critique: x}\n  - {id: b, comparison: y}\n"
    )
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "Q", "chosen": "a", "rejected": "a"}\n' * 2)
    shutil.copytree(many / "runs" / "test", tmp_path / "run")
    for what, verdict in (
        ("run", "ok"), ("bad.yaml", "BROKEN"), ("c.yaml", "BROKEN"), ("pairs.jsonl", "BROKEN"),
    ):  # fmt: skip
        said = prefgen("check", what, cwd=tmp_path).stdout
        assert said.startswith(f"{what}: {verdict}"), said
    code, screen = prefgen_on_a_terminal("check", "bad.yaml", cwd=tmp_path, NO_COLOR="1")
    assert (code, screen.startswith("bad.yaml: BROKEN: ")) == (2, True), screen
