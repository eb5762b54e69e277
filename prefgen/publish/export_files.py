"""Rows of a form as a file of its kind."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prefgen.dataset.cells import is_list
from prefgen.dataset.pair import Row
from prefgen.dataset.read_files import read_rows
from prefgen.errors import RecipeError
from prefgen.publish.clean import json_line


def write_jsonl(rows: Iterator[Row], path: Path) -> int:
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(json_line(row))
            count += 1
    return count


def write_csv(rows: Iterator[Row], path: Path) -> int:
    count, writer = 0, None
    with path.open("w", encoding="utf-8", newline="") as file:
        for count, row in enumerate(rows, 1):
            writer = writer or csv.DictWriter(file, list(row))
            if count == 1:
                csv.DictWriter(file, list(row), quoting=csv.QUOTE_ALL).writeheader()  # says that quotes quote
            if others := sorted(set(row) - set(writer.fieldnames)):
                raise RecipeError(
                    f"row {count} has {others[0]!r}, and the first row has not: write .jsonl or .parquet"
                )
            writer.writerow(
                {
                    name: json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
                    for name, value in row.items()
                }
            )
    return count


def write_parquet(rows: Iterator[Row], path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows_by_name = [_with_tools_as_text(row) for row in rows]
    names = dict.fromkeys(name for row in rows_by_name for name in row)
    try:
        table = pa.Table.from_pylist([{**dict.fromkeys(names), **row} for row in rows_by_name])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise RecipeError(
            f"the rows have no common schema in Parquet ({error}), as where only some hold images: write "
            ".jsonl"
        ) from None
    pq.write_table(table, path, compression="zstd")
    return table.num_rows


SIDES = frozenset(("chosen", "rejected", "completion", "completions", "messages", "conversations", "context"))
WRITTEN_COLUMNS = SIDES | {
    "prompt", "prompt_id", "score_chosen", "score_rejected", "id", "chosen_model", "rejected_model", "subset",
    "label", "tools", "system", "margin",
}  # fmt: skip
"""What rows of the forms hold (a test compares them with what is written)."""


def refuse_others(path: Path) -> None:
    """Raises RecipeError where `path` holds rows that no export wrote: what an earlier one wrote may be
    replaced, and nothing else.
    """
    if not path.exists():
        return
    try:
        first = next(iter(read_rows(path, str(path))), None)
    except RecipeError as error:
        why = f"{path} is there already, and holds no rows ({error}); give another --out"
        raise RecipeError(why) from None
    found = SIDES if first is None else set(first[1])
    if not found <= WRITTEN_COLUMNS or not found & SIDES:
        raise RecipeError(
            f"{path} is there already, and no export wrote it (its columns: {', '.join(sorted(found))}); "
            "give another --out"
        )


def _with_tools_as_text(row: Row) -> dict[str, Any]:
    """A row with its tools as JSON text: in a column of structs each would get the keys of all others."""
    tools = row.get("tools")
    return {**row, **({"tools": json.dumps(tools, ensure_ascii=False)} if is_list(tools) else {})}
