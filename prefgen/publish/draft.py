"""A release that is put together: its rows are written, its version and card depend on what stands on the
Hub.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from prefgen.dataset.check import CheckReport
from prefgen.dataset.manifest import Manifest
from prefgen.dataset.mix_manifest import MixManifest
from prefgen.dataset.open_pairs import PairDataset, open_pairs
from prefgen.dataset.read_run import read_manifest, read_shards
from prefgen.kit.templates import render
from prefgen.publish.card import header_of, merge_card, run_values, values_of
from prefgen.publish.diff import Diff
from prefgen.publish.mix_release import has_harmful_part, mix_pairs, mix_values
from prefgen.publish.pair_plots import draw_pairs
from prefgen.publish.release_note import RELEASE
from prefgen.publish.servers import published_recipe
from prefgen.publish.settings import PublishSettings
from prefgen.publish.split_shards import WrittenRelease
from prefgen.storage.atomic_write import atomic_write
from prefgen.text.said_lines import Line, Said, line

HARM_WORDS = {
    "redact": (
        "Those texts were taken out: a notice with its digest stands for each. Such rows are nothing to "
        "train on until whoever has the sources puts the texts back (`prefgen restore`)."
    ),
    "drop": "Rows that were made from them are left out.",
    "keep": "They stand in `rejected`, as they are.",
}


@dataclass(frozen=True, repr=False)
class Release(Said):
    """What was made, and where it went. `commit` is None for a dry run, `address` for what was there
    already.
    """

    folder: Path
    repo: str
    version: str
    content_hash: str
    counts: Mapping[str, Mapping[str, int]]
    private: bool
    diff: Diff | None = None
    commit: str | None = None
    address: str | None = None
    already: bool = False

    def verdict(self) -> str:
        """Which version it is, and where it is."""
        title = f"version {self.version}, content hash {self.content_hash}"
        if self.already:
            return f"{title}: is on the Hub already, nothing was changed"
        if self.address is not None:
            return f"{title}: {self.address}"
        access = "private" if self.private else "public"
        return f"{title}: nothing was sent; it would be {access}. Look at {self.folder}/README.md"

    def content_lines(self) -> Iterator[Line]:
        """How many rows are in which split, and what changed since the release before."""
        for config, counts in self.counts.items():
            splits = ", ".join(f"{split} {n:,}" for split, n in sorted(counts.items(), reverse=True))
            yield line(f"{config:12} {splits or 'none'}")
        if self.diff:
            yield line(self.diff.markdown())

    def said_lines(self) -> Iterator[Line]:
        """All of it, the verdict first."""
        yield line((self.verdict(), "bold"))
        yield from self.content_lines()


@dataclass
class ReleaseDraft:
    """A release on its way. `run` is a run's folder, or a mix's; `manifest` is what is published of its own.
    `report` is the proof of its rows; `release`
    gets its version when that is known.
    """

    run: Path
    manifest: Manifest
    settings: PublishSettings
    written: WrittenRelease
    report: CheckReport
    release: Release

    def open_dataset(self) -> PairDataset:
        """The rows as they will be read from the Hub."""
        return replace(open_pairs(str(self.release.folder)), name=str(self.run), recipe=self.read_recipe())

    def read_recipe(self) -> str | None:
        """The recipe as it is published."""
        recipe = self.run / "recipe.yaml"
        if not recipe.is_file():
            return None
        return published_recipe(recipe.read_text(encoding="utf-8"), read_manifest(self.run))

    def is_harmful(self) -> bool:
        """Whether rows of it come from harmful texts, as far as it is known."""
        is_said = isinstance(self.manifest, MixManifest) and has_harmful_part(self.manifest)
        return bool(self.written.harmful) or is_said

    def files(self, old_card: str | None, previous: Mapping[str, Any] | None) -> dict[str, bytes]:
        """Everything beside the rows, written to the release's folder too. `previous` is the note of the
        release before.
        """
        release = self.release
        pictures = draw_pairs((row for _, row in self.open_dataset().rows), release.folder)
        header = header_of(self.written, self.manifest, gated=self.is_harmful())
        card = merge_card(
            old_card, header, self._card_text(previous, pictures), (previous or {}).get("header", {})
        )
        files = {picture["path"]: (release.folder / picture["path"]).read_bytes() for picture in pictures}
        files |= {
            "README.md": card.encode(),
            RELEASE: _json_bytes(self._release_note(header)),
            "manifest.json": _json_bytes(self.manifest.as_json()),
        }
        if (recipe := self.read_recipe()) is not None:
            files["recipe.yaml"] = recipe.encode()
        for name, content in files.items():
            with atomic_write(release.folder / name) as part:
                part.write_bytes(content)
        return files

    def _card_text(self, previous: Mapping[str, Any] | None, pictures: Sequence[Mapping[str, str]]) -> str:
        release = self.release
        values = values_of(
            self.written,
            self.manifest,
            self.report.as_json(),
            self._sample_pairs(),
            repo=release.repo,
            version=release.version,
            harm_words=HARM_WORDS[self.settings.harmful],
            previous_version=previous["version"] if previous else None,
            changes=release.diff.markdown() if release.diff else "",
            pictures=pictures,
        )
        if isinstance(self.manifest, MixManifest):
            return render("publish/mix_card.md.j2", **(values | mix_values(self.manifest)))
        return render("publish/card.md.j2", **values, **run_values(self.manifest, self.read_recipe()))

    def _release_note(self, header: Mapping[str, Any]) -> dict[str, Any]:
        """What the release says of itself, for the release after it."""
        return {
            "name": self.manifest.name,
            "version": self.release.version,
            "content_hash": self.release.content_hash,
            "row_digest": self.manifest.row_digest,
            "counts": self.release.counts,
            "test": self.manifest.test if isinstance(self.manifest, MixManifest) else self.settings.test,
            "seed": self.manifest.seed if isinstance(self.manifest, MixManifest) else self.settings.seed,
            "harmful": self.settings.harmful,
            "private": self.release.private,
            "header": {k: v for k, v in header.items() if k not in ("configs", "dataset_info")},
        }

    def _sample_pairs(self) -> list[dict[str, str]]:
        """Three pairs, a seeded draw; none that was made from a harmful text, or may have been."""
        rng, samples = Random(self.settings.seed), []
        pairs = read_shards(self.run / "pairs")
        if isinstance(self.manifest, MixManifest):
            pairs = iter(()) if has_harmful_part(self.manifest) else mix_pairs(self.run)
        harmless_rows = (row for row in pairs if '"harm"' not in (row["lineage"] or ""))
        for i, row in enumerate(harmless_rows):
            slot = i if i < 3 else rng.randrange(i + 1)
            if slot < 3:
                samples[slot : slot + 1] = [row]
        return [
            {
                "prompt": row["prompt"][-1]["content"],
                **{side: row[side][-1]["content"] for side in ("chosen", "rejected")},
                **{f"{side}_model": row[f"{side}_model"] for side in ("chosen", "rejected")},
            }
            for row in samples
        ]


def _json_bytes(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
