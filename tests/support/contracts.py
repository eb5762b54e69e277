"""What tests of contracts use: every shipped plug-in with the fields that it needs, and replies for it."""

import importlib.util
import json
import re
from pathlib import Path
from random import Random

import pytest

from prefgen.errors import ReplyError
from prefgen.kit.call_method import call_method
from prefgen.plugins.plugin import Plugin
from prefgen.plugins.registry import find, list_plugin_names
from prefgen.plugins.role_table import PLUGIN_ROLES
from prefgen.testing import a_pool, a_record
from prefgen.types import Seed

LABELS = '{"response_id": "r0", "score": 1}\n{"first_id": "r1", "second_id": "r2", "better": "tie"}\n'
"""What the judge `labels` reads in `labels.jsonl`."""


def shipped_names(role):
    """Without what other tests register."""
    return [name for name in list_plugin_names(role) if not name.startswith("test_")]


ALL = [(role, name) for role in PLUGIN_ROLES for name in shipped_names(role)]


NEEDED = {
    "source": {
        "file": {"path": "p"},
        "hub": {"path": "a/b"},
        "inline": {"prompts": ["Hi"]},
        "records": {"path": "p"},
    },
    "curator": {
        "limit": {"count": 3},
        "balance": {"most": 3},
        "decontaminate": {"against": ["b.jsonl"]},
        "diversify": {"count": 3},
        "rated": {"model": "m", "least": 3},
        "calibrate": {"labels": "labels.jsonl"},
        "pass_rate": {"model": "m"},
        "perplexity": {"model": "m", "most": 900},
    },
    "sampler": {
        "each": {"model": "m"},
        "pool": {"models": ["m"], "per_prompt": 1},
        "ladder": {"model": "m"},
        "contrast": {"model": "m", "toward": "Be kind.", "away": "Be rude."},
        "best_of": {"model": "m", "scorer": "r", "n": 4},
        "distilabel": {"task": "TextGeneration", "model": "m"},
        "safe_answer": {"model": "m"},
    },
    "judge": {
        "ultrafeedback": {"model": "m"},
        "distilabel": {"task": "UltraFeedback", "model": "m"},
        "additive": {"model": "m"},
        "aspect": {"model": "m", "aspect": "tact"},
        "binary_vote": {"model": "m"},
        "injection_guard": {"model": "m"},
        "checklist": {"model": "m", "criteria": ["It names a colour."]},
        "expectation": {"model": "m"},
        "pairwise": {"model": "m"},
        "jury": {"of": ["a", "b"]},
        "labels": {"path": "labels.jsonl"},
        "reward_model": {"model": "m"},
        "verifier": {},
        "constraints": {"rules": [{"kind": "words", "most": 5}]},
    },
    "reviser": {"constitution": {"model": "m"}, "improve": {"model": "m"}, "minimal_edit": {"model": "m"}},
    "synthesizer": {
        "distilabel": {"task": "EvolInstruct", "model": "m", "settings": {"num_evolutions": 1}},
        **{name: {"model": "m"} for name in ("taxonomy", "evolve_constraints", "questions_for_traits")},
        "backtranslate": {"model": "m", "least": None},
        "red_team": {"model": "m", "seeds": "s.jsonl", "accept_harm": True},
        "invert_harmful": {"model": "m", "seeds": "s.jsonl", "accept_harm": True},
        **{
            name: {"model": "m"}
            for name in ("few_shot", "self_instruct", "persona", "evolve", "keywords", "magpie", "multi_turn")
        },
    },
    "filter": {"flagged_by": {"judge": "j", "below": 2}},
    "pairer": {"fixed": {"chosen": {"model": ["model-0"]}, "rejected": {"model": ["model-1"]}}},
}


def an(role, name) -> Plugin:
    return find(role, name, Path())(**NEEDED.get(role, {}).get(name, {}))


def by_label(text):
    """A judge that rates by length, whatever the order."""
    shown = re.findall(r"<text \d+>\n(.*?)\n</text \d+>", text, re.DOTALL)
    return json.dumps(
        {
            f"text_{i + 1}": {"rationale": "r", "types": [1], "rating": 1 + len(t) % 5}
            for i, t in enumerate(shown)
        }
    )


def by_length(text):
    """A pointwise judge's reply: a rating by length."""
    return f"It has {len(text)} characters.\nRating: {1 + len(text) % 4}"


def by_blocks(text):
    """Three blocks, as distilabel's UltraFeedback reads them."""
    shown = re.findall(r"<text \d+>(.*)", text.rpartition("## Annotation")[2])
    return "\n\n".join(
        f"#### Output for Text {i + 1}\nRating: {1 + len(t) % 5}\nRationale: r" for i, t in enumerate(shown)
    )


SAYS = {
    "additive": by_length,
    "aspect": by_length,
    "binary_vote": lambda text: f"Checked.\n\nFinal judgment: {'yes' if len(text) % 2 else 'no'}",
    "constraints": "asks no model",
    "jury": "asks no model",
    "labels": "asks no model",
    "verifier": "asks no model",
    "reward_model": lambda text: str(len(text) % 3) if text.strip() else "",
    "checklist": lambda text: json.dumps({"item_1": {"reason": "r", "met": bool(len(text) % 2)}}),
    "expectation": lambda text: str(1 + len(text) % 10),
    "pairwise": lambda text: "AB"[len(text) % 2],
    "injection_guard": lambda text: "AB"[len(text) % 2],
    "ultrafeedback": by_label,
    "distilabel": by_blocks,
}


def same_words(text):
    """The same answer to every draw, and a reward model's 0.5 for it."""
    return "0.5" if "same words" in text else "same words"


def written(text):
    """A prompt that depends on what was asked, and an expert that finds harm everywhere."""
    if "seeks_harm" in text:
        return '{"reason": "r", "seeks_harm": true}'
    return json.dumps({"prompts": [f"What follows from {len(text)} characters?"]})


def skip_without_its_extra(name):
    if name == "distilabel" and importlib.util.find_spec("distilabel") is None:
        pytest.skip("needs prefgen[distilabel]; tests/integration/test_distilabel.py runs there")


CASES = [
    (role, name)
    for role in ("judge", "sampler", "reviser", "synthesizer", "filter", "pairer")
    for name in shipped_names(role)
]
ANSWERS = ("Blue is a colour.", "I would say green, perhaps.", "Red.", "Red.")
REVISION = "A kinder answer, of {} characters."


def script_of(role, name):
    if role == "judge":
        return SAYS[name]
    if role == "reviser":
        return lambda text: REVISION.format(len(text))
    return written if role == "synthesizer" else same_words


async def result_of(role, name, ask):
    """What a plug-in makes of one record or seed, as text; errors by their words."""
    plugin, record = an(role, name), a_record("Name a colour.", *ANSWERS, scores={"j": [4, 2, 5, 5]})
    prompt, responses = record.prompt, record.responses
    arguments = {
        "judge": (prompt, responses, ask),
        "sampler": (prompt, ask),
        "reviser": (prompt, responses[0], ask),
        "synthesizer": (Seed(index=0, seed=0, text="A tide clock.", shots=ANSWERS[:2]), ask, a_pool()),
        "filter": (record,),
        "pairer": (record, Random(7)),
    }[role]
    method = getattr(plugin, PLUGIN_ROLES[role].method)
    shown = {} if role in ("filter", "pairer") else {"record": record}
    try:
        made = await call_method(method, *arguments, **shown)
    except ReplyError as error:
        return str(error)
    made = made if isinstance(made, list | tuple) else [made]
    return [value.model_dump_json() if hasattr(value, "model_dump_json") else str(value) for value in made]
