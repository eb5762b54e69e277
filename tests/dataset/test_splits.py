"""Which split a prompt is in: seeded, disjoint by prompt and by near-duplicate, and the same for a prompt
when others are added after it. (prefgen/dataset/splits.py)
"""

from prefgen.dataset.splits import splits_of
from prefgen.stats.seeded_draws import uniform
from prefgen.text.near_duplicates import shingle_hashes, shingles, similar_earlier_texts
from tests.support.near_texts import near_texts, similar_pairs


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

    for i, near in similar_earlier_texts([shingle_hashes(text) for _, text in prompts]).items():
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


def splits_of_release(prompts, test, seed):
    """What releases were split by before all prompts were compared: datasketch's own index, prompt by
    prompt.
    """
    from datasketch import MinHash, MinHashLSH

    index, signatures, splits = MinHashLSH(threshold=0.8, num_perm=128), {}, {}
    for prompt_id, text in prompts:
        signature = MinHash(num_perm=128, seed=1)
        signature.update_batch([shingle.encode() for shingle in shingles(text)])
        near = [name for name in index.query(signature) if signature.jaccard(signatures[name]) >= 0.8]
        before = {splits[name] for name in near} - {None}
        drawn = "test" if uniform("split", seed, prompt_id) < test else "train"
        splits[prompt_id] = drawn if not before else None if len(before) > 1 else before.pop()
        signatures[prompt_id] = signature
        index.insert(prompt_id, signature)
    return splits


def test_no_two_prompts_of_two_splits_are_nearly_the_same_and_none_leaves_its_split_for_the_other():
    texts = near_texts(250)
    prompts = [(f"p{i}", text) for i, text in enumerate(texts)]
    pairs = similar_pairs(texts)
    before, now = splits_of_release(prompts, 0.3, 1), splits_of(prompts, 0.3, 1)
    left_out = {i for i in now if before[i] and now[i] is None}

    def between_splits(splits):
        return [p for p in pairs if {splits[f"p{i}"] for i in p} == {"train", "test"}]

    assert len(between_splits(before)) > 20
    assert between_splits(now) == []
    assert {i: split for i, split in now.items() if i not in left_out} == {
        i: split for i, split in before.items() if i not in left_out
    }
    assert 0 < len(left_out) <= len(between_splits(before))
    for prompt_id in left_out:  # for a prompt before it that stays, and is nearly the same
        earlier = [now[f"p{j}"] for i, j in pairs if f"p{i}" == prompt_id]
        assert {before[prompt_id], *earlier} >= {"train", "test"}


def test_prompts_that_come_later_change_nothing_of_those_before():
    prompts = [(f"p{i}", text) for i, text in enumerate(near_texts(300))]

    splits, more = splits_of(prompts[:700], 0.3, 1), splits_of(prompts, 0.3, 1)

    assert None in splits.values()
    assert splits == {prompt_id: more[prompt_id] for prompt_id in splits}


def test_what_is_compared_may_be_another_text_than_what_is_drawn_by():
    systems = [" ".join(f"role{i}word{j}" for j in range(30)) for i in range(40)]
    asked = "Which of the rivers of the land is the longest of all?"
    prompts = [(f"p{i}", f"{system}\n{asked}") for i, system in enumerate(systems)]

    apart = splits_of(prompts, 0.3, 1)
    together = splits_of(prompts, 0.3, 1, asked={prompt_id: asked for prompt_id, _ in prompts})

    assert set(apart.values()) == {"train", "test"}
    assert together == {i: split if split == apart["p0"] else None for i, split in apart.items()}


def test_nothing_is_left_out_where_nothing_is_held_out():
    prompts = [(f"p{i}", text) for i, text in enumerate(near_texts(20))]

    assert set(splits_of(prompts, 0.0, 1).values()) == {"train"}
