"""One thing of a recipe against its class: what is wrong first becomes an error with its place and the
nearest valid name. (prefgen/recipe/validate.py)
"""

import pytest

from prefgen.errors import RecipeError
from tests.support.valid_recipe import GOOD, built


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("name: r", "nmae: r", r"r\.yaml:1:1: .*'nmae'.*'name'"),
        ("use: each", "use: eech", r"r\.yaml:7:\d+: .*'eech'.*'each'"),
        ("model: writer", "model: writr", r"r\.yaml:7:\d+: .*'writr'.*'writer'"),
        ("n: 2", "n: two", r"r\.yaml:7:\d+: n: .*'two'"),
        ("n: 2", "m: 2", r"r\.yaml:7:\d+: unknown key 'm'"),
        ("score: quality", "score: qualty", r"r\.yaml:10:\d+: .*'qualty'.*'quality'"),
        ("- sample:", "- sampel:", r"r\.yaml:7:\d+: .*'sampel'.*'sample'"),
        ("temperature: 0", "temprature: 0", r"r\.yaml:4:\d+: unknown key 'temprature'.*'temperature'"),
        ("temperature: 0", "temperature: hot", r"r\.yaml:4:\d+: temperature: .*'hot'"),
        ("use: simulated}", "use: simulatd}", r"r\.yaml:3:\d+: .*'simulatd'.*'simulated'"),
        ("n: 2}", "n: 2, n: 3}", r"r\.yaml:7:\d+: the key 'n' stands twice"),
        ("n: 2}", "n: 2", r"r\.yaml:\d+:\d+: not valid YAML"),
        ("  - prompts: {use: inline, prompts: [Hello]}\n", "", r"the first stage must be `prompts`"),
        ("prompts: [Hello]", "prompts: []", r"r\.yaml:6:\d+: prompts"),
        ("name: r", "name: ../r", r"r\.yaml:1:\d+: name"),
        ("use: ultrafeedback", "use: ./no.py:J", r"'\./no\.py' does not exist"),
        ("use: ultrafeedback", "use: no_such_pkg.mod:J", r"no_such_pkg"),
        ("use: ultrafeedback", "use: prefgen.stats.scoring:ScoreSpec", r"is no judge"),
        (
            "name: r",
            "name: r\nrun: {concurency: 3}",
            r"r\.yaml:2:\d+: unknown key 'concurency'.*'concurrency'",
        ),
        ("name: r", "name: r\nrun: {endpoints: {writr: {}}}", r"no model 'writr'"),
        ("name: r", "name: r\nrun: {budget_usd: -1}", r"run\.budget_usd"),
        ("name: r", "name: r\nextends: nowhere.yaml", r"nowhere\.yaml' does not exist"),
        ("name: r", "name: !!python/object:os.system r", r"not (safe|valid) YAML"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path, before, after, words):
    with pytest.raises(RecipeError, match=words) as caught:
        built(GOOD.replace(before, after, 1), tmp_path)

    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
