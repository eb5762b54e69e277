"""Check answers against what is known to be right: the same text, the same number, or a check of one's own.
(prefgen/judges/verifier.py)
"""

import pytest
from pydantic import ValidationError

from prefgen.errors import PluginError, RecipeError
from prefgen.judges.verifier import Verifier
from prefgen.testing import Scripted, a_record
from prefgen.types import Prompt
from tests.support.panel_judges import scores


async def verified(judge, *texts, references=("42",), **metadata):
    record = a_record(Prompt.of("Q", references=references, metadata=metadata), *texts)
    return list(await judge.judge(record.prompt, record.responses, Scripted([""])))


async def test_numbers_and_texts_are_compared_and_nothing_known_gives_no_score():
    assert scores(await verified(Verifier(), "It is 42.", "It is 41.", "No idea.")) == {
        "r0": 1.0,
        "r1": 0.0,
        "r2": None,
    }
    assert scores(
        await verified(Verifier(check="exact"), "The answer is  PARIS.", "Rome", references=("Paris",))
    ) == {"r0": 1.0, "r1": 0.0}
    assert scores(await verified(Verifier(), "42", references=())) == {"r0": None}
    assert scores(await verified(Verifier(), "42", references=("Paris",))) == {"r0": None}


def passes(answer, metadata):
    return metadata["wanted"] in answer


def shouts(answer, metadata):
    return "yes"


async def test_a_function_of_ones_own_decides():
    own = Verifier(check="function", function=f"{__name__}:passes")

    assert scores(await verified(own, "a b", "c", wanted="b")) == {"r0": 1.0, "r1": 0.0}
    with pytest.raises(PluginError, match="expected a bool"):
        await verified(Verifier(check="function", function=f"{__name__}:shouts"), "x")
    with pytest.raises(RecipeError, match="cannot be found"):
        await verified(Verifier(check="function", function="no_such_module:f"), "x")
    with pytest.raises(ValidationError):
        Verifier(check="function")


async def test_mathematics_is_compared_by_its_meaning():
    pytest.importorskip("math_verify")
    texts = (r"So \boxed{2\sqrt{3}}.", r"\boxed{3}", "I do not know.")

    found = await verified(Verifier(check="maths"), *texts, references=(r"\sqrt{12}",))

    assert scores(found) == {"r0": 1.0, "r1": 0.0, "r2": None}
    assert scores(await verified(Verifier(check="maths"), "2", references=())) == {"r0": None}
