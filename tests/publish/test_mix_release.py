"""A mix that is published: rows in their splits, a card of its parts, licenses and marks.
(prefgen/publish/mix_release.py)
"""

import hashlib
import json

import pytest
import yaml

from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.read_run import read_shards
from prefgen.errors import GateFailed, RecipeError
from prefgen.publish.mix import mix
from prefgen.publish.mix_draw import parse_part
from prefgen.publish.release import publish
from prefgen.publish.settings import PublishSettings
from tests.support.cli import prefgen
from tests.support.export import dataset
from tests.support.hub import WRITER, Repo
from tests.support.publishing import HARMFUL, made, python
from tests.support.publishing import publish as publish_run


def pairs(name, count, word, **columns):
    return [
        {
            "prompt": f"{word} {i} {word} {i * 7} how does it come about?",
            "chosen": f"{name} good {i}",
            "rejected": f"{name} bad {i}",
            **columns,
        }
        for i in range(count)
    ]


def mixed(folder, *parts, test=0.2, seed=3):
    return mix([parse_part(part) for part in parts], folder / "mixed", test=test, seed=seed)


def dry(folder, **settings):
    return publish(folder / "mixed", PublishSettings(**settings), dry_run=True, say=print)


def card_of(release):
    text = (release.folder / "README.md").read_text()
    return text, yaml.safe_load(text.split("---")[1])


def test_the_release_of_a_mix_says_of_what_it_is_and_on_which_terms(tmp_path):
    one = dataset(tmp_path / "one.jsonl", pairs("A", 60, "rain", license="MIT", language="en"))
    rest = [*pairs("B", 20, "hail"), *pairs("B", 20, "mist", license="Ours")]
    two = dataset(tmp_path / "two.jsonl", [*pairs("B", 60, "rain", license="CC-BY-NC-4.0"), *rest])
    manifest = mixed(tmp_path, f"{one}:0.5", f"{two}:60")

    release = dry(tmp_path)

    assert not release.private and release.version == "0.1.0"
    assert release.counts == {"preferences": dict(manifest.counts)}
    mixed_rows, rows = (
        {(row["id"], row["split"]) for _, row in open_pairs(str(folder)).rows}
        for folder in (tmp_path / "mixed", release.folder)
    )
    assert rows == mixed_rows
    note = json.loads((release.folder / "manifest.json").read_text())
    assert note == json.loads((tmp_path / "mixed" / "mix.json").read_text())
    assert [part["left"] for part in note["mixed_of"]] == [part.left for part in manifest.mixed_of]
    text, header = card_of(release)
    assert "NOT FOR COMMERCIAL USE.** CC-BY-NC-4.0" in text
    assert (header["license"], header["license_name"], header["language"]) == ("other", "several", ["en"])
    assert "The strictest of those that are known here: CC-BY-NC-4.0" in text
    assert "How strict these are is not known here: Ours" in text
    assert f"The license of {manifest.licenses['unknown']} pairs is unknown" in text
    first, second = manifest.mixed_of
    assert f"| one.jsonl | digest `{first.digest}` | {first.wanted} of 60 prompts | {first.left} |" in text
    assert f"| two.jsonl | digest `{second.digest}` | 60 of 100 pairs | {second.left} |" in text
    assert "prefgen mix one.jsonl:0.5 two.jsonl:60 --test 0.2 --seed 3 -o mixed" in text
    assert str(tmp_path) not in text + json.dumps(note)


def test_the_command_of_the_card_gives_the_same_release(tmp_path):
    dataset(tmp_path / "one.jsonl", pairs("A", 30, "rain"))
    dataset(tmp_path / "two.jsonl", pairs("B", 30, "rain"))
    mixed(tmp_path, "one.jsonl:0.5", "two.jsonl:9")
    first = dry(tmp_path)
    command = card_of(first)[0].partition("```console\n")[2].partition("\n")[0].split()

    assert command[:2] == ["prefgen", "mix"]
    options = dict(zip(command[4::2], command[5::2], strict=True))
    mixed(tmp_path, *command[2:4], test=float(options["--test"]), seed=int(options["--seed"]))

    assert dry(tmp_path).content_hash == first.content_hash


def test_a_mix_that_is_written_anew_leaves_no_release_of_the_earlier_one(tmp_path):
    dataset(tmp_path / "one.jsonl", pairs("A", 30, "rain"))
    mixed(tmp_path, "one.jsonl")
    release = dry(tmp_path)
    with pytest.raises(RecipeError, match="31 are wanted"):
        mixed(tmp_path, "one.jsonl:31")
    assert card_of(release)[0] and (tmp_path / "mixed" / "release" / "data").is_dir()

    mixed(tmp_path, "one.jsonl:9")

    assert sorted(path.name for path in (tmp_path / "mixed").iterdir() if path.name[0] != ".") == [
        "data",
        "mix.json",
    ]
    assert sum(dry(tmp_path).counts["preferences"].values()) == 9


def test_a_mix_of_a_mix_says_what_curators_took_and_where_its_parts_are(tmp_path):
    (tmp_path / "runs").mkdir()
    dataset(tmp_path / "runs" / "one.jsonl", pairs("A", 30, "rain"))
    (tmp_path / "c.yaml").write_text("curate: [{use: limit, count: 20}]")
    mixes = [
        ("runs/one.jsonl", "--curate", "c.yaml", "-o", "out/inner"),
        ("out/inner", "--curate", "c.yaml", "-o", "out/middle"),
        ("out/middle", "-o", "out/outer"),
    ]
    for part, *options in mixes:
        done = prefgen("mix", part, *options, "--test", "0.2", cwd=tmp_path)
        assert done.returncode == 0, done.stderr

    prefgen("publish", "out/outer", "--dry-run", cwd=tmp_path)

    [part] = json.loads((tmp_path / "out" / "outer" / "mix.json").read_text())["mixed_of"]
    reason = "prompts: limit: over the limit of 20"
    assert part["earlier"] == {"middle / inner": {reason: 10}}
    assert (part["name"], part["path"]) == ("middle", "out/middle")
    card = (tmp_path / "out" / "outer" / "release" / "README.md").read_text()
    assert f"| middle / inner | {reason} | 10 |" in card and "prefgen mix out/middle --test" in card
    assert str(tmp_path) not in card


def test_splits_are_those_of_the_mix(tmp_path):
    dataset(tmp_path / "one.jsonl", pairs("A", 30, "rain"))
    mixed(tmp_path, "one.jsonl")

    with pytest.raises(RecipeError, match=r"has its splits: give --test to `prefgen mix`"):
        dry(tmp_path, test=0.5)


def test_a_row_that_is_broken_since_is_not_published(tmp_path):
    import pyarrow.parquet as pq

    dataset(tmp_path / "one.jsonl", pairs("A", 30, "rain"))
    mixed(tmp_path, "one.jsonl", test=0)
    [shard] = (tmp_path / "mixed" / "data" / "preferences").glob("*.parquet")
    table = pq.read_table(shard)
    rows = table.to_pylist()
    rows[0]["rejected"] = rows[0]["chosen"]
    pq.write_table(table.from_pylist(rows, table.schema), shard)

    assert dry(tmp_path).counts == {"preferences": {"train": 29}}
    with pytest.raises(GateFailed, match="chosen and rejected are the same"):
        dry(tmp_path, on_bad_rows="fail")


def a_harmful_pair():
    digest = hashlib.blake2b(HARMFUL.encode(), digest_size=16).hexdigest()
    lineage = {"harm": "theft", "source_digest": digest}
    return {
        "prompt": "How do I open a lock that is not mine?",
        "chosen": "I will not help with that.",
        "rejected": HARMFUL,
        "lineage": json.dumps(lineage),
    }, digest


@pytest.mark.parametrize("how", ["redact", "drop", "keep"])
def test_a_mix_with_harmful_texts_is_marked_as_a_run_is(tmp_path, how):
    row, digest = a_harmful_pair()
    dataset(tmp_path / "one.jsonl", [*pairs("A", 9, "rain"), row])
    assert mixed(tmp_path, "one.jsonl", test=0).harmful == 1
    again = mix([parse_part("mixed")], tmp_path / "again", test=0, seed=0)  # a mix of a mix

    release = dry(tmp_path, harmful=how)

    rows = json.dumps(list(read_shards(release.folder / "data" / "preferences")))
    assert (HARMFUL in rows, f"digest is {digest}" in rows) == (how == "keep", how == "redact")
    text, header = card_of(release)
    is_there = how != "drop"
    assert release.private == is_there
    assert ("not-for-all-audiences" in header["tags"]) == ("extra_gated_prompt" in header) == is_there
    assert ("Made from harmful texts" in text) == is_there
    assert HARMFUL not in text
    assert again.harmful == 1 and again.mixed_of[0].harmful


def test_a_part_that_is_said_to_be_private_makes_the_release_private(tmp_path):
    dataset(tmp_path / "one.jsonl", pairs("A", 30, "rain"))
    dataset(tmp_path / "two.jsonl", pairs("B", 30, "hail"))
    mixed(tmp_path, "one.jsonl", test=0)
    publish(tmp_path / "mixed", PublishSettings(private=True), dry_run=True, say=print)
    (tmp_path / "mixed" / "release").rename(tmp_path / "theirs")

    manifest = mixed(tmp_path, "theirs", "two.jsonl", test=0)
    release, public = dry(tmp_path), dry(tmp_path, private=False)

    assert [part.private for part in manifest.mixed_of] == [True, False] and manifest.private
    assert release.private and not public.private
    assert "Parts of it are private or gated:** theirs" in card_of(release)[0]
    assert manifest.mixed_of[0].version == "0.1.0" and manifest.mixed_of[0].content_hash


def test_a_mix_of_an_earlier_version_is_read_and_not_published(tmp_path):
    dataset(tmp_path / "one.jsonl", pairs("A", 30, "rain"))
    mixed(tmp_path, "one.jsonl", test=0)
    (tmp_path / "mixed" / "mix.json").write_text('{"mixed_of": [{"name": "one.jsonl"}], "seed": 0}')

    assert len(list(open_pairs("mixed").rows)) == 30
    with pytest.raises(RecipeError, match=r"mix\.json does not say what a mix .* mix the parts again"):
        dry(tmp_path)


def published(hub, folder, *options, repo="acme/mixed"):
    return prefgen("publish", "mixed", "--repo", repo, *options, cwd=folder, **there(hub, folder))


def there(hub, folder):
    return {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": WRITER,
    }


SOURCES = """
import json
from prefgen.trainers.pairs import read_training_pairs
data = read_training_pairs(["acme/mixed@v0.1.0"], max_repeated_chosen=1, seed=0)
print(json.dumps([len(data.train), len(data.test), data.sources]))
"""


def test_a_mix_becomes_a_tagged_version_that_every_command_takes(hub, tmp_path):
    dataset(tmp_path / "one.jsonl", pairs("A", 40, "rain"))
    manifest = mixed(tmp_path, "one.jsonl")

    done = published(hub, tmp_path)
    again = published(hub, tmp_path, "--json")

    assert done.returncode == 0, done.stderr
    repo = hub.repos["acme/mixed"]
    assert repo.tags == {"v0.1.0": repo.head} and len(repo.commits) == 2
    assert json.loads(again.stdout)["already"], again.stderr
    checked = prefgen("check", "acme/mixed@v0.1.0", cwd=tmp_path, **there(hub, tmp_path))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    same = prefgen("diff", "mixed", "acme/mixed@v0.1.0", cwd=tmp_path, **there(hub, tmp_path))
    assert "no change" in same.stdout, same.stderr
    train, test, [source] = python(hub, tmp_path, SOURCES)
    assert (train, test) == (manifest.counts["train"], manifest.counts["test"])
    assert (source["version"], source["recipe"]) == ("0.1.0", "mixed")
    assert source["row_digest"] == manifest.row_digest
    assert source["revision"] == repo.head


def test_a_part_that_is_private_on_the_hub_is_not_put_into_a_public_dataset(hub, tmp_path):
    header = b"---\nlicense: cc-by-nc-4.0\ntags: [not-for-all-audiences]\n---\n"
    lines = "".join(json.dumps(row) + "\n" for row in pairs("B", 30, "hail")).encode()
    files = {"README.md": header, "data/train.jsonl": lines}
    hub.repos["acme/theirs"] = Repo([("aabbccdd", files)], private=True)
    hub.repos["acme/mixed"] = Repo([("aabbccdd", {})])
    dataset(tmp_path / "one.jsonl", pairs("A", 30, "rain", license="MIT"))

    done = prefgen("mix", "one.jsonl", "acme/theirs:9", "-o", "mixed", cwd=tmp_path, **there(hub, tmp_path))
    refused = published(hub, tmp_path)
    elsewhere = published(hub, tmp_path, repo="acme/other")

    assert done.returncode == 0, done.stderr
    assert refused.returncode == 1
    assert "is public, and this release is private" in refused.stderr
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert hub.repos["acme/other"].private
    card = hub.repos["acme/other"].at("main")[1]["README.md"].decode()
    assert "| acme/theirs | commit `aabbccdd` |" in card
    assert "Parts of it are private or gated:** acme/theirs" in card
    assert "NOT FOR COMMERCIAL USE.** cc-by-nc-4.0" in card
    assert "not-for-all-audiences" in yaml.safe_load(card.split("---")[1])["tags"]
    assert "## Pairs, such as" not in card  # any of them may be harmful


def test_a_mix_in_the_place_of_a_run_leaves_nothing_of_it(hub, tmp_path):
    made(tmp_path, "run")
    assert publish_run(hub, tmp_path, "run", repo="acme/mixed").returncode == 0
    mixed(tmp_path, "run:20")

    done = published(hub, tmp_path)

    assert done.returncode == 0, done.stderr
    files = hub.repos["acme/mixed"].at("main")[1]
    assert {name.split("/")[1] for name in files if name.startswith("data/")} == {"preferences"}
    assert "recipe.yaml" not in files
    assert "mixed_of" in json.loads(files["manifest.json"])
