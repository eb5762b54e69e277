"""Several models of a pool answer each prompt: which ones is drawn by prompt (UltraFeedback, arXiv
2310.01377, section 2.1). (prefgen/samplers/pool.py)
"""

from pathlib import Path

from prefgen.plugins.registry import find
from prefgen.testing import Scripted


async def test_pool_mixes_principles_by_source():
    from prefgen.types import Prompt

    pool = find("sampler", "pool", Path())(models=["m", "n"], per_prompt=2, principles="ultrafeedback")
    seen = {"truthful_qa": set(), "web": set()}
    for source, found in seen.items():
        for i in range(60):
            ask = Scripted(["x"])
            responses = await pool.sample(Prompt.of(f"Question {i}", source=source), ask)
            found |= {r.principle for r in responses}
            assert all(turns[0].role == "system" for _, turns in ask.asked)

    assert seen["truthful_qa"] == {"truthfulness"}
    assert {"helpfulness", "truthfulness", "honesty"} <= seen["web"]
