"""prefgen publish (prefgen/cli/publish.py)"""

from tests.support.publishing import publish


def test_a_dry_run_needs_no_token_and_sends_nothing(hub, finished, tmp_path):
    done = publish(hub, tmp_path, finished, "--dry-run", token="")

    assert done.returncode == 0, done.stderr
    assert "nothing was sent" in done.stdout
    assert not hub.asked
    assert (finished / "release" / "README.md").is_file()
