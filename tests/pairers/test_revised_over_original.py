"""A revision over the response that it was made of: no judge is needed (the shortcut of Constitutional AI,
arXiv 2212.08073, section 3). (prefgen/pairers/revised_over_original.py)
"""

from prefgen.pairers.revised_over_original import RevisedOverOriginal
from prefgen.testing import a_record


async def test_a_prompt_without_a_revision_says_so():
    assert RevisedOverOriginal().explain(a_record("Q", "x")) == "no_revision"
