"""What a plug-in is: its own configuration, and hooks with defaults for the few that need more than their
role's one method. (prefgen/plugins/plugin.py)
"""

from pathlib import Path
from random import Random

import pytest
from pydantic import ValidationError

from prefgen import (
    Flag,
    Pair,
    Response,
    Score,
    filter,
    judge,
    pairer,
    reviser,
    sampler,
    synthesizer,
)
from prefgen.errors import PluginError, RecipeError
from prefgen.plugins.plugin import Plugin
from prefgen.plugins.registry import code_digest, find
from prefgen.roles import Revision
from prefgen.testing import Scripted, a_record, contract_of_judge
from tests.support.recipes import a_recipe, run
from tests.support.synthesizers import an


@judge("test_fn_brevity")
def brevity(prompt, responses, *, words: int = 20):
    """Prefer short replies."""
    return [
        Score(response_id=r.id, aspect="brevity", value=1 / (1 + len(r.text.split()) / words), scale=(0, 1))
        for r in responses
    ]


@judge("test_fn_asks")
async def models_used(responses, ask, record, *, model: str):
    replies = [await ask(model, f"{record.prompt.text} / {r.text}") for r in responses]
    return [
        Score(response_id=r.id, aspect="length", value=float(len(reply.text) % 5), scale=(0, 5))
        for r, reply in zip(responses, replies, strict=True)
    ]


@sampler("test_fn_twice")
async def twice(prompt, ask, *, model: str):
    return [
        Response.of(prompt, (await ask(model, prompt.messages, sample=i)).message, model=model, sample=i)
        for i in range(2)
    ]


@reviser("test_fn_shout")
async def shout(prompt, response, *, marks: str = "!"):
    return Revision(
        (Response.of(prompt, response.text.upper() + marks, parent_id=response.id, origin="revised"),)
    )


@filter("test_fn_no_numbers")
def no_numbers(record):
    return [
        Flag(target_id=r.id, rule="numbers") for r in record.responses if any(c.isdigit() for c in r.text)
    ]


@pairer("test_fn_first")
def first(record, rng, *, seed: int = 0):
    ids = [r.id for r in record.responses if r.id not in record.flagged()]
    return [Pair(chosen_id=ids[0], rejected_id=ids[1], rule="first")] if len(ids) > 1 else []


async def test_a_function_keeps_the_contract_of_its_role():
    await contract_of_judge(find("judge", "test_fn_brevity", Path())(words=10), Scripted(["x"]))
    assert first(seed=1).pair(a_record("Q", "a", "b"), Random(0))[0].chosen_id == "r0"


def test_its_parameters_are_checked_fields():
    assert list(brevity.model_fields) == ["words"]
    assert brevity.__doc__ == "Prefer short replies."
    for wrong in ({"words": "many"}, {"wrods": 3}):
        with pytest.raises(ValidationError):
            brevity(**wrong)
    with pytest.raises(ValidationError):
        twice()
    assert len(code_digest(brevity)) == 16


def test_a_parameter_that_is_neither_handed_in_nor_typed_is_refused():
    with pytest.raises(PluginError, match="parameter 'wrods' needs a type"):

        @judge("test_fn_wrong")
        def wrong(prompt, responses, wrods): ...


async def test_functions_of_every_role_make_a_dataset(tmp_path):
    recipe = a_recipe()
    recipe["stages"] = [
        recipe["stages"][0],
        {"sample": {"use": "test_fn_twice", "model": "writer"}},
        {"revise": {"use": "test_fn_shout", "marks": "!!"}},
        {
            "judge": {
                "short": {"use": "test_fn_brevity", "words": 5},
                "long": {"use": "test_fn_asks", "model": "grader"},
            }
        },
        {"filter": {"use": "test_fn_no_numbers"}},
        {"pair": {"use": "best_vs_worst", "score": "short"}},
    ]
    recipe["models"]["writer"]["rules"][1]["say"] = ["Short.", "A longer answer, in more words."]

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert outcome.manifest.yields.responses == 12
    assert outcome.manifest.yields.pairs == 3


def test_a_synthesizer_class_has_the_fields_of_seeds():
    from prefgen.errors import PluginError

    with pytest.raises(PluginError, match="FromSeeds"):
        synthesizer("test_not_from_seeds")(type("Bare", (Plugin,), {}))


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("red_team", {"seeds": "s"}, "accept_harm: true"),
        ("red_team", {"accept_harm": True}, "needs `seeds`"),
        ("taxonomy", {}, "needs `seeds`"),
        ("evolve_constraints", {}, "needs `seeds`"),
        ("backtranslate", {}, "needs `seeds`"),
        ("questions_for_traits", {}, "needs `seeds`"),
        ("few_shot", {"template": "{% if"}, "template"),
        ("few_shot", {"template": "{{ nope }}"}, "nope"),
        ("persona", {}, "needs `seeds`"),
        ("evolve", {}, "needs `seeds`"),
        ("keywords", {}, "needs `seeds`"),
        ("keywords", {"seeds": "s", "shots": 0}, "`shots` is 0"),
        ("multi_turn", {}, "needs `seeds`"),
        ("magpie", {"seeds": "s"}, "starts from nothing"),
        ("magpie", {"template": "lama3"}, "Did you mean 'llama3'"),
        ("magpie", {"template": "llama-3"}, "no template 'llama-3'"),
        ("magpie", {"template": "<user>", "system": ["x"]}, "how a system turn looks"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_asked(name, fields, message):
    with pytest.raises(RecipeError, match=message):
        an(name, **fields).validate()
