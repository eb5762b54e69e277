"""Limits, rates and the budget, with a clock of their own."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.calls.budget import PICO, Budget, dollars, price_of
from prefgen.calls.limits import ConcurrencyLimit, Rate
from prefgen.errors import RecipeError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_fixed_limit_stays():
    limit = ConcurrencyLimit(5)

    assert not limit.overloaded(1.0)
    limit.answered(1.0, 100, 5)
    assert limit.slots == 5


def test_an_adaptive_limit_doubles_a_round_trip_until_the_first_overload_then_creeps():
    clock = Clock()
    limit = ConcurrencyLimit(start=8, clock=clock)
    for _ in range(8):
        limit.answered(1.0, 100, limit.slots)
    assert limit.slots == 16

    assert limit.overloaded(sent_at=clock.now)
    assert limit.slots == 8
    for _ in range(8):
        limit.answered(1.0, 100, limit.slots)
    assert limit.slots in (8, 9)


def test_one_event_is_one_decrease():
    clock = Clock()
    limit = ConcurrencyLimit(start=64, clock=clock)

    lowered = [limit.overloaded(sent_at=99.0) for _ in range(20)]

    assert lowered == [True] + [False] * 19
    assert limit.slots == 32
    clock.now = 102.0
    assert limit.overloaded(sent_at=101.0)
    assert limit.slots == 16


def test_it_holds_while_the_server_slows_down():
    limit = ConcurrencyLimit(start=8)
    for _ in range(20):
        limit.answered(1.0, 100, limit.slots)
    high = limit.slots
    for _ in range(60):
        limit.answered(9.0, 100, limit.slots)
    grown = limit.slots
    for _ in range(60):
        limit.answered(9.0, 100, limit.slots)

    assert high >= 28
    assert limit.slots == grown


def test_it_does_not_grow_when_it_is_not_what_holds_us():
    limit = ConcurrencyLimit(start=8)
    for _ in range(100):
        limit.answered(1.0, 100, 2)

    assert limit.slots == 8


@given(st.lists(st.booleans(), max_size=200))
def test_a_limit_stays_within_its_bounds(events):
    clock = Clock()
    limit = ConcurrencyLimit(start=8, most=32, clock=clock)
    for bad in events:
        clock.now += 1
        limit.overloaded(clock.now - 0.5) if bad else limit.answered(1.0, 50, limit.slots)
        assert 1 <= limit.slots <= 32


def test_a_rate_lets_a_minute_s_worth_through_in_a_minute():
    clock = Clock()
    rate = Rate(60, clock=clock)
    sent = 0
    for _ in range(6000):
        clock.now += 0.01
        if rate.wait(1) == 0:
            rate.spend(1)
            sent += 1

    assert 60 <= sent <= 67


def test_a_request_larger_than_the_bucket_may_go_when_it_is_full():
    clock = Clock()
    rate = Rate(600, clock=clock)

    assert rate.wait(100_000) == 0
    rate.spend(100_000)
    assert rate.wait(1) > 1000


def test_prices_are_exact_decimals():
    price = price_of("m", {"m": {"input": "1.25", "output": 10, "cached_input": 0.125}})

    assert price.cost(1_000_000, 1_000_000) == int(Decimal("11.25") * PICO)
    assert price.cost(1_000_000, 0, 1_000_000) == int(Decimal("0.125") * PICO)
    assert price_of("other", {"m": {}}) is None


@pytest.mark.parametrize(
    "bad",
    [
        {"input": -1, "output": 1},
        {"input": "much", "output": 1},
        {"input": float("nan"), "output": 1},
        {"inputs": 1},
        {"input": 1},
        {"output": 1},
        {},
    ],
)
def test_a_price_that_is_none_is_refused(bad):
    with pytest.raises(RecipeError, match="price of 'm'"):
        price_of("m", {"m": bad})


@given(st.lists(st.tuples(st.integers(0, 400), st.floats(0, 1)), max_size=60))
def test_spent_and_reserved_never_exceed_the_budget(requests):
    budget = Budget(usd=Decimal(1000) / PICO)
    open_ones = []
    for cost, share in requests:
        if budget.fits(cost, 0):
            budget.reserve(cost, 0)
            open_ones.append((cost, share))
        assert budget.spent + budget.reserved <= 1000
        if share > 0.5 and open_ones:
            reserved, real = open_ones.pop(0)
            budget.release(reserved, 0, int(reserved * real), 0)
        assert budget.spent + budget.reserved <= 1000


def test_money_for_people():
    assert [dollars(x) for x in (0, PICO // 200, 3 * PICO)] == ["$0", "$0.0050", "$3.00"]


def test_a_followed_limit_grows_while_nothing_waits_and_ends_where_a_little_does():
    """A server with 100 places: what is sent beyond them waits."""
    limit = ConcurrencyLimit(start=8, most=1024)
    for _ in range(40):
        limit.followed(min(100, limit.slots), max(0, limit.slots - 100), limit.slots)
        limit.answered(9.0, 10, limit.slots)

    assert 100 < limit.slots <= 100 + 100 // 16 + 1


def test_a_followed_limit_is_not_held_by_slow_tokens_and_does_not_grow_unused():
    held, followed = ConcurrencyLimit(start=8), ConcurrencyLimit(start=8)
    held.answered(1.0, 100, 8)
    followed.answered(1.0, 100, 8)
    followed.followed(8, 0, 8)
    for _ in range(50):
        held.answered(20.0, 100, held.slots)
        followed.answered(20.0, 100, followed.slots)
        followed.followed(followed.slots, 0, followed.slots)
    grown = followed.slots
    followed.followed(3, 0, 3)

    assert held.slots < 16
    assert grown == followed.slots == 256
