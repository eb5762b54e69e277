"""One model answers under two opposed system prompts: the one asks for what is wanted, the other for its
contrary (as RLCD, arXiv 2307.12950, does). (prefgen/samplers/contrast.py)
"""

from prefgen.samplers.contrast import Contrast
from prefgen.testing import Scripted
from tests.support.sampled import PROMPT


async def test_contrast_asks_under_opposed_system_prompts():
    ask = Scripted(lambda text: "Hello!" if "Be kind." in text else "What?")

    responses = await Contrast(model="m", toward="Be kind.", away="Be rude.").sample(PROMPT, ask)

    assert [(r.principle, r.text) for r in responses] == [("toward", "Hello!"), ("away", "What?")]
