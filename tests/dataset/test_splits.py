"""Which split a prompt is in: seeded, disjoint by prompt and by near-duplicate, and the same for a prompt
when others are added after it. (prefgen/dataset/splits.py)
"""

from prefgen.dataset.splits import splits_of


def test_splits_keep_near_duplicates_together_and_old_prompts_where_they_were():
    texts = [
        (
            f"p{i}",
            f"Explain to a child of {i} years how the tide clock in the hall works and why it is slow today",
        )
        for i in range(40)
    ]
    others = [
        (
            f"q{i}",
            f"Name {i} unusual birds and where each of them spends the cold part of the year, with sources",
        )
        for i in range(200)
    ]
    prompts = [*texts, *others, ("twin", texts[0][1].upper())]

    splits = splits_of(prompts, 0.3, 1)
    more = splits_of(
        [
            *prompts,
            *(
                (f"new{i}", f"Something entirely new about matter number {i}, {i * 7} and {i * 13}")
                for i in range(50)
            ),
        ],
        0.3,
        1,
    )

    assert {more[i] for i in splits} <= {"train", "test", None}
    assert all(more[i] == split for i, split in splits.items())
    assert splits["twin"] == splits["p0"]
    from prefgen.text.near_duplicates import similar_earlier_texts

    for i, near in similar_earlier_texts([text for _, text in prompts]).items():
        for j in near:
            one, other = splits[prompts[i][0]], splits[prompts[j][0]]
            assert one is None or other is None or one == other
    assert (
        0.15
        < sum(
            s == "test"
            for s in splits_of([(f"r{i}", f"w{i} x{i} y{i} z{i}") for i in range(500)], 0.2, 0).values()
        )
        / 500
        < 0.25
    )
