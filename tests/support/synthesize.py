"""What several tests use: prompts that are written: seeds, rounds over a growing pool, and what becomes of a
seed that fails.
"""

import json

from prefgen import Prompt, Seed, synthesizer
from prefgen.dataset.read_run import read_records
from prefgen.errors import UnreadableReply
from tests.support.recipes import a_recipe

POOLS: dict[int, list] = {}


@synthesizer("test_fn_vary")
async def vary(seed: Seed, ask, pool, *, model: str):
    """Two prompts a seed: one that every seed of a round writes alike, and one of its own."""
    POOLS[seed.round] = pool.column("text")
    said = await ask(model, f"Ask about {seed.text}")
    if "refuses" in (seed.text or ""):
        raise UnreadableReply("cannot be read")
    return [
        Prompt.of(f"Common question {seed.round}?"),
        Prompt.of(f"{seed.text}, {said.text}?", category="own"),
    ]


def synthesized(rows=("cats", "dogs", "birds"), *, curate=True, folder, **fields):
    (folder / "seeds.jsonl").write_text("".join(json.dumps({"prompt": row}) + "\n" for row in rows))
    recipe = a_recipe()
    recipe["stages"][0] = {
        "prompts": {
            "given": {"use": "inline", "prompts": ["Given?"]},
            "made": {"use": "test_fn_vary", "model": "writer", "seeds": "seeds.jsonl", **fields},
        }
    }
    if curate:
        recipe["stages"].insert(1, {"curate": [{"use": "dedupe"}]})
    return recipe


def texts(out):
    return [record.prompt.text for record in read_records(out)]
