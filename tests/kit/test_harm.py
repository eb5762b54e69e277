"""Prompts that were made from harmful texts: how they are marked, so that no such text can come out as the
preferred one. (prefgen/kit/harm.py)
"""

import json

import pytest

from prefgen.dataset.read_run import read_pairs, read_records
from prefgen.kit.harm import is_harmful
from prefgen.kit.templates import shipped
from prefgen.recipe.load import load_recipe
from prefgen.report.html import write_report
from prefgen.testing import a_record
from prefgen.types import Prompt
from tests.support.harm import TEXT
from tests.support.recipes import run


async def test_the_recipe_prefers_safe_answers_to_the_texts_and_full_ones_to_refusals(tmp_path):
    path = shipped("pipelines") / "safer_instruct.yaml"
    await run(load_recipe(path).data, tmp_path / "out", folder=path.parent)

    sources = {
        json.loads(line)["text"] for line in (path.parent / "data" / "harmful.jsonl").read_text().splitlines()
    }
    pairs = list(read_pairs(tmp_path / "out"))
    assert {row["rejected"][0]["content"] for row in pairs if "harm" in (row["lineage"] or "")} == sources
    assert not sources & {row["chosen"][0]["content"] for row in pairs}
    styles = {r.principle for record in read_records(tmp_path / "out") for r in record.responses}
    assert {"source", "helps", "refuses"} < styles
    assert styles & {"explain", "redirect", "comply_safely"}
    page = write_report(tmp_path / "out").read_text()
    assert not [text for text in sources if text[:40] in page]
    assert "not shown here" in page


@pytest.mark.parametrize(
    ("said", "held"),
    [
        (TEXT, True),
        (TEXT.upper().rstrip("."), True),
        (f"Sure. {TEXT} Good luck!", True),
        (TEXT.replace("bottle", "bot\u200btle"), True),
        ("Take the bottle back to the shop.", False),
    ],
)
def test_a_text_is_known_again_in_other_clothes(said, held):
    record = a_record(Prompt.of("How?", metadata={"source_text": TEXT}), said)

    assert is_harmful(record, "r0") == held


def test_few_words_count_only_where_they_are_the_whole_answer():
    prompt = Prompt.of("How?", metadata={"source_text": "No."})

    assert is_harmful(a_record(prompt, "no"), "r0")
    assert not is_harmful(a_record(prompt, "No, that is not so."), "r0")
