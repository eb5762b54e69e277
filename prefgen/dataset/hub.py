"""Streaming the rows of a dataset on the Hugging Face Hub."""

from collections.abc import Iterator, Mapping
from typing import Any

from prefgen.errors import RecipeError


def hub_rows(path: str, config: str | None, split: str, revision: str | None) -> Iterator[Mapping[str, Any]]:
    """The rows of a split, streamed. Raises RecipeError in one line when the dataset cannot be had."""
    import datasets  # 0.5 s
    import huggingface_hub

    datasets.utils.logging.set_verbosity_error()  # what matters is raised; the rest would stand between our own lines
    huggingface_hub.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    try:
        yield from datasets.load_dataset(path, config, split=split, revision=revision, streaming=True)
    except Exception as wrong:  # the client raises dozens of kinds; each means that the rows cannot be had
        first = str(wrong).strip().splitlines()[0] if str(wrong).strip() else type(wrong).__name__
        raise RecipeError(f"Hub dataset {path!r} (split {split!r}) cannot be read: {first[:200]}") from wrong
