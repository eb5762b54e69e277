"""Keep the prompts that cover the rest: the farthest from each other, or as many of each cluster.
(prefgen/curators/diversify.py)
"""

from tests.support.tables import curated, prompts


def test_the_farthest_from_each_other_stay():
    near = [f"How do tides work in the river {name}?" for name in ("Elbe", "Thames", "Seine", "Hudson")]
    table = prompts(*near, "Bake a loaf of rye bread.", "Translate a poem from Welsh.")

    left = curated("diversify", table, count=3)

    assert {"p4", "p5"} < set(left.ids())
    assert all(g.neighbour in left.ids() for g in left.dropped.values())


def test_cluster_quotas_even_out_what_a_topic_has_too_much_of():
    many = [f"How do I repair a bicycle chain number {i} at home?" for i in range(30)]
    few = [f"Which wine goes with fish soup number {i}?" for i in range(3)]

    left = curated("diversify", prompts(*many, *few), count=6, method="clusters", clusters=2)

    assert len(left.ids()) == 6
    assert {"p30", "p31", "p32"} <= set(left.ids())
    assert all(g.neighbour in left.ids() for g in left.dropped.values())
    assert len(left.dropped) == 27


def test_cluster_quotas_may_be_fewer_than_clusters():
    texts = [
        f"{word} {word} number {i}" for i in range(3) for word in ("apples", "rivers", "violins", "planets")
    ]

    assert len(curated("diversify", prompts(*texts), count=2, method="clusters", clusters=4).ids()) == 2
