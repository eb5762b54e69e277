"""Who of many answers is compared with whom. (prefgen/kit/tournaments.py)"""

from hypothesis import given
from hypothesis import strategies as st

from prefgen.kit.tournaments import Tournament
from prefgen.types import Comparison, Prompt, Response

PROMPT = Prompt.of("Q")


def entrants(count):
    """Each is better than those after it."""
    return [Response.of(PROMPT, f"answer {i}", sample=i) for i in range(count)]


def play(count, **options):
    """(the pairs of each round, the winners' numbers) where the better one always wins."""
    responses = entrants(count)
    number = {response.id: i for i, response in enumerate(responses)}
    tournament, rounds = Tournament(responses, **options), []
    while pairs := tournament.next_round():
        rounds.append([(number[a.id], number[b.id]) for a, b in pairs])
        tournament.end_round(
            pairs,
            [
                Comparison(
                    first_id=a.id, second_id=b.id, aspect="x", probability=float(number[a.id] < number[b.id])
                )
                for a, b in pairs
            ],
        )
    return rounds


@given(st.integers(2, 40))
def test_of_a_knockout_one_is_left_after_one_pair_less_than_there_are(count):
    rounds = play(count, knockout=True)

    assert sum(map(len, rounds)) == count - 1
    out: set[int] = set()
    for pairs in rounds:
        assert not out & {number for pair in pairs for number in pair}
        out |= {max(pair) for pair in pairs}
    assert out == set(range(1, count)), "the best one is left"


@given(st.integers(2, 20), st.integers(1, 6))
def test_in_a_swiss_tournament_nobody_meets_twice_nor_two_in_a_round(count, number_of_rounds):
    rounds = play(count, knockout=False, rounds=number_of_rounds)

    assert len(rounds) <= number_of_rounds
    met = [frozenset(pair) for pairs in rounds for pair in pairs]
    assert len(met) == len(set(met))
    for pairs in rounds:
        numbers = [number for pair in pairs for number in pair]
        assert len(numbers) == len(set(numbers))


def test_those_who_won_meet_each_other():
    first, second = play(4, knockout=False)

    assert first == [(0, 1), (2, 3)] and set(map(frozenset, second)) == {frozenset({0, 2}), frozenset({1, 3})}


def test_a_lost_comparison_counts_as_even():
    a, b, c = entrants(3)
    tournament = Tournament([a, b, c], knockout=True)
    [pair] = tournament.next_round()
    tournament.end_round([pair], [])

    assert tournament.next_round() == [(a, c)], "of equals the second is out"


def test_who_loses_a_match_is_out_however_clearly_it_won_before():
    a, x, b, y = entrants(4)
    tournament = Tournament([a, x, b, y], knockout=True)
    first_round = tournament.next_round()
    tournament.end_round(first_round, [compared(a, x, 0.95), compared(b, y, 0.55)])

    assert first_round == [(a, x), (b, y)]
    [final] = tournament.next_round()
    tournament.end_round([final], [compared(b, a, 0.6)])
    assert tournament.winner() == b


def compared(first, second, probability):
    return Comparison(first_id=first.id, second_id=second.id, aspect="x", probability=probability)
