"""A trained model on the Hub: its files in one commit, with its parent."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from prefgen.publish.hub import Head, Repository
from prefgen.storage.atomic_write import display_name
from prefgen.trainers.run import STARTED

ADAPTER = "adapter_config.json"


def push_model(out: Path, name: str, *, private: bool, say: Callable[[str], object]) -> str:
    """Put the model, its card, metrics and report on the Hub; returns the commit's address. Raises
    PublishError, in one line.
    """
    hub = Repository(name, "model")
    if hub.head() is None:
        hub.create(private=private)
    # checkpoints, controls and a merged copy stay here; so does what only this machine needs
    files: dict[str, Path | bytes] = {
        path.name: path
        for path in sorted(out.iterdir())
        if path.is_file() and path.name not in (STARTED, "training_args.bin")
    }
    if ADAPTER in files:
        config = json.loads((out / ADAPTER).read_text(encoding="utf-8"))
        base = config["base_model_name_or_path"]
        if Path(base).exists():
            say(
                f"warning: the base {base!r} is a folder of this machine: nobody else can load the adapter. "
                "--merge writes a model that stands alone"
            )
            files[ADAPTER] = json.dumps(
                {**config, "base_model_name_or_path": display_name(base)}, indent=2
            ).encode()

    def commit_contents(head: Head) -> tuple[Mapping[str, Path | bytes], str]:
        return files, "Trained by prefgen"

    _, address = hub.commit(commit_contents)
    size = sum(path.stat().st_size for path in files.values() if isinstance(path, Path))
    say(f"{len(files)} files, {size:,} bytes")
    return address
