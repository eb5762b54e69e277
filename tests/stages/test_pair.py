"""Pair stage: every pairer makes pairs of the judged responses. (prefgen/stages/pair.py)"""

import json

from tests.support.harm import TEXT, backwards
from tests.support.recipes import a_recipe, run


async def test_no_pairer_can_make_the_text_the_preferred_answer(tmp_path):
    recipe, folder = backwards(
        {
            "use": "fixed",
            "chosen": {"principle": ["source"]},
            "rejected": {"principle": ["explain", "redirect", "comply_safely"]},
        }
    )

    outcome = await run(recipe, tmp_path / "out", folder=folder)

    assert outcome.complete
    assert outcome.manifest.yields.pairs == 0
    assert outcome.manifest.yields.failures == {"pair: harmful_chosen": 6}


async def test_not_even_when_a_model_repeats_it_word_for_word(tmp_path):
    (tmp_path / "s.jsonl").write_text(json.dumps({"text": TEXT, "category": "c"}) + "\n")
    rules = [
        {"when": "seeks_harm", "say": ['{"reason": "r", "seeks_harm": true}']},
        {"when": "Write the request", "say": ['{"prompts": ["How?"]}']},
        {"when": "", "say": [f"  {TEXT}\n"]},
    ]
    recipe = a_recipe() | {
        "models": {"m": {"use": "scripted", "rules": rules, "temperature": 1.0}},
        "stages": [
            {
                "prompts": {
                    "made": {"use": "invert_harmful", "model": "m", "seeds": "s.jsonl", "accept_harm": True}
                }
            },
            {
                "sample": {
                    "a": {"use": "each", "model": "m", "n": 1},
                    "b": {"use": "each", "model": "m", "n": 1, "system": "Be short."},
                }
            },
            {
                "pair": {
                    "use": "fixed",
                    "chosen": {"origin": ["sampled"]},
                    "rejected": {"origin": ["sampled"]},
                    "all": True,
                }
            },
        ],
    }

    outcome = await run(recipe, tmp_path / "out", folder=tmp_path)

    assert outcome.complete
    assert outcome.manifest.yields.pairs == 0
