"""The files of a dataset's prompts are known by their digests. (prefgen/recipe/source_files.py)"""

import hashlib
import json
import shutil
import subprocess

import yaml

from prefgen.recipe.source_files import changed_files
from prefgen.storage import file_digest
from prefgen.storage.file_digest import sha256_of
from tests.support.cli import prefgen_here as prefgen
from tests.support.recipes import a_recipe

PROMPTS = [f"What is the capital of country {number}?" for number in range(4)]


def write_recipe(folder, path="prompts.jsonl", use="file"):
    recipe = a_recipe()
    recipe["stages"][0] = {"prompts": {"use": use, "path": path}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return folder / "recipe.yaml"


def write_prompts(file, prompts=PROMPTS):
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts))


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_the_digest_is_what_sha256sum_says(tmp_path):
    write_prompts(tmp_path / "prompts.jsonl")

    done = prefgen("run", write_recipe(tmp_path), "--out", tmp_path / "run", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    said = subprocess.run(["sha256sum", tmp_path / "prompts.jsonl"], capture_output=True, text=True).stdout
    assert manifest_of(tmp_path / "run")["source_files"] == {"prompts.jsonl": said.split()[0]}


def test_a_folder_has_a_line_for_each_file_and_a_run_is_known_by_its_manifest(tmp_path):
    write_prompts(tmp_path / "many" / "a.jsonl")
    write_prompts(tmp_path / "many" / "b.jsonl", ["Which river is the longest?"])
    (tmp_path / "many" / ".git").mkdir()
    write_prompts(tmp_path / "many" / ".git" / "c.jsonl")

    first = prefgen("run", write_recipe(tmp_path, "many"), "--out", tmp_path / "run", cwd=tmp_path)
    second = prefgen(
        "run", write_recipe(tmp_path, "run", "records"), "--out", tmp_path / "again", cwd=tmp_path
    )

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert list(manifest_of(tmp_path / "run")["source_files"]) == ["many/a.jsonl", "many/b.jsonl"]
    assert list(manifest_of(tmp_path / "again")["source_files"]) == ["run/manifest.json"]


def test_a_dataset_that_is_made_again_from_other_prompts_says_so(tmp_path):
    write_prompts(tmp_path / "prompts.jsonl")
    recipe = write_recipe(tmp_path)
    prefgen("run", recipe, "--out", tmp_path / "run", cwd=tmp_path)
    shutil.copy(tmp_path / "run" / "manifest.json", tmp_path / "manifest.json")  # as a release has it

    same = prefgen("check", recipe, cwd=tmp_path)
    write_prompts(tmp_path / "prompts.jsonl", [*PROMPTS, "One more?"])
    other = prefgen("check", recipe, cwd=tmp_path)
    (tmp_path / "manifest.json").write_text('{"source_files": [1, null]}')
    foreign = prefgen("check", recipe, cwd=tmp_path)

    warning = "prompts.jsonl is not the file that manifest.json beside the recipe tells of"
    assert warning in other.stdout
    assert "is not the file" not in same.stdout + foreign.stdout


def test_files_that_differ_are_named_where_it_is_known_what_they_were():
    before = {"many/a.jsonl": "1", "many/b.jsonl": "2", "many/c.jsonl": "3"}
    now = {"many/b.jsonl": "2", "many/c.jsonl": "4", "many/d.jsonl": "5"}

    assert changed_files(before, now) == [
        "many/c.jsonl: other contents", "many/d.jsonl: new", "many/a.jsonl: gone",
    ]  # fmt: skip
    assert changed_files(before, dict(reversed(before.items()))) == []
    assert changed_files({}, now) == []


def test_a_file_is_read_once_until_it_changes(tmp_path):
    file = tmp_path / "prompts.jsonl"
    file.write_bytes(b"one")
    file_digest._read.cache_clear()

    twice = [sha256_of(file), sha256_of(file)]
    reads = file_digest._read.cache_info().misses
    file.write_bytes(b"three")

    assert twice == [hashlib.sha256(b"one").digest()] * 2 and reads == 1
    assert sha256_of(file) == hashlib.sha256(b"three").digest()
