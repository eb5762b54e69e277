"""The Hugging Face Hub, as it is read here: rows of a dataset, streamed, and its errors in one line."""

import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prefgen.dataset.arrow_rows import without_empty_keys
from prefgen.dataset.class_labels import label_names, with_names
from prefgen.errors import RecipeError


def hub_rows(path: str, config: str | None, split: str, revision: str | None) -> Iterator[Mapping[str, Any]]:
    """The rows of a split, streamed. Raises RecipeError in one line when the dataset cannot be had."""
    import datasets  # 0.5 s

    datasets.disable_progress_bars()
    with hub_errors(f"Hub dataset {path!r} (split {split!r})"):
        rows = datasets.load_dataset(path, config, split=split, revision=revision, streaming=True)
        names = label_names(getattr(rows, "features", None))
        for row in rows:
            row = without_empty_keys(row)
            yield with_names(row, names, path) if names else row


@contextmanager
def hub_errors(subject: str, passthrough: tuple[type[Exception], ...] = ()) -> Generator[None]:
    """Whatever the clients raise, of which there are dozens of kinds, becomes a RecipeError in one line:
    `subject` cannot be read.
    """
    import datasets
    import huggingface_hub

    # what matters is raised; the rest would stand between our own lines
    datasets.utils.logging.set_verbosity_error()
    huggingface_hub.utils.logging.set_verbosity_error()
    try:
        yield
    except (RecipeError, GeneratorExit, *passthrough):
        raise
    except Exception as error:
        raise RecipeError(f"{subject} cannot be read: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """What an error of the Hub's clients says, in one line and without the token."""
    lines = str(error).strip().splitlines()
    line = lines[0][:300] if lines else type(error).__name__
    token = os.environ.get("HF_TOKEN")
    return line.replace(token, "(token)") if token else line
