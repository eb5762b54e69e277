"""Every shipped plug-in of a role, found by its file name, keeps its role's contract."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from prefgen.plugins.plugin import Plugin
from prefgen.plugins.registry import find, list_plugin_names
from prefgen.plugins.role_table import PLUGIN_ROLES
from prefgen.testing import Scripted, a_record, contract_of_judge, contract_of_pairer, contract_of_synthesizer


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


@pytest.mark.parametrize(("role", "name"), ALL)
def test_it_is_found_by_name_frozen_and_refuses_unknown_fields(role, name):
    plugin = an(role, name)

    assert (plugin.role, plugin.name) == (role, name)
    with pytest.raises(ValidationError):
        type(plugin)(**{**NEEDED.get(role, {}).get(name, {}), "no_such_field": 1})
    with pytest.raises(ValidationError):
        plugin.no_such_field = 1


@pytest.mark.parametrize(("role", "name"), ALL)
def test_every_field_says_what_it_is_and_the_module_what_it_is_for(role, name):
    import inspect

    plugin = find(role, name, Path())

    assert inspect.getmodule(plugin).__doc__
    assert [n for n, info in plugin.model_fields.items() if not info.description] == []


@pytest.mark.parametrize(("role", "name"), ALL)
def test_its_texts_are_shipped(role, name):
    from prefgen.kit.templates import text_file

    for text in find(role, name, Path()).texts:
        assert text_file("prompts", text).is_file()


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


def skip_without_its_extra(name):
    if name == "distilabel" and importlib.util.find_spec("distilabel") is None:
        pytest.skip("needs prefgen[distilabel]; tests/integration/test_distilabel.py runs there")


@pytest.mark.parametrize("name", shipped_names("judge"))
async def test_every_judge_keeps_the_contract(name):
    skip_without_its_extra(name)
    Path("labels.jsonl").write_text(
        '{"response_id": "r0", "score": 1}\n{"first_id": "r1", "second_id": "r2", "better": "tie"}\n'
    )
    await contract_of_judge(an("judge", name), Scripted(SAYS[name]))


@pytest.mark.parametrize("name", shipped_names("pairer"))
@pytest.mark.parametrize("values", [[], [3], [3, 3], [1, 5, 3, 3], [2, 2, 2], [5, 4, 3, 2, 1]])
def test_every_pairer_keeps_the_contract(name, values):
    contract_of_pairer(
        an("pairer", name), a_record("Q", *(f"answer {i}" for i in range(len(values))), scores={"j": values})
    )


def same_words(text):
    """The same answer to every draw, and a reward model's 0.5 for it."""
    return "0.5" if "same words" in text else "same words"


@pytest.mark.parametrize("name", shipped_names("sampler"))
async def test_every_sampler_gives_responses_with_ids_of_their_own(name):
    skip_without_its_extra(name)
    record = a_record("Q")
    plugin = an(*("sampler", name))

    first = await plugin.sample(record.prompt, Scripted(same_words))
    again = await plugin.sample(record.prompt, Scripted(same_words))

    assert first == again
    assert len({r.id for r in first}) == len(first) >= 1
    assert {r.prompt_id for r in first} == {record.prompt.id}


def written(text):
    """A prompt that depends on what was asked, and an expert that finds harm everywhere."""
    if "seeks_harm" in text:
        return '{"reason": "r", "seeks_harm": true}'
    return json.dumps({"prompts": [f"What follows from {len(text)} characters?"]})


@pytest.mark.parametrize("name", shipped_names("synthesizer"))
async def test_every_synthesizer_keeps_the_contract(name):
    skip_without_its_extra(name)
    await contract_of_synthesizer(an("synthesizer", name), Scripted(written))
