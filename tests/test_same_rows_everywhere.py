"""The same two answers as a pair, wherever pairs are made, proven or read: all agree on whether they
are one.
"""

import asyncio
import json

import pytest

from prefgen.dataset.check import check_rows
from prefgen.dataset.read_run import read_pairs
from prefgen.errors import GateFailed, RecipeError
from prefgen.publish.export import export
from prefgen.publish.mix import mix
from prefgen.publish.mix_draw import parse_part
from prefgen.publish.release import publish
from prefgen.publish.settings import PublishSettings
from prefgen.text.normalize import is_blank
from prefgen.trainers.pairs import read_training_pairs
from tests.support.recipes import run

CASES = {
    "a ligature and its letters": ("The \ufb01rst \ufb02ight.", "The first flight.", False),
    "x² and x2": ("x² + 1", "x2 + 1", False),
    "full-width letters": ("\uff21\uff22\uff23", "abc", False),
    "an accent, composed and not": ("caf\u00e9", "cafe\u0301", False),
    "case": ("YES, it is.", "yes, it is.", False),
    "a sharp s": ("Straße", "STRASSE", False),
    "white space": ("one\n\n two", "one two", False),
    "a no-break space": ("one\u00a0two", "one two", False),
    "an empty side": ("something", "   ", False),
    "a full stop more": ("It is.", "It is", True),
    "one word": ("It is so.", "It is not so.", True),
    "digits": ("12", "21", True),
    "an accent and none": ("café", "cafe", True),
    "a zero-width space inside": ("some\u200bthing", "something", False),
    "a soft hyphen": ("some\u00adthing", "something", False),
    "a side that shows nothing": ("something", "\u3164 \u2800\ufeff", False),
    "a minus and a hyphen": ("3 \u2212 2", "3 - 2", True),
    "another order of words": ("a b", "b a", True),
}


def turn(text: str) -> list[dict]:
    return [{"role": "assistant", "content": text}]


def row_of(chosen: str, rejected: str, question: str = "Which of the two is meant?") -> dict:
    return {
        "prompt": [{"role": "user", "content": question}],
        "chosen": turn(chosen),
        "rejected": turn(rejected),
    }


def file_with(folder, row: dict) -> str:
    """The row among fifty that are pairs beyond doubt."""
    topics = [
        f"{word} number {i * 7919 % 100}"
        for i, word in enumerate(["tides", "rivers", "clocks", "knots", "maps"] * 10)
    ]
    rows = [
        row_of(f"Yes, {topic} it is.", f"No, not {topic}.", f"What of {topic}, entry {i}?")
        for i, topic in enumerate(topics)
    ]
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in (*rows, row)))
    return str(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> set[str]:
    """The cases of which a run made a pair, from answers that are rated 5 and 1; what it made was
    published.
    """
    folder = tmp_path_factory.mktemp("run")
    rows = [
        {
            "instruction": name,
            "completions": [
                {"model": "a", "response": better, "annotations": {"helpfulness": {"Rating": "5"}}},
                {"model": "b", "response": worse, "annotations": {"helpfulness": {"Rating": "1"}}},
            ],
        }
        for name, (better, worse, _) in CASES.items()
        if not is_blank(worse)  # the source itself refuses an answer that is empty
    ]
    (folder / "rated.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = {
        "name": "cases",
        "models": {},
        "stages": [
            {
                "prompts": {
                    "use": "records",
                    "path": "rated.jsonl",
                    "license": "CC0-1.0",
                    "keep": ["responses", "scores"],
                }
            },
            {"pair": {"use": "best_vs_worst"}},
        ],
    }
    outcome = asyncio.run(run(recipe, folder / "out", folder=folder))
    assert outcome.complete, outcome.stopped
    release = publish(folder / "out", PublishSettings(test=0), dry_run=True, say=lambda _: None)
    pairs = list(read_pairs(folder / "out"))
    assert sum(release.counts["preferences"].values()) == len(pairs)
    return {pair["prompt"][-1]["content"] for pair in pairs}


@pytest.mark.parametrize("name", CASES)
def test_everyone_agrees(name, made, tmp_path):
    chosen, rejected, is_pair = CASES[name]
    row = row_of(chosen, rejected)
    path = file_with(tmp_path, row)

    def takes(read) -> bool:
        try:
            read()
        except (RecipeError, GateFailed) as error:
            refusals.append(str(error))
            return False
        return True

    refusals: list[str] = []
    found = {
        "run": name in made,
        "check": not {"same", "empty"} & set(check_rows([("row 1", row)]).findings),
        "export": takes(lambda: export([("row 1", row)], "trl", tmp_path / "out.jsonl")),
        "mix": takes(lambda: mix([parse_part(path)], tmp_path / "mixed", test=0.1, seed=0)),
        "train": takes(lambda: read_training_pairs([path], max_repeated_chosen=1.0, seed=0)),
    }
    assert found == dict.fromkeys(found, is_pair)
    assert all("same" in why or "empty" in why or "differ" in why for why in refusals), refusals
