"""The prompts of a training's pairs as files that sources of prompts read: what the trained model may be
asked afterwards, and what it may not.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from prefgen.storage.atomic_write import atomic_write
from prefgen.trainers.pairs import TrainingPairs, TrainingRow


@dataclass(frozen=True)
class PromptFiles:
    """Where the prompts of the held-out pairs go, and where all others; None: nowhere."""

    held_out: Path | None = None
    seen: Path | None = None


def write_prompts(data: TrainingPairs, files: PromptFiles) -> None:
    """Write the prompts that are wanted."""
    if files.held_out:
        _write(data.test, files.held_out)
    if files.seen:
        _write([*data.train, *data.validation], files.seen)


def _write(rows: Iterable[TrainingRow], path: Path) -> None:
    """A line a prompt, in the order of the pairs."""
    rows_by_prompt = {row["prompt_key"]: row for row in rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part, part.open("w", encoding="utf-8") as file:
        for row in rows_by_prompt.values():
            known = {name: row[name] for name in ("source", "category") if row[name] is not None}
            file.write(json.dumps({"messages": row["prompt"], **known}, ensure_ascii=False) + "\n")
