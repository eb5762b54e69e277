"""A trained model on the Hub: its files in one commit, with its parent, and a tag."""

import json
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path

from prefgen.publish.hub import Head, Repository
from prefgen.publish.version import VERSION_PATTERN, parse_version, tag_of
from prefgen.storage.atomic_write import display_name
from prefgen.trainers.training_folder import EVALUATION, STARTED

ADAPTER = "adapter_config.json"
OF_A_MODEL = (
    "*.safetensors", "*.safetensors.index.json", "*.bin", "*.bin.index.json", "adapter_*", "config.json",
    "generation_config.json", "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*",
    "merges.txt", "chat_template*", "processor_config.json", "preprocessor_config.json",
)  # fmt: skip
"""Files in which transformers and peft look for a model: those of another one would be loaded too."""


def push_model(out: Path, name: str, *, private: bool, say: Callable[[str], object]) -> str:
    """Put the model, its card, metrics and report on the Hub, in place of the model that stands there, and
    tag it with the next version; returns the commit's address. Raises PublishError, in one line.
    """
    hub = Repository(name, "model")
    if (present := hub.head()) is None:
        hub.create(private=private)
    elif private and not present.private:
        say(f"warning: {name!r} is public")
    # checkpoints, controls and a merged copy stay here; so does what only this machine needs
    files: dict[str, Path | bytes] = {
        path.name: path
        for path in sorted(out.iterdir())
        if path.is_file() and path.name not in (STARTED, "training_args.bin")
    }
    if (out / EVALUATION).is_file():
        files["evaluation.json"] = out / EVALUATION
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
    replaced: frozenset[str] = frozenset()
    tag, before = "", None

    def commit_contents(head: Head) -> tuple[Mapping[str, Path | bytes], str]:
        nonlocal replaced, tag, before
        before = head
        replaced = frozenset(path for path in head.files if is_of_a_model(path) and path not in files)
        tag = _next_tag(head)
        return files, f"Trained by prefgen, {tag}"

    commit, address = hub.commit(commit_contents, is_ours=is_of_a_model)
    if before is not None and commit == before.commit and (tags := _version_tags(before, commit)):
        say(f"{tags[-1]} is on the Hub already, nothing was changed")
        return address
    hub.tag(tag, commit, "Trained by prefgen")
    size = sum(path.stat().st_size for path in files.values() if isinstance(path, Path))
    removed = f"; {', '.join(sorted(replaced))} of the model before are gone" if replaced else ""
    say(f"{tag}: {len(files)} files, {size:,} bytes{removed}")
    return address


def is_of_a_model(path: str) -> bool:
    """Whether a file of a repository is part of the model that it holds."""
    return "/" not in path and any(fnmatch(path, pattern) for pattern in OF_A_MODEL)


def _next_tag(head: Head) -> str:
    """v1.0.0 for the first model, and the next whole number for each that stands in its place: other weights
    are another model.
    """
    majors = [parse_version(tag.removeprefix("v"))[0] for tag in _version_tags(head)]
    return tag_of(f"{max(majors, default=0) + 1}.0.0")


def _version_tags(head: Head, commit: str | None = None) -> list[str]:
    """The tags of a repository that are versions, of one of its commits where one is named."""
    return [
        tag
        for tag, target in head.tags.items()
        if VERSION_PATTERN.fullmatch(tag.removeprefix("v")) and commit in (None, target)
    ]
