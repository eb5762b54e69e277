"""docs/reference says what the code says."""

import inspect
import re
from pathlib import Path

import pytest

from prefgen.errors import ReplyError
from prefgen.kit.parse_failure import REASK_MESSAGES, ParseFailure
from prefgen.kit.reply_ratings import ratings_by_heading
from prefgen.plugins.registry import find, list_plugin_names
from tests.support.paths import ROOT
from tests.support.reference import FOLDER, pages

PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_each_page_is_that_of_the_code(name):
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name], "make reference"


def test_no_page_is_of_what_there_is_no_more():
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("recipe.md", "| `seed` | `0` | Seed of random asks"),
        ("recipe.md", "| `budget_usd` | none | Money that this run directory may spend. |"),
        ("plugins.md", "### ultrafeedback"),
        ("plugins.md", "| `base_url` |"),
        ("codes.md", "| 5 | `BudgetReached` |"),
        ("codes.md", "| `tool_call` | the model called a tool instead of answering |"),
        ("codes.md", "| `no_rating` | The reply held no rating |"),
        ("codes.md", "| `plugin_timeout` | spent over ... s outside ask |"),
        ("codes.md", "| `same_text` | The answers are the same text. |"),
        ("columns.md", "| `margin` | `double` | `score_chosen` less `score_rejected`. |"),
    ],
)
def test_what_users_are_shown_is_on_a_page(name, words):
    assert words in PAGES[name]


NEVER_FINAL = {"connection_refused", "unforeseen", "error", "429"}
"""Of requests that are tried again."""


def table(heading: str) -> dict[str, str]:
    """{code: words} of a table of codes.md."""
    section = PAGES["codes.md"].split(f"## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(.+?)` \| (.*) \|$", section, re.MULTILINE))


def test_every_code_of_a_lost_reply_that_the_code_names_is_on_the_page():
    """Found in the text of the code, not as the page's maker finds it."""
    shapes = (
        r'ParseFailure\(\s*"(\w+)"',
        r'\bcode=[^\n",()]*"(\w+)"',
        r'^ *code = [^\n"]*"(\w+)"',
        r'^ *code = [^\n"]*"\w+" if [^\n]* else "(\w+)"',
        r'^(?:NO_JSON|EVENT_STREAM|BAD_ENCODING|LOGPROBS_REFUSED)[A-Z_, ]* = .*?"(\w+)"',
    )
    code = [path.read_text(encoding="utf-8") for path in (ROOT / "prefgen").rglob("*.py")]
    found = {name for text in code for shape in shapes for name in re.findall(shape, text, re.MULTILINE)}

    assert len(found) > 35
    assert found | set(REASK_MESSAGES) <= set(table("Why a reply was lost")) | NEVER_FINAL
    assert all(any(map(str.isalpha, words)) for words in table("Why a reply was lost").values())


def test_codes_of_errors_as_they_are_raised_are_on_the_page():
    raised = {kind.code for kind in (ReplyError, *ReplyError.__subclasses__())}
    for text, count in (("Fine.", 1), ("Rating: 9", 1), ("Rating: 3\nRating: 4", 1), ("Text 1: 4", 2)):
        with pytest.raises(ParseFailure) as failed:
            ratings_by_heading(text, count, (1.0, 5.0))
        raised.add(failed.value.code)

    assert {"no_rating", "out_of_scale", "ambiguous", "wrong_count", "refused"} <= raised
    assert raised <= set(table("Why a reply was lost"))


def test_every_reason_of_no_pair_is_on_the_page():
    found = set()
    for name in list_plugin_names("pairer"):
        plugin = find("pairer", name, Path())
        for method in ("explain", "explain_candidates"):
            for kind in plugin.__mro__:
                if method in vars(kind):
                    source = inspect.getsource(vars(kind)[method])
                    lines = re.findall(r"return .*", source)
                    found |= {text for said in lines for text in re.findall(r'"(\w+)"(?! and| or|:)', said)}

    assert {"same_text", "too_few_responses", "margin", "tie", "no_revision", "too_long"} <= found
    assert found == set(table("Why a prompt has no pair"))
