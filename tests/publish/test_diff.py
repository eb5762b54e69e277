"""What changed between two datasets of pairs: prompts and pairs by what they say, scores by judge, recipes
line by line. (prefgen/publish/diff.py)
"""

import json
from random import Random

import pytest
import yaml

from prefgen.dataset.open_pairs import PairDataset
from prefgen.publish.diff import compare_sides, read_side
from tests.support.cli import prefgen_here as prefgen
from tests.support.publishing import publish
from tests.support.recipes import a_recipe, run


def test_diff_says_what_was_flipped_changed_added_and_removed(tmp_path):
    def row(i, good="good", bad="bad", margin=1.0, **more):
        return {
            "prompt": f"Q{i}?",
            "chosen": f"{good} {i}",
            "rejected": f"{bad} {i}",
            "margin": margin,
            **more,
        }

    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row(i)) + "\n" for i in range(5)))
    after = [row(0), row(1, "bad", "good"), row(2, margin=2.0), row(3), row(9)]
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(one) + "\n" for one in after))

    done = prefgen("diff", "a.jsonl", "b.jsonl", "--json", cwd=tmp_path)

    found = json.loads(done.stdout)
    assert found["pairs"] == {
        "added": 1,
        "removed": 1,
        "flipped": 1,
        "changed": 1,
        "moved": 0,
        "relabelled": 0,
        "kept": 2,
    }
    assert found["prompts"] == {"added": 1, "removed": 1, "kept": 4}
    assert found["bump"] == "major"
    same = prefgen("diff", "a.jsonl", "a.jsonl", cwd=tmp_path)
    assert "no change" in same.stdout


def test_prompts_that_change_their_split_are_a_major_change(second, finished, tmp_path):
    done = publish(second, tmp_path, finished, "--test", "0.6", "--json")

    found = json.loads(done.stdout)
    assert found["version"] == "2.0.0"
    assert found["diff"]["pairs"]["moved"] > 0


def test_diff_sees_other_spelling_repeats_and_splits(tmp_path):
    rows = [
        {"prompt": f"Q{i}?", "chosen": f"Good {i}", "rejected": f"Bad {i}", "split": "train"}
        for i in range(4)
    ]
    after = [{**rows[0], "chosen": "GOOD 0"}, {**rows[1], "split": "test"}, rows[2], rows[2], rows[3]]
    for name, its in (("a", rows), ("b", after)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in its))

    found = json.loads(prefgen("diff", "a.jsonl", "b.jsonl", "--json", cwd=tmp_path).stdout)["pairs"]

    assert found == {
        "added": 1,
        "removed": 0,
        "flipped": 0,
        "changed": 1,
        "moved": 1,
        "relabelled": 0,
        "kept": 2,
    }


def test_rows_that_are_no_sound_pairs_are_said(tmp_path):
    sound = {"prompt": "Name a river.", "chosen": "The Rhine.", "rejected": "The Alps."}
    (tmp_path / "a.jsonl").write_text(json.dumps(sound))
    (tmp_path / "b.jsonl").write_text(json.dumps({**sound, "rejected": ""}))

    done = prefgen("diff", "a.jsonl", "b.jsonl", cwd=tmp_path)

    assert done.returncode == 0
    assert "b.jsonl: 1 rows are no sound pairs, such as b.jsonl:1: rejected is empty" in done.stderr
    assert prefgen("diff", "a.jsonl", "a.jsonl", cwd=tmp_path).stderr == ""


def test_drift_of_a_judge_that_compares_is_that_of_its_probabilities(tmp_path):
    rng = Random(4)
    before, after, changes = [], [], []
    for i in range(40):
        was, now = rng.random(), rng.random()
        sides = {"chosen": f"one {i}", "rejected": f"two {i}"}
        turned = {"chosen": sides["rejected"], "rejected": sides["chosen"]}
        present = turned if now < 0.5 else sides
        rated = {"chosen": {"rule.length": 1.0}, "rejected": {"rule.length": 0.0}}
        before.append(
            {"prompt": f"Q{i}?", **sides, "aspects": {**rated, "preferred": {"better.overall": was}}}
        )
        of_chosen = now if present is sides else 1 - now
        preferred = {"better.overall": of_chosen, **({"new.overall": 0.7} if i else {})}
        after.append(
            {"prompt": f"Q{i}?", **present, "aspects": json.dumps({**rated, "preferred": preferred})}
        )
        changes.append(now - was)
    for name, rows in (("a", before), ("b", after)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    found = json.loads(prefgen("diff", "a.jsonl", "b.jsonl", "--json", cwd=tmp_path).stdout)
    told = prefgen("diff", "a.jsonl", "b.jsonl", "--markdown", cwd=tmp_path).stdout

    assert found["drift_of_comparisons"] == ["better.overall"]
    count, mean, size = found["drift"]["better.overall"]
    assert count == 40
    assert mean == pytest.approx(sum(changes) / 40)
    assert size == pytest.approx(sum(map(abs, changes)) / 40)
    assert (
        f"- better.overall: 40 pairs compared in both, {mean:+.3f} on average for the answer chosen" in told
    )
    assert found["drift"]["rule.length"][0] == 80
    same = json.loads(prefgen("diff", "a.jsonl", "a.jsonl", "--json", cwd=tmp_path).stdout)
    assert same["drift"]["better.overall"] == [40, 0.0, 0.0]


async def test_a_run_with_a_pairwise_judge_has_drift(tmp_path):
    for name, say in (("before", "A"), ("after", "B")):
        recipe = a_recipe()
        recipe["models"]["grader"]["rules"] = [{"when": "", "say": say}]
        recipe["stages"][2]["judge"] = {
            "better": {"use": "pairwise", "model": "grader", "swap": False, "reasoning": True}
        }
        recipe["stages"][3]["pair"] = {"use": "all_pairs", "score": "better"}
        await run(recipe, tmp_path / name)

    found = json.loads(prefgen("diff", "before", "after", "--json", cwd=tmp_path).stdout)

    [(judge, (count, mean, size))] = found["drift"].items()
    assert judge.startswith("better.") and count == 3
    assert mean == pytest.approx(-size) and size > 0.1  # each verdict is the other one now


@pytest.mark.parametrize("section", ["run", "publish", "train"])
def test_where_servers_are_and_what_is_done_with_rows_is_no_change(section):
    row = {"prompt": "Q?", "chosen": "good", "rejected": "bad"}

    def side(said):
        recipe = yaml.safe_dump({"seed": 1, section: {"key": said}})
        return read_side(PairDataset(said, iter([("row 1", row)]), recipe=recipe))

    diff = compare_sides(side("one"), side("two"))

    assert (diff.recipe, diff.bump) == ([], "none")


def test_other_lines_of_a_recipe_are_shown():
    def side(seed):
        return read_side(
            PairDataset(str(seed), iter([]), recipe=f"seed: {seed}\nrun: {{budget_usd: {seed}}}\n")
        )

    diff = compare_sides(side(1), side(2))

    assert (diff.recipe, diff.bump) == (["-seed: 1", "+seed: 2"], "patch")


def test_names_of_columns_are_those_of_the_dataset_that_has_others(finished, tmp_path):
    rows = [{"question": f"Q{i}?", "good": f"Good {i}.", "bad": f"Bad {i}."} for i in range(6)]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = [
        word for pair in ("prompt=question", "chosen=good", "rejected=bad") for word in ("--columns", pair)
    ]

    compared = prefgen("diff", "mine.jsonl", finished, *columns, cwd=tmp_path)
    mixed = prefgen("mix", "mine.jsonl", finished, "-o", "out", *columns, cwd=tmp_path)

    assert (compared.returncode, mixed.returncode) == (0, 0), compared.stderr + mixed.stderr
