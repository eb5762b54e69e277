"""`check`, `plan`, `preview`, `diff`, `publish` and `train` from Python, beside the command line.
(prefgen/api/)
"""

import json
from dataclasses import replace

import pytest

import prefgen
from prefgen.errors import EndpointDown
from prefgen.trainers.held_out import Accuracy
from prefgen.trainers.report import TrainingReport
from tests.support.cli import prefgen as command_line
from tests.support.cli import prefgen_here
from tests.support.export import dataset
from tests.support.paths import ROOT
from tests.support.recipes import a_recipe, unused_port

RECIPE_WITHOUT_MODEL = a_recipe(models={})


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A folder with a finished run, where the command line finds it too."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "r.json").write_text(json.dumps(a_recipe()))
    result = prefgen.run(a_recipe(), out=folder / "runs" / "test", journal=folder / "runs" / "calls.sqlite")
    return folder, result


def from_command_line(*words, cwd, code=0):
    said = prefgen_here(*words, "--json", cwd=cwd)
    assert said.returncode == code, said.stderr
    return json.loads(said.stdout)


def test_check_gives_what_the_command_line_says_of_pairs_recipes_and_constitutions(places):
    folder, result = places
    constitution = ROOT / "constitutions" / "harmless.yaml"

    report, recipe, principles = (prefgen.check(what) for what in (result, a_recipe(), constitution))

    said = from_command_line("check", result.path, cwd=folder, code=0 if report.passed else 4)
    assert report.as_json() == said
    assert recipe.passed and recipe.identities == prefgen.check(folder / "r.json").identities
    assert principles.principles == from_command_line("check", constitution, cwd=folder)["principles"]


def test_what_is_wrong_is_said_in_the_words_of_the_command_line(places):
    folder, _ = places
    (folder / "wrong.json").write_text(json.dumps(RECIPE_WITHOUT_MODEL))
    said = prefgen_here("check", "wrong.json", cwd=folder).stderr

    with pytest.raises(prefgen.RecipeError) as raised:
        prefgen.check(folder / "wrong.json")

    assert said.replace("prefgen: ", "").strip() == str(raised.value).replace(f"{folder}/", "")


async def test_plan_and_preview_work_inside_a_running_loop_and_as_the_command_line_does(places):
    folder, _ = places
    journal = folder / "runs" / "calls.sqlite"

    plan = prefgen.plan(a_recipe(), journal=journal)
    preview = prefgen.preview(a_recipe(), n=2, journal=journal)

    assert plan.as_json()["new_requests"] == 0
    assert [len(record.pairs) for record in preview.records] == [1, 1]
    assert preview.paid_usd == 0
    assert plan.as_json() == json.loads(command_line("plan", "r.json", "--json", cwd=folder).stdout)


def test_a_preview_without_replies_raises(tmp_path):
    recipe = a_recipe(url=f"http://127.0.0.1:{unused_port()}/v1", run={"server_down_after": 0.2})

    with pytest.raises(EndpointDown):
        prefgen.preview(recipe, journal=tmp_path / "j.sqlite")


def test_diff_and_publish_give_what_the_command_line_does(places, tmp_path):
    folder, result = places
    other = prefgen.run(a_recipe(prompts=("One?", "New?")), out=tmp_path / "o", journal=tmp_path / "j.sqlite")

    diff = prefgen.diff(result, other)
    release = prefgen.publish(result, dry_run=True, say=lambda line: None)

    assert json.loads(json.dumps(diff.as_json())) == from_command_line(
        "diff", result.path, other.path, cwd=folder
    )
    said = from_command_line("publish", result.path, "--dry-run", cwd=folder)
    assert (release.content_hash, str(release.folder)) == (said["content_hash"], said["folder"])


def test_train_says_what_is_wrong_before_anything_is_trained(places):
    pytest.importorskip("trl", reason="the training extra is not installed")
    _, result = places

    with pytest.raises(prefgen.RecipeError, match="there is no control 'shufled'"):
        prefgen.train(result, "base", controls=["shufled"])
    with pytest.raises(prefgen.RecipeError, match="which model"):
        prefgen.train([result])


def test_columns_are_given_as_words_or_by_their_names(tmp_path):
    rows = [{"q": f"Why {i}?", "yes": f"So {i}.", "no": f"Never {i}."} for i in range(3)]
    theirs = dataset(tmp_path / "theirs.jsonl", rows)
    names = {"prompt": "q", "chosen": "yes", "rejected": "no"}
    words = [f"{ours}={column}" for ours, column in names.items()]

    by_names, by_words = (prefgen.check(theirs, columns=columns) for columns in (names, words))

    assert by_names.passed and by_names.as_json() == by_words.as_json()
    assert prefgen.diff(theirs, theirs, columns=names).pairs["kept"] == 3
    assert prefgen.check(theirs, columns={**names, "chosen": "no"}).passed is False


@pytest.mark.parametrize("columns", [{"prompt": ""}, {"prompt": 3}, {"": "q"}, ["prompt"], "prompt"])
def test_columns_that_are_no_names_are_said(tmp_path, columns):
    theirs = dataset(tmp_path / "theirs.jsonl", [{"q": "Why?", "chosen": "a", "rejected": "b"}])

    with pytest.raises(prefgen.RecipeError, match="such as .*chosen.*, found '(prompt)?'"):
        prefgen.check(theirs, columns=columns)


def said_lines(*words, cwd):
    return prefgen_here(*words, cwd=cwd).stdout.rstrip("\n").split("\n")


def test_reports_are_shown_in_the_words_of_the_command_line(places, tmp_path):
    folder, result = places
    other = prefgen.run(a_recipe(prompts=("One?", "New?")), out=tmp_path / "o", journal=tmp_path / "j.sqlite")
    constitution = ROOT / "constitutions" / "harmless.yaml"
    theirs = dataset(tmp_path / "theirs.jsonl", [{"prompt": "Why?", "chosen": "a", "rejected": "a"}])
    of_commands = [
        (prefgen.check(result), ("check", result.path)),
        (prefgen.check(theirs, allow=["leak"]), ("check", theirs, "--allow", "leak")),
        (prefgen.check(folder / "r.json"), ("check", folder / "r.json")),
        (prefgen.check(constitution), ("check", constitution)),
        (prefgen.diff(result, other), ("diff", result.path, other.path)),
    ]

    for report, words in of_commands:
        said = said_lines(*words, cwd=folder)
        assert str(report) == repr(report) == "\n".join(said)
        assert said[0].startswith((f"{words[1]}: ", f"{words[1]} -> "))


def test_a_plan_is_shown_with_what_it_costs_first(places):
    folder, _ = places

    plan = prefgen.plan(a_recipe(), journal=folder / "runs" / "calls.sqlite")

    said = said_lines("plan", "r.json", cwd=folder)
    [total] = [line for line in said if line.startswith("new requests: ")]
    assert str(plan).split("\n") == [total, *(line for line in said if line != total)]


def test_a_preview_and_a_release_are_shown_with_their_verdict_first(places):
    folder, result = places

    preview = prefgen.preview(a_recipe(), n=2, journal=folder / "runs" / "calls.sqlite")
    release = prefgen.publish(result, dry_run=True, say=lambda line: None)

    said = prefgen_here("preview", "r.json", "-n", "2", cwd=folder).stdout
    first, *rest = str(preview).split("\n")
    assert first == "2 pairs of 2 prompts"
    assert [line for line in rest if set(line) != {"─"}] == [
        line for line in said.rstrip("\n").split("\n") if set(line) != {"─"}
    ]
    *rows, verdict = said_lines("publish", result.path, "--dry-run", cwd=folder)
    assert "nothing was sent" in verdict
    assert str(release).split("\n") == [verdict, *rows]


def test_what_is_shown_in_a_notebook_is_text_and_no_markup(tmp_path):
    rows = [{"prompt": "Why?", "chosen": "<b>a</b>", "rejected": "<b>a</b>"}]
    theirs = dataset(tmp_path / "<i>theirs.jsonl", rows)

    shown = prefgen.check(theirs)._repr_html_()

    assert shown.startswith("<pre") and "&lt;i&gt;theirs.jsonl: BROKEN in 1 of 1 rows" in shown
    assert "<i>" not in shown


def test_a_training_is_shown_with_its_accuracy_first():
    report = TrainingReport(
        base="small", revision=None, sources=[{"name": "pairs.jsonl"}], settings={}, refused=0, lengths={},
        pairs={"train": 1200, "validation": 0, "test": 40}, accuracy=Accuracy(0.75, 0.6, 0.86, 40),
        controls={"shuffled": Accuracy(0.5, 0.35, 0.65, 40)}, ahead={"shuffled": (0.25, 0.05, 0.45)},
        warnings=["it has hardly moved"],
    )  # fmt: skip

    first, *rest = str(report).split("\n")

    assert first == "held-out accuracy 0.750 (0.600 to 0.860) on 40 pairs"
    assert rest[1:] == [
        "control shuffled: 0.500; the real labels are ahead by +0.250 (+0.050 to +0.450)",
        "small, trained on 1,200 pairs of pairs.jsonl",
        "  warning: it has hardly moved",
    ]
    assert str(replace(report, accuracy=None, controls={})).startswith("no held-out accuracy\n")
