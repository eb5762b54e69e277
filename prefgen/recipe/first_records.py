"""What the sources of a recipe read first: `prefgen check` says before anything is paid for that a file, a
column or a dataset does not exist, or that a plug-in is limited to prompts of which there are none.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from prefgen.errors import PrefgenError, RecipeError
from prefgen.recipe.segments import StageSpec
from prefgen.stages.stage import applies_to
from prefgen.types import Record

MOST = 1_000
"""Records of a source that are read; a fault further down is found when the run begins, before it asks."""


def first_records(source: Any, folder: Path, place: str) -> list[Record]:
    """At most MOST records. Raises RecipeError for whatever keeps the source from being read, and where it
    has none.
    """
    try:
        read = list(islice(source.read(folder), MOST))
    except RecipeError as error:
        raise error if error.where else RecipeError(str(error), place) from error
    except PrefgenError:
        raise
    except Exception as bug:  # of a source that somebody else wrote
        raise RecipeError(f"{source.name} cannot be read: {type(bug).__name__}: {bug}", place) from bug
    records = [record for record in read if isinstance(record, Record)]
    if not records:
        raise RecipeError(f"{source.name}: there is no prompt in it", place)
    return records


def fitting_none(stages: Sequence[StageSpec], records: Sequence[Record]) -> list[tuple[StageSpec, str, str]]:
    """(stage, plug-in, what its `only` says) of plug-ins that are limited to prompts of which none is among
    the records.
    """
    return [
        (stage, stage_plugin.name, ", ".join(f"{k}: {', '.join(map(str, v))}" for k, v in only.items()))
        for stage in stages
        for stage_plugin in stage.plugins
        if (only := stage_plugin.only) and not any(applies_to(only, record) for record in records)
    ]
