"""A release that is put together, in a dry run, which needs no Hub. (prefgen/publish/draft.py)"""

import hashlib
import json

from prefgen.publish.release import publish
from prefgen.publish.settings import PublishSettings


def test_everything_that_would_be_sent_is_in_the_folder(finished, tmp_path):
    import shutil

    run = shutil.copytree(finished, tmp_path / "run")

    release = publish(run, PublishSettings(repo="acme/rivers", test=0.2), dry_run=True, say=print)

    folder = run / "release"
    assert release.folder == folder and release.commit is None
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names >= {"README.md", "release.json", "manifest.json", "recipe.yaml"}
    note = json.loads((folder / "release.json").read_text())
    assert (note["version"], note["content_hash"]) == (release.version, release.content_hash)
    assert note["counts"] == {config: dict(splits) for config, splits in release.counts.items()}
    assert json.loads((folder / "manifest.json").read_text()) == json.loads(
        (run / "manifest.json").read_text()
    )
    card = (folder / "README.md").read_text()
    assert (release.content_hash in card and f"**{release.version}**" in card) or release.version in card


def test_the_same_run_gives_the_same_bytes(finished, tmp_path):
    import shutil

    def digests(name):
        run = shutil.copytree(finished, tmp_path / name / "run")
        publish(run, PublishSettings(repo="acme/rivers", test=0.2), dry_run=True, say=print)
        files = sorted(path for path in (run / "release").rglob("*") if path.is_file())
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    assert digests("a") == digests("b")
