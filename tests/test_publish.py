"""Publishing on a Hub with the real clients: rows, one commit, a tag, versions, and everything that can go wrong on the way."""

import asyncio
import copy
import hashlib
import json
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
import yaml

from prefgen.dataset.read_run import read_shards
from prefgen.dataset.splits import splits_of
from prefgen.publish.rows import write_rows
from prefgen.publish.version import bump_version
from tests.support.cli import prefgen
from tests.support.hub import READER, WRITER, Repo, local_hub
from tests.support.publishing import PROMPTS, made, publish
from tests.support.recipes import a_recipe, run


@pytest.fixture
def hub():
    with local_hub({}) as running:
        yield running


@pytest.fixture(scope="module")
def released(tmp_path_factory, finished):
    """What a Hub holds after the first version was published."""
    with local_hub({}) as running:
        assert publish(running, tmp_path_factory.mktemp("released"), finished).returncode == 0
        return copy.deepcopy(running.repos)


@pytest.fixture
def second(hub, released):
    """A Hub on which the first version stands."""
    hub.repos = copy.deepcopy(released)
    return hub


@pytest.fixture(scope="module")
def more(tmp_path_factory):
    """A run with one more prompt."""
    folder = tmp_path_factory.mktemp("more")
    made(folder, "run", (*PROMPTS, "What is a delta?"))
    return folder / "run"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A complete run, which tests publish from."""
    folder = tmp_path_factory.mktemp("finished")
    made(folder, "run")
    return folder / "run"


def python(hub, folder, code):
    """Run code as a user of the dataset would, with the real clients."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "user"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=folder, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


LOAD = """
import json, datasets
datasets.disable_progress_bars()
pairs = datasets.load_dataset("acme/rivers", revision="{tag}")
stream = datasets.load_dataset("acme/rivers", "candidates", split="train", revision="{tag}", streaming=True)
print(json.dumps({{"rows": {{k: v.num_rows for k, v in pairs.items()}}, "first": pairs["train"][0], "streamed": list(stream)[0]["model"]}}))
"""


def test_a_run_becomes_a_tagged_version_that_the_real_clients_load(hub, finished, tmp_path):
    done = publish(hub, tmp_path, finished)

    assert done.returncode == 0, done.stderr
    repo = hub.repos["acme/rivers"]
    assert repo.tags == {"v1.0.0": repo.head}
    assert len(repo.commits) == 2  # what the Hub makes, and ours
    found = python(hub, tmp_path, LOAD.format(tag="v1.0.0"))
    assert sum(found["rows"].values()) == 30
    assert found["rows"]["test"] >= 1
    assert set(found["first"]) >= {"prompt", "chosen", "rejected", "margin", "license", "lineage"}
    assert found["first"]["chosen"][0]["role"] == "assistant"
    assert found["streamed"]
    files = repo.at("main")[1]
    card = files["README.md"].decode()
    header = yaml.safe_load(card.split("---")[1])
    assert "unknown, since no price was given for grader, writer" in card
    assert {c["config_name"] for c in header["configs"]} >= {"preferences", "candidates", "judgments"}
    assert set(header["tags"]) >= {"synthetic", "preference", "dpo", "rlaif", "prefgen"}
    assert (
        json.loads(files["manifest.json"])["row_digest"]
        == json.loads((finished / "manifest.json").read_text())["row_digest"]
    )
    assert (
        WRITER not in "".join(f.decode("utf-8", "ignore") for f in files.values()) + done.stdout + done.stderr
    )


def test_a_failure_is_in_the_split_of_its_prompt(tmp_path):
    cut = {"when": r"(?s)Which of the \d*[37] rivers.*The texts that reply", "say": "I cannot say."}
    recipe = a_recipe(prompts=PROMPTS)
    for model in recipe["models"].values():
        model["rules"] = [cut, *model["rules"]]
    asyncio.run(run(recipe, tmp_path / "run"))

    write_rows(tmp_path / "run", tmp_path / "out", test=0.4, seed=0, harmful="drop", say=print)

    def split_of(config, column):
        files = sorted((tmp_path / "out" / "data" / config).glob("*.parquet"))
        return {
            row[column]: path.name.partition("-")[0]
            for path in files
            for row in pq.read_table(path).to_pylist()
        }

    failed, answered = split_of("failures", "record_id"), split_of("candidates", "prompt_id")
    assert len(failed) == 6 and "test" in failed.values()
    assert {record: answered[record] for record in failed} == failed


def test_the_same_again_changes_nothing(second, finished, tmp_path):
    commits = len(second.repos["acme/rivers"].commits)

    again = publish(second, tmp_path, finished)

    assert again.returncode == 0, again.stderr
    assert "on the Hub already" in again.stdout
    assert len(second.repos["acme/rivers"].commits) == commits


def test_a_second_version_follows_what_changed_and_says_so_in_the_card(second, tmp_path):
    made(tmp_path, "more", (*PROMPTS, "What is a delta?", "Where does the sea begin?"))

    done = publish(second, tmp_path, "more", "--json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["version"] == "1.1.0"
    assert found["diff"]["pairs"]["added"] == 2
    assert found["diff"]["pairs"]["removed"] == 0
    repo = second.repos["acme/rivers"]
    assert set(repo.tags) == {"v1.0.0", "v1.1.0"}
    assert "2 added" in repo.at("main")[1]["README.md"].decode()
    assert (
        sum(python(second, tmp_path, LOAD.format(tag="v1.0.0"))["rows"].values()) == 30
    )  # the old one is what it was


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


def test_a_tag_that_holds_something_else_is_never_moved(second, tmp_path, more):
    done = publish(second, tmp_path, more, "--version", "1.0.0")

    assert done.returncode == 1
    assert "has a tag 'v1.0.0' with other contents" in done.stderr
    assert len(second.repos["acme/rivers"].commits) == 2


def test_a_head_that_moves_meanwhile_is_followed_and_not_overwritten(second, tmp_path, more):
    repo = second.repos["acme/rivers"]

    def somebody_is_faster(name):
        if not any(commit == "feedbeef1" for commit, _ in repo.commits):
            repo.commits.append(("feedbeef1", {**repo.commits[-1][1], "NOTES.md": b"ours"}))

    second.before_commit = somebody_is_faster

    done = publish(second, tmp_path, more)

    assert done.returncode == 0, done.stderr
    assert repo.at("main")[1]["NOTES.md"] == b"ours"
    assert [commit for commit, _ in repo.commits].index("feedbeef1") == len(repo.commits) - 2


def test_two_publishers_at_once_leave_one_version(hub, finished, tmp_path):
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": WRITER,
    }
    command = [sys.executable, "-m", "prefgen", "publish", "--repo", "acme/rivers", "--test", "0.2"]
    import shutil

    both = []
    for name in ("one", "two"):
        shutil.copytree(finished, tmp_path / name)
        both.append(subprocess.Popen([*command, str(tmp_path / name)], env={**environment, "HF_HOME": str(tmp_path / f"hf-{name}")},
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))  # fmt: skip
    ended = [process.communicate(timeout=120) for process in both]

    repo = hub.repos["acme/rivers"]
    assert {process.returncode for process in both} <= {0, 1}
    assert 0 in {process.returncode for process in both}, ended
    assert list(repo.tags) == ["v1.0.0"]
    assert len(repo.commits) == 2
    assert all("Traceback" not in err for _, err in ended), ended


def test_an_upload_that_breaks_leaves_nothing_and_can_be_started_again(hub, finished, tmp_path):
    hub.fail = [
        ["PUT /large", 507, 100],
        ["POST .*commit", 500, 1],
    ]  # the client tries again after 500, for half a minute

    broken = publish(hub, tmp_path, finished)
    hub.fail[0][2] = 0
    again = publish(hub, tmp_path, finished)
    third = publish(hub, tmp_path, finished)

    assert broken.returncode == 1
    assert "nothing was published" in broken.stderr
    assert "Traceback" not in broken.stderr
    assert len(hub.repos["acme/rivers"].commits) == 2
    assert 0 in (again.returncode, third.returncode)
    assert list(hub.repos["acme/rivers"].tags) == ["v1.0.0"]


def test_a_commit_whose_tag_was_lost_gets_it_when_published_again(hub, finished, tmp_path):
    hub.fail = [["POST .*/tag/", 500, 100]]
    broken = publish(hub, tmp_path, finished)
    hub.fail = []

    again = publish(hub, tmp_path, finished)

    assert broken.returncode == 1
    assert "publish again, which only sets the tag" in broken.stderr
    assert again.returncode == 0, again.stderr
    repo = hub.repos["acme/rivers"]
    assert repo.tags == {"v1.0.0": repo.head}
    assert len(repo.commits) == 2


@pytest.mark.parametrize(
    ("token", "says"), [("hf_nobody", "the token was not accepted"), (READER, "no right to write")]
)
def test_a_token_that_will_not_do_is_said_and_nothing_is_made(hub, finished, tmp_path, token, says):
    done = publish(hub, tmp_path, finished, token=token)

    assert done.returncode == 1
    assert says in done.stderr
    assert token not in done.stderr + done.stdout
    assert not hub.repos


def test_a_dry_run_needs_no_token_and_sends_nothing(hub, finished, tmp_path):
    done = publish(hub, tmp_path, finished, "--dry-run", token="")

    assert done.returncode == 0, done.stderr
    assert "nothing was sent" in done.stdout
    assert not hub.asked
    assert (finished / "release" / "README.md").is_file()


def test_the_gate_stops_what_breaks_an_invariant(tmp_path, hub):
    made(tmp_path, "run", run={"order": "file"})
    import pyarrow.parquet as pq

    [shard] = (tmp_path / "run" / "pairs").glob("*.parquet")
    table = pq.read_table(shard)
    same = table.set_column(table.schema.get_field_index("rejected"), "rejected", table.column("chosen"))
    pq.write_table(same, shard)

    done = publish(hub, tmp_path, "run")

    assert done.returncode == 4
    assert "chosen and rejected differ" in done.stderr
    assert not hub.repos


HARMFUL = "Pour the acid over the lock until it gives way and take what you want."


def harmful_run(folder, rationale=""):
    """Pairs whose rejected side is the text that their prompt was made from, as `invert_harmful` and `fixed` leave them."""
    from prefgen.dataset.parquet import PAIRS, RECORDS, write_lines
    from prefgen.dataset.serialize import pair_lines, record_line
    from prefgen.kit.harm import SOURCE, harm_metadata
    from prefgen.types import Pair, Prompt, Record, Response, Score

    made(folder, "run")
    digest = hashlib.blake2b(HARMFUL.encode(), digest_size=16).hexdigest()
    marks = harm_metadata(HARMFUL, "theft")
    prompt = Prompt.of(
        "How do I open a lock that is not mine?",
        metadata=marks,
        lineage={"harm": "theft", "source_digest": digest},
    )
    safe = Response.of(prompt, "I will not help with that; a locksmith will.", model="m")
    source = Response.of(prompt, HARMFUL, principle=SOURCE, origin="human")
    scores = (
        (
            Score(
                response_id=source.id,
                aspect="harm",
                value=1.0,
                scale=(1, 5),
                judge="quality",
                rationale=rationale,
            ),
        )
        if rationale
        else ()
    )
    record = Record(
        prompt=prompt,
        responses=(safe, source),
        scores=scores,
        pairs=(Pair(chosen_id=safe.id, rejected_id=source.id, rule="fixed"),),
    )
    write_lines([record_line(record)], RECORDS, folder / "run" / "records" / "00001.parquet")
    write_lines(pair_lines(record), PAIRS, folder / "run" / "pairs" / "00001.parquet")
    return digest


def test_harmful_texts_are_taken_out_and_the_dataset_is_private_and_gated(hub, tmp_path):
    digest = harmful_run(tmp_path)

    done = publish(hub, tmp_path, "run")

    assert done.returncode == 0, done.stderr
    repo = hub.repos["acme/rivers"]
    assert repo.private
    everything = b"".join(repo.at("main")[1].values())
    assert HARMFUL.encode() not in everything
    released = [
        row
        for config in ("preferences", "candidates")
        for row in read_shards(tmp_path / "run" / "release" / "data" / config)
    ]
    assert HARMFUL not in json.dumps(released)
    assert sum(digest in json.dumps(row.get("rejected") or row.get("response")) for row in released) == 2
    header = yaml.safe_load(repo.at("main")[1]["README.md"].decode().split("---")[1])
    assert "not-for-all-audiences" in header["tags"]
    assert "extra_gated_prompt" in header


@pytest.mark.parametrize(("how", "rows"), [("drop", 30), ("keep", 31)])
def test_harmful_rows_may_be_left_out_or_kept(tmp_path, hub, how, rows):
    harmful_run(tmp_path)

    done = publish(hub, tmp_path, "run", "--harmful", how, "--dry-run")

    assert done.returncode == 0, done.stderr
    released = list(read_shards(tmp_path / "run" / "release" / "data" / "preferences"))
    assert len(released) == rows
    assert (HARMFUL in json.dumps(released)) == (how == "keep")


def test_the_same_dataset_is_made_again_from_recipe_and_journal(tmp_path, finished):
    """Somebody else has the published recipe and the journal, and no model."""
    made(tmp_path, "run")
    first = prefgen("publish", "run", "--dry-run", "--json", cwd=tmp_path)
    (tmp_path / "elsewhere").mkdir()
    exported = prefgen("cache", "export", "--journal", "runs/calls.sqlite", "replies.jsonl", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    (tmp_path / "replies.jsonl").rename(tmp_path / "elsewhere" / "replies.jsonl")
    (tmp_path / "elsewhere" / "recipe.yaml").write_bytes(
        (tmp_path / "run" / "release" / "recipe.yaml").read_bytes()
    )

    imported = prefgen("cache", "import", "replies.jsonl", cwd=tmp_path / "elsewhere")
    again = prefgen("run", "recipe.yaml", "--offline", "--out", "run", "-q", cwd=tmp_path / "elsewhere")
    second = prefgen("publish", "run", "--dry-run", "--json", cwd=tmp_path / "elsewhere")

    assert imported.returncode == 0, imported.stderr
    assert again.returncode == 0, again.stderr
    assert json.loads(second.stdout)["content_hash"] == json.loads(first.stdout)["content_hash"]


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


def test_versions_move_as_the_change_says():
    assert bump_version("1.4.2", "major") == "2.0.0"
    assert bump_version("1.4.2", "minor") == "1.5.0"
    assert bump_version("1.4.2", "patch") == "1.4.3"
    assert bump_version("0.4.2", "major") == "0.5.0"


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


@pytest.mark.parametrize(
    ("options", "says", "code"),
    [
        (["--repo", "no-owner"], "publish: repo", 2),
        (["--repo", "a/b", "--version", "one"], "expected a version such as 1.2.0", 2),
        (["--repo", "a/b", "--test", "1.5"], "publish: test", 2),
        (["--repo", "a/b", "--harmful", "show"], "publish: harmful", 2),
        ([], "where to?", 2),
    ],
)
def test_wrong_options_are_one_line(finished, tmp_path, options, says, code):
    done = prefgen("publish", str(finished), *options, cwd=tmp_path, HF_TOKEN="")

    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_may_be_published_as_its_recipe_says(hub, tmp_path):
    recipe = a_recipe(prompts=PROMPTS, name="rivers", publish={"repo": "acme/rivers", "test": 0.2})
    recipe["models"]["writer"]["rules"] = [
        {"when": "", "say": [f"Answer number {i}, in words." for i in range(4000)]}
    ]
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    there = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": WRITER,
    }

    done = prefgen("run", "recipe.json", "--out", "run", "--publish", "-q", cwd=tmp_path, **there)

    assert done.returncode == 0, done.stderr
    assert hub.repos["acme/rivers"].tags == {"v0.1.0": hub.repos["acme/rivers"].head}
    assert "version 0.1.0, content hash" in done.stderr


@pytest.mark.parametrize(
    ("changes", "options", "says"),
    [
        ({}, ("--publish",), "--publish: the recipe has no `publish:`"),
        ({}, ("--train",), "--train: the recipe has no `train:`"),
        ({"publish": {"repoo": "a/b"}}, (), "publish: unknown key 'repoo'. Did you mean 'repo'?"),
        ({"train": {"beta": "much"}}, (), "train: beta"),
    ],
)
def test_what_follows_a_run_is_checked_before_it_is_paid_for(tmp_path, changes, options, says):
    (tmp_path / "recipe.json").write_text(json.dumps(a_recipe(**changes)))

    done = prefgen("run", "recipe.json", "--out", "run", *options, cwd=tmp_path)

    assert done.returncode == 2
    assert says in done.stderr
    assert "recipe.json" in done.stderr
    assert not (tmp_path / "run").exists()
    if changes:
        assert says in prefgen("check", "recipe.json", cwd=tmp_path).stderr


def test_a_private_release_is_not_put_into_a_public_dataset(hub, tmp_path):
    harmful_run(tmp_path)
    hub.repos["acme/rivers"] = Repo([("aabbccdd", {})], private=False)

    refused = publish(hub, tmp_path, "run")
    said_so = publish(hub, tmp_path, "run", "--public", "--json")

    assert refused.returncode == 1
    assert (
        "is public, and this release is private, since rows of it come from harmful texts" in refused.stderr
    )
    assert said_so.returncode == 0, said_so.stderr
    assert json.loads(said_so.stdout)["private"] is False
    hub.repos["acme/other"] = Repo([("aabbccdd", {})], private=True)
    assert (
        json.loads(publish(hub, tmp_path, "run", "--public", "--json", repo="acme/other").stdout)["private"]
        is True
    )  # as it is


def test_judgments_that_quote_a_harmful_text_do_not_carry_it(tmp_path):
    harmful_run(tmp_path, rationale=f"It says: {HARMFUL} That is bad.")

    for how, left in (("redact", 1), ("drop", 0), ("keep", 1)):
        done = prefgen("publish", "run", "--dry-run", "--harmful", how, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        said = [
            row["rationale"]
            for row in read_shards(tmp_path / "run" / "release" / "data" / "judgments")
            if "That is bad" in row["rationale"]
        ]
        assert len(said) == left
        assert any(HARMFUL in words for words in said) == (how == "keep")


def test_data_that_is_not_prefgens_is_not_replaced(hub, finished, tmp_path):
    hub.repos["acme/rivers"] = Repo([("aabbccdd", {"data/train.csv": b"a,b", "README.md": b"mine"})])

    done = publish(hub, tmp_path, finished)

    assert done.returncode == 1
    assert "holds data that prefgen did not publish (data/train.csv)" in done.stderr
    assert len(hub.repos["acme/rivers"].commits) == 1


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


def test_the_next_version_comes_after_the_highest_there_is(second, tmp_path, more):
    back = publish(second, tmp_path, more, "--version", "0.5.0")
    forth = publish(second, tmp_path, more, "--version", "2.0.0")
    made(tmp_path, "most", (*PROMPTS, "What is a delta?", "Where does the sea begin?"))
    after = publish(second, tmp_path, "most")

    assert back.returncode == 1
    assert "version 0.5.0 comes before 1.0.0" in back.stderr
    assert forth.returncode == after.returncode == 0, after.stderr
    assert set(second.repos["acme/rivers"].tags) == {"v1.0.0", "v2.0.0", "v2.1.0"}
    assert (
        "expected a version such as 1.2.0, found '01.2.3'"
        in publish(second, tmp_path, "most", "--version", "01.2.3").stderr
    )


def test_a_recipe_that_says_more_is_a_patch(second, tmp_path):
    made(tmp_path, "told", description="Questions about water.")

    done = publish(second, tmp_path, "told", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == "1.0.1"
    assert "Questions about water." in second.repos["acme/rivers"].at("main")[1]["README.md"].decode()


def test_prompts_that_change_their_split_are_a_major_change(second, finished, tmp_path):
    done = publish(second, tmp_path, finished, "--test", "0.6", "--json")

    found = json.loads(done.stdout)
    assert found["version"] == "2.0.0"
    assert found["diff"]["pairs"]["moved"] > 0


def test_a_tag_set_later_is_set_on_the_commit_that_brought_the_rows(hub, finished, tmp_path):
    hub.fail = [["POST .*/tag/", 500, 100]]
    publish(hub, tmp_path, finished)
    hub.fail = []
    repo = hub.repos["acme/rivers"]
    ours = repo.head
    repo.commits.append(("eeee1234", {**repo.commits[-1][1], "NOTES.md": b"theirs"}))

    done = publish(hub, tmp_path, finished)

    assert done.returncode == 0, done.stderr
    assert repo.tags == {"v1.0.0": ours}


def test_a_split_without_pairs_is_said(hub, finished, tmp_path):
    few = publish(hub, tmp_path, finished, "--test", "0.001", "--dry-run")
    many = publish(hub, tmp_path, finished, "--test", "0.999", "--dry-run")

    assert few.returncode == 0
    assert "no pair is in the test split" in few.stderr
    assert many.returncode == 2
    assert "all pairs are in the test split" in many.stderr


def test_a_commit_that_fails_leaves_no_empty_dataset(hub, finished, tmp_path):
    hub.fail = [["POST .*/commit/", 500, 100]]

    done = publish(hub, tmp_path, finished)

    assert done.returncode == 1
    assert not hub.repos


def test_a_pull_request_gets_no_tag(second, tmp_path, more):
    done = publish(second, tmp_path, more, "--pr")

    assert done.returncode == 0, done.stderr
    assert "/discussions/1" in done.stdout
    repo = second.repos["acme/rivers"]
    assert len(repo.commits) == 2
    assert set(repo.tags) == {"v1.0.0"}
    assert "release.json" in repo.requests[0][1]


@pytest.mark.parametrize("noted", [b"{not json", b"[]", b'{"version": "one", "content_hash": "x"}'])
def test_a_release_that_somebody_changed_by_hand_is_one_line(second, finished, tmp_path, noted):
    repo = second.repos["acme/rivers"]
    repo.commits.append(("abcdef12", {**repo.commits[-1][1], "release.json": noted}))

    done = publish(second, tmp_path, finished)

    assert done.returncode == 1
    assert "release.json on the Hub cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_publishes_of_one_run_do_not_write_over_each_other(finished, tmp_path):
    from filelock import FileLock

    with FileLock(finished / ".publishing.lock"):
        done = prefgen("publish", str(finished), "--dry-run", cwd=tmp_path)

    assert done.returncode == 1
    assert "is being published by another process" in done.stderr


def test_a_release_is_read_like_a_dataset(finished, tmp_path):
    prefgen("publish", str(finished), "--dry-run", "--test", "0.2", cwd=tmp_path)
    release = str(finished / "release")

    assert prefgen("check", release, cwd=tmp_path).returncode == 0
    assert "no change" in prefgen("diff", release, release, cwd=tmp_path).stdout
    test = prefgen("export", release, "--to", "trl", "--split", "test", "-o", "test.jsonl", cwd=tmp_path)
    wrong = prefgen("export", release, "--to", "trl", "--split", "dev", "-o", "dev.jsonl", cwd=tmp_path)
    assert 0 < len((tmp_path / "test.jsonl").read_text().splitlines()) < 30, test.stderr
    assert "has no split 'dev'; its splits: test, train" in wrong.stderr
    assert (
        "has no splits"
        in prefgen(
            "export", str(finished), "--to", "trl", "--split", "x", "-o", "x.jsonl", cwd=tmp_path
        ).stderr
    )


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
