"""Reading how hard prompts are from a file. (prefgen/dataset/difficulty.py)"""

import json

import pytest

from prefgen.dataset.difficulty import read_difficulties, write_difficulties
from prefgen.errors import RecipeError
from prefgen.types import Prompt


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("d.csv", "prompt,difficulty\nName a bird.,-3\n Name  a fish. ,1\n"),
        ("d.csv", "instruction,instruction_difficulty\nname a bird.,-30\nName a fish.,10\n"),
        (
            "d.json",
            json.dumps([{"prompt": f"Name a {k}.", "value": v} for k, v in (("bird", 0), ("fish", 4))]),
        ),
        (
            "d.jsonl",
            '{"id": "x", "prompt": "Name a bird.", "value": 1}\n{"prompt": "Name a fish.", "value": 2}',
        ),
    ],
)
def test_prompts_are_found_by_their_text_in_any_unit(tmp_path, name, text):
    (tmp_path / name).write_text(text)

    known = read_difficulties(tmp_path / name, name)

    assert [known.of(Prompt.of(f"Name a {kind}.")) for kind in ("bird", "fish", "dog")] == [-1, 1, None]
    assert known.models is None


def test_what_was_written_is_read_by_id_with_the_number_of_models(tmp_path):
    bird, fish = Prompt.of("Name a bird."), Prompt.of("Name a fish.")
    write_difficulties({bird.id: 0.25, fish.id: 0.75}, 9, tmp_path / "d.csv")

    known = read_difficulties(tmp_path / "d.csv", "d.csv")

    assert (known.of(bird), known.of(fish), known.models) == (-1, 1, 9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("index,instruction_difficulty\n0,0.4\n", r"d\.csv:2: a difficulty names its prompt by prompt_id or"),
        ("prompt,hardness\nx,0.4\n", r"d\.csv:2: a row holds a prompt and its difficulty; found the columns"),
        ("prompt,difficulty\nx,nan\n", r"d\.csv:2: difficulty must be a number .* found 'nan'"),
        ("prompt,difficulty\nx,1\nX,2\n", r"d\.csv:3: the prompt 'x' has two difficulties: 1 and 2"),
        ("prompt,difficulty\nx,1\ny,1\n", r"d\.csv: holds 2 difficulties, and not two that differ"),
        ("prompt,difficulty,models\nx,1,-2\n", r"d\.csv:2: models must be a whole number above 0"),
        ("", r"d\.csv: holds 0 difficulties"),
    ],
)
def test_a_file_that_says_no_difficulty_is_refused_with_its_place(tmp_path, text, says):
    (tmp_path / "d.csv").write_text(text)

    with pytest.raises(RecipeError, match=says):
        read_difficulties(tmp_path / "d.csv", "d.csv")
