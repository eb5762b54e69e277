"""Which judges of a run make their verdicts of those of others. (prefgen/evaluation/members.py)"""

import yaml

from prefgen.evaluation.members import judge_members


def test_a_jury_of_juries_rests_on_the_judges_at_the_bottom(tmp_path):
    stages = [
        {"prompts": {"use": "inline", "prompts": ["Why?"]}},
        {"judge": {"a": {"use": "constraints"}, "b": {"use": "ultrafeedback", "aspects": ["honesty"]}}},
        {"judge": {"two": {"use": "jury", "of": ["a", "b.honesty"]}}},
        {"judge": {"all": {"use": "jury", "of": ["two", "b"]}}},
    ]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({"stages": stages}))

    members = judge_members(tmp_path)

    assert members == {"two": ("a", "b.honesty"), "all": ("a", "b.honesty", "b")}


def test_a_run_without_a_recipe_has_none(tmp_path):
    assert judge_members(tmp_path) == {}
