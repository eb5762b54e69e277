"""Rewrite an answer to a better one in one step (SynPO's response improver, arXiv 2410.06961, section 2.2).
(prefgen/revisers/improve.py)
"""

from prefgen.revisers.improve import Improve
from prefgen.testing import Scripted
from tests.support.revisers import revised


async def test_an_improved_answer_has_its_parent_and_origin():
    found = await revised(Improve(model="m", instruction="Be brief."), Scripted(["  Hello there.  "]))

    [response] = found.responses
    assert (response.text, response.origin, response.parent_id) == ("Hello there.", "improved", "r0")
