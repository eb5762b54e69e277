"""Rate each answer on one aspect of one's own, by a definition and, if wanted, anchored levels.
(prefgen/judges/aspect.py)
"""

from prefgen.errors import UnreadableReply
from prefgen.judges.aspect import Aspect
from prefgen.testing import Scripted
from tests.support.judges import judged


async def test_an_aspect_has_the_scale_of_its_levels():
    [verdict] = await judged(
        Aspect(model="m", aspect="tact", levels=("rude", "plain", "kind")), Scripted(["Rating: 3"]), "x"
    )
    lost = await judged(
        Aspect(model="m", aspect="tact", levels=("rude", "plain", "kind")), Scripted(["Rating: 4"]), "x"
    )

    assert (verdict.value, verdict.scale, verdict.aspect) == (3.0, (1.0, 3.0), "tact")
    assert [type(v) for v in lost] == [UnreadableReply]
