"""A trained model on the Hub: its files in one commit, with its parent."""

from collections.abc import Callable, Mapping
from pathlib import Path

from prefgen.publish.push import Head, Repository
from prefgen.trainers.run import STARTED


def push_model(out: Path, name: str, *, private: bool, say: Callable[[str], object]) -> str:
    """Put the model, its card, metrics and report on the Hub; returns the commit's address. Raises PublishError, in one line."""
    hub = Repository(name, "model")
    if hub.head() is None:
        hub.create(private=private)
    # checkpoints, controls and a merged copy stay here; so does what only this machine needs
    files: dict[str, Path | bytes] = {
        path.name: path for path in sorted(out.iterdir()) if path.is_file() and path.name not in (STARTED, "training_args.bin")
    }

    def on(head: Head) -> tuple[Mapping[str, Path | bytes], str]:
        return files, "Trained by prefgen"

    _, address = hub.commit(on)
    say(f"{len(files)} files, {sum(path.stat().st_size for path in files.values() if isinstance(path, Path)):,} bytes")
    return address
