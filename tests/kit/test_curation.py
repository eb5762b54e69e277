"""Curators that keep rows by a number: its bounds, and what becomes of rows that have none.
(prefgen/kit/curation.py)
"""

import pytest
from pydantic import ValidationError

from prefgen.errors import PluginError
from tests.support.recipes import run
from tests.support.tables import curated, prompts
from tests.support.vectors import thinned


@pytest.mark.parametrize("name", ["pass_rate", "perplexity"])
def test_bounds_that_nothing_fits_are_refused(name):
    with pytest.raises(ValidationError, match="give least, most, or both"):
        curated(name, prompts("a"), model="m", least=None, most=None)
    with pytest.raises(ValidationError, match=r"least is .* and most is"):
        curated(
            name,
            prompts("a"),
            model="m",
            **({"least": 0.9, "most": 0.1} if name == "pass_rate" else {"least": 9, "most": 2}),
        )


async def test_vectors_of_two_sizes_are_a_bug_that_is_named(tmp_path, server):
    server.script = lambda body, _: {
        "data": [{"index": 0, "embedding": [1.0] * (2 + ("dog" in body["input"][0]))}],
        "model": "g",
    }

    with pytest.raises(PluginError, match=r"have \[2, 3\] numbers"):
        await run(
            thinned(
                server.url,
                [{"use": "dedupe", "method": "semantic", "model": "grader"}],
                ("My cat", "Old dog"),
            ),
            tmp_path / "out",
        )
