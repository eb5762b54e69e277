"""The dataset card: written from the manifest, around what somebody wrote by hand, which is kept.
(prefgen/publish/card.py)
"""

import json

import yaml

from tests.support.cli import prefgen_here as prefgen
from tests.support.pictures import PNG
from tests.support.publishing import PROMPTS, made, publish
from tests.support.recipes import a_recipe


def test_a_card_shows_them(tmp_path):
    from tests.support.publishing import made

    made(tmp_path, "run")
    done = prefgen("publish", "run", "--dry-run", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "](plots/pairs.png)" in (tmp_path / "run" / "release" / "README.md").read_text()
    assert (tmp_path / "run" / "release" / "plots" / "pairs.png").read_bytes().startswith(PNG)


def test_a_card_says_who_curated_and_judged_and_names_no_model_that_nobody_asks(tmp_path):
    recipe = a_recipe()
    prompts, sample, judge, pair = recipe["stages"]
    judge["judge"]["quality"]["swap"] = False
    models = {**recipe["models"], "idle": {"use": "scripted", "rules": [], "temperature": 0.3}}
    stages = [prompts, {"curate": [{"use": "limit", "count": 25}]}, sample, judge, pair]
    stages += [{"curate": [{"use": "length_balance", "keep": 0.9}, {"use": "limit", "count": 20}]}]
    (tmp_path / "recipe.json").write_text(json.dumps({**recipe, "models": models, "stages": stages}))
    assert prefgen("run", "recipe.json", "--out", "run", "-q", "-y", cwd=tmp_path).returncode == 0

    done = prefgen("publish", "run", "--dry-run", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    card = (tmp_path / "run" / "release" / "README.md").read_text()
    rows = [line[2:-2].split(" | ") for line in card.splitlines() if line.startswith("| ")]
    said = [tuple(row) for row in rows if row[0] in ("curate", "judge", "sampling")]
    assert said == [
        ("curate", "limit: count 25"),
        ("judge", 'quality = ultrafeedback: model grader, aspects \\["helpfulness"\\], swap false'),
        ("curate", r"length\_balance: keep 0.9; limit: count 20"),
        ("sampling", "writer: temperature 1.0; grader: temperature 0"),
    ]
    assert "idle" not in card and "no price was given for grader, writer:" in card
    assert "Pairs that break a rule" not in card


def test_what_somebody_wrote_in_the_card_stays(second, tmp_path, more):
    repo = second.repos["acme/rivers"]
    files = dict(repo.commits[-1][1])
    card = (
        files["README.md"]
        .decode()
        .replace("license: other", "license: apache-2.0")
        .replace("- synthetic", "- synthetic\n- water")
    )
    files["README.md"] = (card + "\n## Ours\n\nAsk Ada about this.\n").encode()
    repo.commits.append(("abcdef12", files))

    done = publish(second, tmp_path, more)

    assert done.returncode == 0, done.stderr
    card = repo.at("main")[1]["README.md"].decode()
    header = yaml.safe_load(card.split("---")[1])
    assert header["license"] == "apache-2.0"
    assert "water" in header["tags"]
    assert "Ask Ada about this." in card
    assert card.count("# rivers 1.1.0") == 1
    assert "# rivers 1.0.0" not in card


def test_what_prefgen_wrote_in_the_header_follows_the_data(hub, tmp_path):
    inline = {"use": "inline", "prompts": list(PROMPTS), "source": "s", "license": "CC0-1.0"}
    stages = a_recipe()["stages"]
    made(tmp_path, "free", stages=[{"prompts": inline}, *stages[1:]])
    made(
        tmp_path,
        "bound",
        stages=[
            {"prompts": {**inline, "license": "CC-BY-NC-4.0", "prompts": [*PROMPTS, "What is a delta?"]}},
            *stages[1:],
        ],
    )
    publish(hub, tmp_path, "free")
    first = yaml.safe_load(hub.repos["acme/rivers"].at("main")[1]["README.md"].decode().split("---")[1])

    done = publish(hub, tmp_path, "bound")

    assert done.returncode == 0, done.stderr
    card = hub.repos["acme/rivers"].at("main")[1]["README.md"].decode()
    assert first["license"] == "cc0-1.0"
    assert yaml.safe_load(card.split("---")[1])["license"] == "cc-by-nc-4.0"
    assert "NOT FOR COMMERCIAL USE" in card


def test_a_card_that_lost_a_mark_is_not_written_over(second, tmp_path, more):
    repo = second.repos["acme/rivers"]
    files = dict(repo.commits[-1][1])
    files["README.md"] = files["README.md"].replace(b"<!-- prefgen: end -->", b"")
    repo.commits.append(("abcdef12", files))

    done = publish(second, tmp_path, more)

    assert done.returncode == 2
    assert "has lost one of the marks" in done.stderr


def test_a_card_says_how_pairs_were_made_and_names_no_config_that_is_not_there(tmp_path):
    made(tmp_path, "run")
    prefgen("publish", "run", "--dry-run", cwd=tmp_path)

    card = (tmp_path / "run" / "release" / "README.md").read_text()

    assert "| sample | each: model writer, n 2 |" in card
    assert "| pair | best\\_vs\\_worst: score quality |" in card
    assert "| sampling | writer: temperature 1.0; grader: temperature 0 |" in card
    assert "failures" not in card
