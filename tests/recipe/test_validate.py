"""One thing of a recipe against its class: what is wrong first becomes an error with its place and the
nearest valid name. (prefgen/recipe/validate.py)
"""

import json
import re

import pytest

from prefgen.errors import RecipeError
from tests.support.cli import prefgen_here
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


EVERYTHING_WRONG = """\
name: r
models:
  writer: {use: simulated, skil: 0.9}
  other: {use: simulatd}
  grader: {use: simulated, temperature: 9, top_p: 3}
stages:
  - prompts: {use: file, path: nowhere.jsonl}
  - sample: {use: each, models: [writer, writr], n: two}
  - judge:
      quality: {use: ultrafeedback, model: greder}
  - pair: {use: best_vs_worst, score: quality, min_margin: wide}
run: {endpoints: {writr: {}}}
"""


def test_all_that_is_wrong_is_said_at_once_each_with_its_place(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text(EVERYTHING_WRONG)

    checked = prefgen_here("check", "r.yaml", cwd=tmp_path)

    lines = [line.removeprefix("prefgen: ") for line in checked.stderr.splitlines()]
    assert checked.returncode == 2
    assert [re.sub(r":\d+: .*?'(.*?)'.*", r" \1", line) for line in lines if "'" in line] == [
        "r.yaml:3 skil", "r.yaml:4 simulatd", "r.yaml:12 writr", "r.yaml:7 nowhere.jsonl", "r.yaml:8 models",
        "r.yaml:8 two", "r.yaml:10 greder", "r.yaml:11 wide",
    ]  # fmt: skip
    assert [line for line in lines if "'" not in line] == [
        "r.yaml:5:28: temperature: input should be less than or equal to 5, found 9",
        "r.yaml:5:44: top_p: input should be less than or equal to 1, found 3",
    ]


def test_one_fault_that_several_models_meet_is_said_once(tmp_path):
    run = 'run: {endpoints: {default: {base_url: "${env:NOWHERE_URL}"}}}'
    with pytest.raises(RecipeError) as caught:
        built(GOOD.replace("use: simulated", "use: openai") + run + "\n", tmp_path)

    assert str(caught.value).count("NOWHERE_URL is not set") == 1


def test_what_hangs_on_another_fault_is_not_said(tmp_path):
    with pytest.raises(RecipeError) as caught:
        built(GOOD.replace("use: ultrafeedback", "use: ultrafedback"), tmp_path)

    assert "ultrafedback" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1  # and not of `score: quality`


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("score: quality", "score: quality.helpfull", r"10:\d+: .*no aspect 'helpfull'.*'helpfulness'"),
        ("score: quality", "score: {mean: [quality.safety]}", r"10:\d+: .*no aspect 'safety'"),
        ("score: quality", "score: quality.overall", "no aspect 'overall'"),
        ("score: quality", "score: quality, min_margin: 4.5", "between 1 and 5.* 4.5 apart"),
        ("model: grader}", "model: grader, responses: {model: [writr]}}", r"9:\d+: responses\.m.*'writr'"),
        ("model: grader}", "model: grader, responses: {origin: [sample]}}", r"origin: .*'sample'.*'sampled'"),
        ("n: 2}", "n: 2, only: {language: de}}", r"7:\d+: only: .*language: de.* fits none of the first 1 "),
        ("inline, prompts: [Hello]", "file, path: nowhere.txt", r"6:\d+: .*'nowhere.txt' does not exist"),
        ("inline, prompts: [Hello]", "file, path: r.csv, column: question", r"6:\d+: .*question"),
        ("inline, prompts: [Hello]", "file, path: empty.jsonl", r"6:\d+: .*(no prompt|no rows|empty)"),
        (
            "use: best_vs_worst, score: quality",
            "use: fixed, chosen: {model: writer}, rejected: {model: [writr]}",
            r"10:\d+: rejected\.model: no response is of 'writr'",
        ),
    ],
)  # fmt: skip
def test_what_can_match_nothing_is_found_before_anything_is_paid(tmp_path, before, after, words):
    (tmp_path / "r.csv").write_text("prompt,language\nHello,en\n")
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "r.yaml").write_text(GOOD.replace(before, after, 1))

    checked = prefgen_here("check", "r.yaml", cwd=tmp_path)

    assert checked.returncode == 2
    assert re.search(words, checked.stderr), checked.stderr
    assert len(checked.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("score: quality", "score: quality.honesty, min_margin: 4"),
        ("model: grader}", "model: grader, critique: true}"),
        ("model: grader}", "model: grader, responses: {model: [writer], origin: sampled}}"),
        ("n: 2}", "n: 2, only: {source: inline}}"),
    ],
)
def test_what_can_match_is_let_be(tmp_path, before, after):
    (tmp_path / "r.yaml").write_text(GOOD.replace(before, after, 1))

    checked = prefgen_here("check", "r.yaml", cwd=tmp_path)

    assert checked.returncode == 0, checked.stderr


def test_models_of_answers_that_are_read_may_have_any_name(tmp_path):
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "Hi", "chosen": "Hello!", "rejected": "No."}\n')
    text = GOOD.replace("inline, prompts: [Hello]", "records, path: pairs.jsonl, keep: [responses]")
    (tmp_path / "r.yaml").write_text(text.replace("r}", "r, responses: {model: [gpt-4]}}"))

    assert prefgen_here("check", "r.yaml", cwd=tmp_path).returncode == 0


def test_check_says_what_is_wrong_as_json_too_and_takes_overrides(tmp_path):
    (tmp_path / "r.yaml").write_text(GOOD)

    wrong = prefgen_here(
        "check", "r.yaml", "--json", "--set", "stages.1.sample.n=x", "--set", "seed=y", cwd=tmp_path
    )
    one = prefgen_here("check", "r.yaml", "--json", "--set", "stages.1.sample.n=x", cwd=tmp_path)
    right = prefgen_here("check", "r.yaml", "--json", "--set", "stages.1.sample.n=3", cwd=tmp_path)

    assert (wrong.returncode, one.returncode, right.returncode) == (2, 2, 0)
    [error] = json.loads(one.stdout)["errors"]
    assert error.startswith("--set stages.1.sample.n=x: n: ") and error in one.stderr
    assert "seed" in json.loads(wrong.stdout)["errors"][0]
    assert len(json.loads(right.stdout)["identities"]) == 4
