"""Draws that depend on what they are for and on nothing else: one option more moves only its own share.
(prefgen/stats/seeded_draws.py)
"""


def test_pool_draws_models_by_prompt_and_one_more_moves_only_its_share():
    from prefgen.stats.seeded_draws import seeded_order

    prompts = [f"prompt-{i}" for i in range(400)]
    before = {p: seeded_order(("a", "b", "c"), 0, p)[0] for p in prompts}
    after = {p: seeded_order(("a", "b", "c", "d"), 0, p)[0] for p in prompts}

    assert {after[p] for p in prompts if after[p] != before[p]} == {"d"}
    assert 60 < sum(after[p] == "d" for p in prompts) < 140
