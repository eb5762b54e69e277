"""docs/reference says what the code says."""

import pytest

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
        ("columns.md", "| `margin` | `double` | `score_chosen` less `score_rejected`. |"),
    ],
)
def test_what_users_are_shown_is_on_a_page(name, words):
    assert words in PAGES[name]
