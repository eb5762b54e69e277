"""What several tests use: what each synthesizer asks, and what it makes of the replies."""

import json
from pathlib import Path

from prefgen.plugins.registry import find
from prefgen.testing import Scripted, a_pool
from prefgen.types import Seed


def an(name, **fields):
    return find("synthesizer", name, Path())(model="m", **fields)


def listed(*texts):
    return json.dumps({"prompts": list(texts)})


def a_seed(text="The tide clock shows when boats may leave.", shots=(), messages=(), **metadata):
    return Seed(index=0, seed=0, text=text, metadata=metadata, shots=shots, messages=messages)


async def asked_of(synthesizer, seed, *replies):
    """(what was written, what was asked)."""
    ask = Scripted(list(replies))
    written = await synthesizer.synthesize(seed, ask, a_pool())
    return written, ["\n\n".join(m.text for m in turns) for _, turns in ask.asked]


def texts(prompts):
    return [p.text for p in prompts]
