"""Change only what a critique names, so that chosen and rejected differ in that and in little else.
(prefgen/revisers/minimal_edit.py)
"""

import json

from prefgen.revisers.minimal_edit import MinimalEdit
from prefgen.testing import Scripted, a_record
from prefgen.types import Critique
from tests.support.revisers import revised


async def test_only_what_is_named_is_mended_and_a_sound_answer_is_left_alone():
    ask = Scripted(
        lambda text: (
            "Hello."
            if "Mend just that" in text
            else json.dumps({"flaws": ["It is rude.", "", "It is long."]})
        )
    )

    found = await revised(MinimalEdit(model="m"), ask, record=a_record("Say hello.", "Bad words."))
    sound = await revised(
        MinimalEdit(model="m"), Scripted(['{"flaws": []}']), record=a_record("Say hello.", "Bad words.")
    )

    assert [c.text for c in found.critiques] == ["It is rude.", "It is long."]
    assert found.responses[0].origin == "refined"
    assert (sound.responses, sound.critiques) == ((), ())


async def test_what_an_earlier_judge_wrote_is_mended_without_asking_for_flaws():
    record = a_record("Say hello.", "Bad words.").adding(
        critiques=[Critique(response_id="r0", text="It never says hello.", judge="j")]
    )
    ask = Scripted(["Hello."])

    found = await MinimalEdit(model="m").revise(record.prompt, record.responses[0], ask, record=record)

    assert len(ask.asked) == 1
    assert "It never says hello." in ask.asked[0][1][-1].text
    assert found.critiques == ()
