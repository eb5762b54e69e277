"""prefgen schema (prefgen/cli/schema.py)"""

import json

from tests.support.cli import prefgen


def test_the_schema_is_json(done):
    found = json.loads(prefgen("schema", cwd=done).stdout)
    sections = found["properties"]["publish"]["anyOf"][0], found["properties"]["train"]["anyOf"][0]
    assert [
        {"repo", "test"} <= set(sections[0]["properties"]),
        {"beta", "lora"} <= set(sections[1]["properties"]),
    ] == [True, True]

    assert found["properties"]["stages"]
