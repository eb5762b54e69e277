"""Publishing a run: check, split, write, version, card, one commit, tag.

A run that was published with the same contents is not published again; a tag that holds something else is never moved.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Literal

import yaml
from filelock import FileLock, Timeout
from pydantic import Field, field_validator

from prefgen.dataset.check import RULES, CheckReport, check_rows
from prefgen.dataset.open_pairs import PairDataset, open_pairs
from prefgen.dataset.read_run import complete_manifest, rows_in
from prefgen.errors import GateFailed, PublishError, RecipeError
from prefgen.kit.templates import render
from prefgen.publish.card import card, header_of, values_of
from prefgen.publish.diff import Bump, Diff, compare_sides, side_of
from prefgen.publish.hub import Head, Repository
from prefgen.publish.pair_plots import draw_pairs
from prefgen.publish.rows import Harmful, WrittenRelease, write_rows
from prefgen.publish.version import VERSION, bumped, parsed, tag_of
from prefgen.recipe.schema import Strict
from prefgen.recipe.validate import section
from prefgen.storage.atomic_write import atomic_write

STAGING = "release"
"""The folder in a run's where a release is put together; it stays, to be looked at."""
RELEASE = "release.json"
HARM = {
    "redact": "Those texts were taken out; their digests let whoever has the sources put them back.",
    "drop": "Rows that were made from them are left out.",
    "keep": "They stand in `rejected`, as they are.",
}


class PublishSettings(Strict):
    """A recipe's `publish:`, and what the command line overrides."""

    repo: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$", description="Where: owner/name on the Hub.")
    private: bool | None = Field(
        None, description="Default: private where rows come from harmful texts, public otherwise."
    )
    version: str | None = Field(
        None, description="Default: the recipe's, or, where that is taken, the next one after what changed."
    )
    bump: Literal["auto", "major", "minor", "patch"] = Field(
        "auto", description="Which number a change moves; auto: as the diff says."
    )
    test: float = Field(0.05, ge=0, lt=1, description="Share of the prompts in the test split.")
    seed: int = Field(0, description="Seed of the splits.")
    harmful: Harmful = Field(
        "redact",
        description="Texts that prompts were made from: taken out, their rows left out, or published.",
    )

    @field_validator("version")
    @classmethod
    def _version_is_one(cls, version: str | None) -> str | None:
        if version is not None:
            parsed(version)
        return version

    canned: float = Field(0.05, gt=0, le=1, description="The gate: greatest share of one chosen answer.")
    allow_cut: bool = Field(False, description="The gate: allow pairs with one side cut by the token limit.")


def read_publish_settings(run: Path, given: Mapping[str, Any]) -> PublishSettings:
    """What the recipe of a run says under `publish`, and `given` in its place. Raises RecipeError."""
    recipe = run / "recipe.yaml"
    said = (
        (yaml.safe_load(recipe.read_text(encoding="utf-8")) or {}).get("publish")
        if recipe.is_file()
        else None
    )
    return section(PublishSettings, "publish", said, given)


@dataclass(frozen=True)
class Release:
    """What was made, and where it went. `commit` is None for a dry run, `address` for what was there already."""

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


def publish(
    run: Path,
    options: PublishSettings,
    *,
    dry_run: bool = False,
    pr: bool = False,
    say: Callable[[str], object] = print,
) -> Release:
    """Publish a complete run. Raises RecipeError, GateFailed (exit 4), PublishError; then nothing was published."""
    manifest = complete_manifest(run)
    repo = options.repo or f"local/{manifest['name']}"
    if options.repo is None and not dry_run:
        raise RecipeError("where to? Give --repo owner/name, or `publish: {repo: owner/name}` in the recipe")
    try:
        with FileLock(run / ".publishing.lock", timeout=0):
            return _released(run, manifest, repo, options, dry_run=dry_run, pr=pr, say=say)
    except Timeout:
        raise PublishError(f"the run in {str(run)!r} is being published by another process") from None


def _released(
    run: Path,
    manifest: Mapping[str, Any],
    repo: str,
    options: PublishSettings,
    *,
    dry_run: bool,
    pr: bool,
    say: Callable[[str], object],
) -> Release:
    folder = run / STAGING
    shutil.rmtree(folder, ignore_errors=True)
    written = write_rows(run, folder, test=options.test, seed=options.seed, harmful=options.harmful)
    splits = written.counts["preferences"]
    if not splits.get("train"):
        raise RecipeError(
            f"all pairs are in the test split: a share of {options.test} of {manifest['yield']['prompts']:,} prompts; lower `test`"
        )
    if options.test and not splits.get("test"):
        say(f"warning: no pair is in the test split, a share of {options.test} of the prompts; raise --test")
    try:
        report = _gated(folder, options)
    except GateFailed:
        shutil.rmtree(folder)
        raise
    private = options.private if options.private is not None else bool(written.harmful)
    release = Release(
        folder, repo, options.version or manifest["version"], written.content_hash, written.counts, private
    )
    made = ReleaseDraft(run, manifest, options, written, report, release)
    if dry_run:
        made.files(None, None)
        return made.release
    hub = Repository(repo)
    say(f"publishing as {hub.writer()}")
    head = hub.head()
    if head is not None and head.private:
        made.release = replace(release, private=True)
    if head is None:
        hub.create(private=private)
    elif private and not head.private:
        why = "it was said to be" if options.private else "rows of it come from harmful texts"
        raise PublishError(
            f"{repo!r} is public, and this release is private, since {why}; make it private on the Hub, or say --public"
        )
    try:
        return _pushed(hub, made, pr=pr, say=say)
    except PublishError:
        if head is None:
            hub.remove_if_empty()
        raise


def _gated(folder: Path, options: PublishSettings) -> CheckReport:
    """The proof that the rows hold what they claim. Raises GateFailed."""

    def rows() -> Iterator[tuple[str, Mapping[str, Any]]]:
        place = folder / "data" / "preferences"
        for split in sorted({path.name.partition("-")[0] for path in place.glob("*.parquet")}, reverse=True):
            its = (row for path in sorted(place.glob(f"{split}-*.parquet")) for row in _rows_of(path))
            for number, row in enumerate(its, 1):
                yield f"{split} row {number}", {**row, "split": split}

    report = check_rows(rows(), canned=options.canned, allow_cut=options.allow_cut)
    if not report.passed:
        broken = "; ".join(
            f"{RULES[rule]}: {f.count:,} rows, such as {f.examples[0]}" for rule, f in report.findings.items()
        )
        raise GateFailed(
            f"nothing was published, since the pairs break what a preference dataset must hold: {broken}"
        )
    return report


def _rows_of(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(batch_size=500):
        yield from batch.to_pylist()


def _pushed(hub: Repository, made: "ReleaseDraft", *, pr: bool, say: Callable[[str], object]) -> Release:
    already: list[Release] = []

    def on(head: Head) -> tuple[Mapping[str, Path | bytes], str]:
        before = _noted(hub, head.commit)
        if before is None and (foreign := sorted(path for path in head.files if path.startswith("data/"))):
            some = ", ".join(foreign[:3]) + (" ..." if len(foreign) > 3 else "")
            raise PublishError(
                f"{hub.name!r} holds data that prefgen did not publish ({some}), which is not replaced; give another --repo"
            )
        made.resolve_version(before, head, hub)
        if made.published is not None:
            already.append(made.published)
            raise AlreadyPublished
        files: dict[str, Path | bytes] = {
            **made.written.files,
            **made.files(hub.read("README.md", head.commit), before),
        }
        return (
            files,
            f"Version {made.release.version}: {sum(made.written.counts['preferences'].values()):,} pairs",
        )

    try:
        commit, address = hub.commit(on, pr=pr)
    except AlreadyPublished:
        release = already[-1]
        if tag_of(release.version) not in (hub.head() or Head("", frozenset(), {})).tags and not pr:
            hub.tag(tag_of(release.version), release.commit or "", f"content hash {release.content_hash}")
            say(f"version {release.version} was committed before; now it has its tag")
        return release
    if not pr:
        hub.tag(tag_of(made.release.version), commit, f"content hash {made.release.content_hash}")
    return replace(made.release, commit=commit, address=address)


def _noted(hub: Repository, commit: str) -> Mapping[str, Any] | None:
    """What the release at a commit noted of itself. Raises PublishError where that cannot be read."""
    text = hub.read(RELEASE, commit)
    if text is None:
        return None
    try:
        found = json.loads(text)
        parsed(found["version"])
        return {"header": {}, **found, "content_hash": found["content_hash"]}
    except (ValueError, KeyError, TypeError, RecipeError) as wrong:
        raise PublishError(
            f"{hub.name!r}: {RELEASE} on the Hub cannot be read ({wrong}); it was changed by hand"
        ) from None


def _committed(hub: Repository, head: str, content_hash: str) -> str:
    """The commit that brought the contents which still stand at `head`: others may have committed since."""
    found = head
    for commit in hub.earlier(head):
        there = _noted(hub, commit)
        if there is None or there["content_hash"] != content_hash:
            break
        found = commit
    return found


def _made_by(recipe: str | None) -> Any:
    """What of a recipe says how the rows came about: not where servers are, and not what is done with the rows."""
    try:
        found = yaml.safe_load(recipe or "") or {}
    except yaml.YAMLError:
        return recipe
    return (
        {k: v for k, v in found.items() if k not in ("run", "publish", "train", "version")}
        if isinstance(found, dict)
        else recipe
    )


class AlreadyPublished(Exception):
    """The same contents are on the Hub."""


class ReleaseDraft:
    """A release that is put together: its rows are written, its version and card depend on what stands on the Hub."""

    def __init__(
        self,
        run: Path,
        manifest: Mapping[str, Any],
        options: PublishSettings,
        written: WrittenRelease,
        report: CheckReport,
        release: Release,
    ) -> None:
        self._run, self._manifest, self._options, self._report = run, manifest, options, report
        self.written = written
        self.release = release
        self.published: Release | None = None

    def resolve_version(self, before: Mapping[str, Any] | None, head: Head, hub: Repository) -> None:
        """Find the version after the one on the Hub. Raises PublishError where the wanted one is taken by something else."""
        self.published = None
        wanted = self._options.version
        release = replace(self.release, diff=None)
        same = before is not None and before["content_hash"] == release.content_hash
        if (
            before
            and same
            and wanted in (None, before["version"])
            and _made_by(hub.read("recipe.yaml", head.commit)) == _made_by(self._recipe())
        ):
            commit = head.tags.get(tag_of(before["version"])) or _committed(
                hub, head.commit, release.content_hash
            )
            self.published = replace(release, version=before["version"], commit=commit, already=True)
            return
        if before:
            diff = compare_sides(side_of(open_pairs(f"{hub.name}@{head.commit}")), side_of(self._opened()))
            release = replace(release, diff=diff)
        versions = [tag.removeprefix("v") for tag in head.tags if VERSION.fullmatch(tag.removeprefix("v"))]
        versions += [str(before["version"])] if before else []
        latest = max(versions, key=parsed) if versions else None
        if wanted is None and before and latest:
            bump: Bump = (
                release.diff.bump if self._options.bump == "auto" and release.diff else self._options.bump
            )  # type: ignore[assignment]
            following = bumped(latest, "patch" if bump == "none" else bump)
            recipes = self._manifest["version"]
            release = replace(release, version=max(following, recipes, key=parsed))
        tag = tag_of(release.version)
        if tag not in head.tags and latest and parsed(release.version) < parsed(latest):
            raise PublishError(
                f"version {release.version} comes before {latest}, which {hub.name!r} has; give a later --version, or leave it out"
            )
        if tag in head.tags:
            held = _noted(hub, head.tags[tag])
            there = held["content_hash"] if held else "no release of prefgen"
            if there != release.content_hash:
                raise PublishError(
                    f"{hub.name!r} has a tag {tag!r} with other contents ({there}; this run: {release.content_hash}). A tag is never moved: "
                    "give another --version, or leave it out"
                )
            self.published = replace(release, commit=head.tags[tag], already=True)
        self.release = release

    def _opened(self) -> PairDataset:
        """The rows as they will be read from the Hub."""
        return replace(open_pairs(str(self.release.folder)), name=str(self._run), recipe=self._recipe())

    def _recipe(self) -> str | None:
        recipe = self._run / "recipe.yaml"
        return recipe.read_text(encoding="utf-8") if recipe.is_file() else None

    def files(self, old_card: str | None, before: Mapping[str, Any] | None) -> dict[str, bytes]:
        """Everything beside the rows."""
        release, manifest = self.release, self._manifest
        earlier = before["version"] if before else None
        pictures = draw_pairs((row for _, row in self._opened().rows), release.folder)
        values = values_of(
            self.written,
            manifest,
            self._report.as_json(),
            self._samples(),
            repo=release.repo,
            version=release.version,
            harm_words=HARM[self._options.harmful],
            before=earlier,
            changes=release.diff.markdown() if release.diff else "",
            pictures=pictures,
        )
        header = header_of(self.written, manifest, gated=bool(self.written.harmful))
        text = card(
            old_card, header, render("publish/card.md.j2", **values), (before or {}).get("header", {})
        )
        published = {
            "name": manifest["name"],
            "version": release.version,
            "content_hash": release.content_hash,
            "row_digest": manifest["row_digest"],
            "counts": release.counts,
            "test": self._options.test,
            "seed": self._options.seed,
            "harmful": self._options.harmful,
            "header": {k: v for k, v in header.items() if k not in ("configs", "dataset_info")},
        }
        files = {picture["path"]: (release.folder / picture["path"]).read_bytes() for picture in pictures}
        files |= {"README.md": text.encode(), RELEASE: _json(published), "manifest.json": _json(manifest)}
        if (recipe := self._recipe()) is not None:
            files["recipe.yaml"] = recipe.encode()
        for name, content in files.items():
            with atomic_write(release.folder / name) as part:
                part.write_bytes(content)
        return files

    def _samples(self) -> list[dict[str, str]]:
        """Three pairs, a seeded draw; none that was made from a harmful text."""
        rng, kept = Random(self._options.seed), []
        harmless = (row for row in rows_in(self._run / "pairs") if '"harm"' not in (row["lineage"] or ""))
        for i, row in enumerate(harmless):
            at = i if i < 3 else rng.randrange(i + 1)
            if at < 3:
                kept[at : at + 1] = [row]
        return [
            {
                "prompt": row["prompt"][-1]["content"],
                **{side: row[side][-1]["content"] for side in ("chosen", "rejected")},
                **{f"{side}_model": row[f"{side}_model"] for side in ("chosen", "rejected")},
            }
            for row in kept
        ]


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
