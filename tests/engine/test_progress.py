"""How far a run is: plain numbers that a panel, a log line or a notebook can show.
(prefgen/engine/progress.py)
"""

import asyncio
import io

from rich.console import Console

from prefgen.calls.budget import PICO, Budget
from prefgen.cli.panel import status_line, status_panel
from prefgen.engine.progress import Progress
from tests.support.recipes import a_recipe, run


def test_pairs_are_counted_over_all_starts_of_a_run(done):
    progress = Progress()
    asyncio.run(
        run(a_recipe(), done / "runs" / "test", journal=done / "runs" / "calls.sqlite", progress=progress)
    )

    assert (progress.finished, progress.pairs) == (3, 3)


def test_money_is_what_was_paid_the_budget_and_what_it_is_enough_for():
    """Of 1 dollar 0.40 is spent, 0.30 of it in this start for 10 prompts: 20 more of 3 cents each."""
    budget = Budget(1, spent=PICO // 10)
    progress = Progress(total=100, finished=12, finished_at_start=10)
    silent = Progress().money()
    progress.pay_from(budget)
    before = progress.money()
    budget.spent += 3 * PICO // 10
    progress.finished = 20
    short = progress.money()
    progress.total = 40

    assert silent == ""
    assert before == "paid $0.1000 of $1.00"
    assert short == "paid $0.4000 of $1.00, enough for about 20 of the 80 prompts left"
    assert progress.money() == "paid $0.4000 of $1.00, enough for all that are left"


def test_without_a_budget_money_is_what_was_paid():
    progress = Progress()
    progress.pay_from(Budget(spent=2 * PICO))

    assert progress.money() == "paid $2.00"
    assert "paid $2.00" in status_line(progress)
    console = Console(width=80, file=io.StringIO())
    console.print(status_panel(progress, 80))
    assert "paid $2.00" in console.file.getvalue()


def test_a_budget_of_tokens_is_shown_and_the_nearer_limit_says_how_far_it_reaches():
    """Of 1,000 tokens 600 are spent, 400 of them in this start for 10 prompts: 10 more of 40 each."""
    budget = Budget(tokens=1000, spent_tokens=200)
    progress = Progress(total=100, finished=12, finished_at_start=10)
    progress.pay_from(budget)
    before = progress.money()
    budget.spent_tokens, progress.finished = 600, 20
    both = Budget(1, 1000, spent=PICO // 10, spent_tokens=200)
    of_both = Progress(total=100, finished=10, finished_at_start=10)
    of_both.pay_from(both)
    both.spent, both.spent_tokens, of_both.finished = 3 * PICO // 10, 300, 20

    assert before == "paid 200 of 1,000 tokens"
    assert progress.money() == "paid 600 of 1,000 tokens, enough for about 10 of the 80 prompts left"
    assert of_both.money() == (
        "paid $0.3000 of $1.00 and 300 of 1,000 tokens, enough for about 35 of the 80 prompts left"
    )


def test_models_that_take_turns_say_which_is_loaded_and_who_waits():
    progress = Progress(name="r", total=9)
    plain = shown(progress, "writer", "grader")
    progress.stats.model("writer").place = "loaded"
    progress.stats.model("grader").awaited = 1200

    assert "loaded" in status_line(progress) and "1,200 prompts wait" in status_line(progress)
    assert "turn" not in plain
    assert [word in shown(progress) for word in ("turn", "loaded", "1,200 prompts wait")] == [True] * 3


def shown(progress, *models):
    """The panel of 100 columns."""
    for name in models:
        progress.stats.model(name)
    console = Console(width=100, file=io.StringIO())
    console.print(status_panel(progress, 100))
    return console.file.getvalue()


def test_the_last_line_of_a_server_that_starts_is_shown_plainly():
    progress = Progress()
    progress.stats.model("own").show("starting, 12 s: \x1b[2JLoading [bold]weights[/bold] 40%" + "x" * 200)

    console = Console(width=80, file=io.StringIO())
    console.print(status_panel(progress, 80))

    for shown in (console.file.getvalue(), status_line(progress)):
        assert "starting, 12 s: �[2JLoading [bold]weights[/bold] 40%" in shown
    assert all(len(line) <= 80 for line in console.file.getvalue().splitlines())
