"""Reading how hard prompts are to win from a file: a number a prompt, as a leaderboard or an earlier fit gave
it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefgen.dataset.read_files import read_rows
from prefgen.errors import RecipeError
from prefgen.storage.atomic_write import atomic_write
from prefgen.text.normalize import normalize
from prefgen.types import Prompt

ID_COLUMNS = ("prompt_id", "id")
TEXT_COLUMNS = ("prompt", "instruction")
VALUE_COLUMNS = ("difficulty", "instruction_difficulty", "value")


@dataclass(frozen=True)
class PromptDifficulties:
    """Difficulties of prompts by their ids or their texts, with deviation 1 over the file."""

    display_path: str
    by_id: Mapping[str, float]
    by_text: Mapping[str, float]
    models: int | None = None
    """On how many models' games they were fitted, as the file says; the fewest where rows differ."""

    def of(self, prompt: Prompt) -> float | None:
        """The difficulty of a prompt by its id, or of its last user turn by the text; None where the file
        has neither.
        """
        if (value := self.by_id.get(prompt.id)) is not None:
            return value
        return self.by_text.get(normalize(prompt.text)) if self.by_text else None


def read_difficulties(path: Path, display_path: str) -> PromptDifficulties:
    """The difficulties of a CSV, JSON, JSONL or Parquet file: `prompt_id` (or id) or `prompt` (or
    instruction), and `difficulty` (or instruction_difficulty, value). The unit of the file does not matter.
    Raises RecipeError with file and line.
    """
    by_id: dict[str, float] = {}
    by_text: dict[str, float] = {}
    models: list[int] = []
    values: dict[tuple[str, str], float] = {}
    for where, row in read_rows(path, display_path):
        value = _parse_value(row, where)
        prompt_id = next((str(row[n]) for n in ID_COLUMNS if row.get(n) not in (None, "")), "")
        text = next((normalize(row[n]) for n in TEXT_COLUMNS if isinstance(row.get(n), str)), "")
        if prompt_id:
            _add(by_id, prompt_id, value, where)
        if text:
            _add(by_text, text, value, where)
        if not prompt_id and not text:
            raise RecipeError(
                f"a difficulty names its prompt by prompt_id or prompt; found {_columns(row)}", where
            )
        values[prompt_id, text] = value
        if row.get("models") not in (None, ""):
            models.append(_parse_count(row["models"], where))
    if len(set(values.values())) < 2:
        raise RecipeError(f"holds {len(values):,} difficulties, and not two that differ", display_path)
    mean = math.fsum(values.values()) / len(values)
    spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values.values()) / len(values))
    return PromptDifficulties(
        display_path,
        {key: (v - mean) / spread for key, v in by_id.items()},
        {key: (v - mean) / spread for key, v in by_text.items()},
        min(models, default=None),
    )


def write_difficulties(values: Mapping[str, float], models: int | None, path: Path) -> None:
    """A CSV file of prompt_id, difficulty and on how many models it was fitted, which `read_difficulties`
    reads.
    """
    count = "" if models is None else models
    rows = (f"{prompt_id},{value:.6g},{count}" for prompt_id, value in values.items())
    lines = ["prompt_id,difficulty,models", *rows]
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _parse_value(row: Mapping[str, Any], where: str) -> float:
    name = next((n for n in VALUE_COLUMNS if n in row), None)
    if name is None:
        raise RecipeError(f"a row holds a prompt and its difficulty; found {_columns(row)}", where)
    try:
        value = float(row[name])
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not abs(value) < 1e6:
        raise RecipeError(f"{name} must be a number between -1e6 and 1e6, found {row[name]!r}", where)
    return value


def _parse_count(value: Any, where: str) -> int:
    try:
        count = int(value)
    except (TypeError, ValueError, OverflowError):
        count = 0
    if count < 1:
        raise RecipeError(f"models must be a whole number above 0, found {value!r}", where)
    return count


def _add(values: dict[str, float], key: str, value: float, where: str) -> None:
    if values.setdefault(key, value) != value:
        raise RecipeError(
            f"the prompt {key[:60]!r} has two difficulties: {values[key]:g} and {value:g}", where
        )


def _columns(row: Mapping[str, Any]) -> str:
    return f"the columns {', '.join(map(str, row))}"
