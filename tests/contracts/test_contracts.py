"""Every shipped plug-in of a role, found by its file name, keeps its role's contract."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from prefgen.plugins.registry import find
from prefgen.testing import Scripted, a_record, contract_of_judge, contract_of_pairer, contract_of_synthesizer
from tests.support.contracts import (
    ALL,
    LABELS,
    NEEDED,
    SAYS,
    an,
    same_words,
    shipped_names,
    skip_without_its_extra,
    written,
)


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


@pytest.mark.parametrize("name", shipped_names("judge"))
async def test_every_judge_keeps_the_contract(name):
    skip_without_its_extra(name)
    Path("labels.jsonl").write_text(LABELS)
    await contract_of_judge(an("judge", name), Scripted(SAYS[name]))


@pytest.mark.parametrize("name", shipped_names("pairer"))
@pytest.mark.parametrize("values", [[], [3], [3, 3], [1, 5, 3, 3], [2, 2, 2], [5, 4, 3, 2, 1]])
def test_every_pairer_keeps_the_contract(name, values):
    contract_of_pairer(
        an("pairer", name), a_record("Q", *(f"answer {i}" for i in range(len(values))), scores={"j": values})
    )


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


@pytest.mark.parametrize("name", shipped_names("synthesizer"))
async def test_every_synthesizer_keeps_the_contract(name):
    skip_without_its_extra(name)
    await contract_of_synthesizer(an("synthesizer", name), Scripted(written))
