"""prefgen retry (prefgen/cli/retry.py)"""

from tests.support.recipes import a_recipe, run
from tests.support.server import answer, by_content


async def test_retrying_failures_asks_just_them_again(tmp_path, server):
    from typer.testing import CliRunner

    from prefgen.cli import app

    server.script = lambda body, attempt: (
        answer("", body, finish_reason="length")
        if body["model"] == "w" and "Two?" in str(body)
        else by_content(body, attempt)
    )
    recipe = a_recipe(url=server.url)
    await run(recipe, tmp_path / "out")
    asked = len(server.bodies)
    server.script = by_content

    marked = CliRunner().invoke(app, ["retry", str(tmp_path / "out"), "--failed"])
    outcome = await run(recipe, tmp_path / "out")

    assert marked.exit_code == 0
    assert outcome.manifest.yields.pairs == 3
    assert len(server.bodies) == asked + 2  # both draws in one request, and the judgment
    assert sum(outcome.manifest.attempts.values()) == 2
