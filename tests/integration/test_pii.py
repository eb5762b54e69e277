"""Personal data is taken out of prompts by Presidio's patterns, without a network."""

import pytest

from prefgen.dataset.read_run import read_records
from prefgen.plugins.registry import find
from prefgen.types import Message, Prompt
from tests.support.recipes import a_recipe, run

FOUND = {
    "Write to jane.doe@example.org about it.": "Write to <EMAIL_ADDRESS> about it.",
    "Call +1 (415) 555-2671 at noon.": "Call <PHONE_NUMBER> at noon.",
    "My card is 4111 1111 1111 1111, is it valid?": "My card is <CREDIT_CARD>, is it valid?",
    "Pay into DE89370400440532013000 today.": "Pay into <IBAN_CODE> today.",
    "Why can I not reach 192.168.0.12?": "Why can I not reach <IP_ADDRESS>?",
    "My number is 536-90-4399.": "My number is <US_SSN>.",
}
LEFT = [
    "What is 4111 + 1111?",
    "Write a poem of 14 lines about 1984.",
    "My card is 4111 1111 1111 1112, is it valid?",
    "Привет, как дела?",
]


def curated_by(prompts, **fields):
    recipe = a_recipe(prompts=prompts)
    recipe["stages"] = [recipe["stages"][0], {"curate": [{"use": "pii", **fields}, {"use": "dedupe"}]}]
    return recipe


async def test_what_is_found_is_replaced_by_its_kind_and_the_rest_stays(tmp_path):
    outcome = await run(curated_by([*FOUND, *LEFT]), tmp_path / "out")

    assert outcome.complete
    records = list(read_records(tmp_path / "out"))
    assert [r.prompt.text for r in records] == [*FOUND.values(), *LEFT]
    assert records[0].prompt.lineage["pii"] == {"EMAIL_ADDRESS": 1}
    assert records[0].id == Prompt.of("Write to <EMAIL_ADDRESS> about it.").id
    assert b"jane.doe" not in b"".join(p.read_bytes() for p in (tmp_path / "out" / "records").iterdir())


async def test_two_prompts_that_become_one_are_told_apart_or_deduped(tmp_path):
    await run(curated_by(["Call +1 (415) 555-2671.", "Call +1 (415) 555-2672."]), tmp_path / "out")

    assert [r.prompt.text for r in read_records(tmp_path / "out")] == ["Call <PHONE_NUMBER>."]


async def test_it_may_go_instead_and_only_some_kinds_may_count(tmp_path):
    outcome = await run(curated_by([*FOUND, *LEFT], action="drop", kinds=["IBAN_CODE"]), tmp_path / "out")

    assert len(list(read_records(tmp_path / "out"))) == len(FOUND) + len(LEFT) - 1
    assert outcome.manifest.yields.dropped_by_curators == {"prompts: pii: personal data: IBAN_CODE": 1}


def test_every_turn_is_looked_at():
    turns = [
        Message(role=role, content=f"{role} a@example.org")
        for role in ("system", "user", "assistant", "user")
    ]

    made = find("curator", "pii", None)().rewrite(Prompt.of(turns, category="c"))

    assert all("<EMAIL_ADDRESS>" in m.text and "@" not in m.text for m in made.messages)
    assert made.category == "c"
    assert made.lineage["pii"] == {"EMAIL_ADDRESS": 4}


@pytest.mark.parametrize("text", ["", "\u0000", "🙂" * 500, "مرحبا " * 50])
def test_odd_texts_are_left_as_they_are(text):
    prompt = Prompt.of(text or " ")

    assert find("curator", "pii", None)().rewrite(prompt) is prompt  # pyright: ignore[reportArgumentType]
