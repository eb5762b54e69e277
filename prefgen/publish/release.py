"""Publishing a run: check, split, write, version, card, one commit, tag.

A run that was published with the same contents is not published again; a tag that holds something else is
never moved.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Literal

import yaml
from filelock import FileLock, Timeout
from pydantic import Field, field_validator

from prefgen.dataset.check import CheckReport, check_rows
from prefgen.dataset.manifest import Manifest
from prefgen.dataset.open_pairs import PairDataset, open_pairs
from prefgen.dataset.pair_rules import RULES
from prefgen.dataset.read_parquet import read_parquet
from prefgen.dataset.read_run import complete_manifest, read_shards
from prefgen.errors import GateFailed, PublishError, RecipeError
from prefgen.kit.templates import render
from prefgen.publish.card import header_of, merge_card, values_of
from prefgen.publish.diff import Bump, Diff, compare_sides, read_side
from prefgen.publish.hub import Head, Repository
from prefgen.publish.pair_plots import draw_pairs
from prefgen.publish.rows import Harmful, WrittenRelease, write_rows
from prefgen.publish.version import VERSION_PATTERN, bump_version, parse_version, tag_of
from prefgen.recipe.schema import Strict
from prefgen.recipe.validate import parse_section
from prefgen.storage.atomic_write import atomic_write

STAGING = "release"
"""The folder in a run's where a release is put together; it stays, to be looked at."""
RELEASE = "release.json"
HARM_WORDS = {
    "redact": "Those texts were taken out; their digests let whoever has the sources put them back.",
    "drop": "Rows that were made from them are left out.",
    "keep": "They stand in `rejected`, as they are.",
}


class PublishSettings(Strict):
    """A recipe's `publish:`, and what the command line overrides."""

    section = "publish"
    renamed_fields: ClassVar[Mapping[str, str]] = {
        "max_repeated_chosen": "canned",
        "allow_truncated": "allow_cut",
    }

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
    def _check_version(cls, version: str | None) -> str | None:
        if version is not None:
            parse_version(version)
        return version

    max_repeated_chosen: float = Field(
        0.05, gt=0, le=1, description="The gate: greatest share of one chosen answer."
    )
    allow_truncated: bool = Field(
        False, description="The gate: allow pairs with one side cut by the token limit."
    )


def read_publish_settings(run: Path, overrides: Mapping[str, Any]) -> PublishSettings:
    """What the recipe of a run says under `publish`, and `overrides` in its place. Raises RecipeError."""
    recipe = run / "recipe.yaml"
    data = (
        (yaml.safe_load(recipe.read_text(encoding="utf-8")) or {}).get("publish")
        if recipe.is_file()
        else None
    )
    return parse_section(PublishSettings, "publish", data, overrides)


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
    """Publish a complete run. Raises RecipeError, GateFailed (exit 4), PublishError; then nothing was
    published.
    """
    manifest = complete_manifest(run)
    repo = options.repo or f"local/{manifest.name}"
    if options.repo is None and not dry_run:
        raise RecipeError("where to? Give --repo owner/name, or `publish: {repo: owner/name}` in the recipe")
    try:
        with FileLock(run / ".publishing.lock", timeout=0):
            return _release_run(run, manifest, repo, options, dry_run=dry_run, pr=pr, say=say)
    except Timeout:
        raise PublishError(f"the run in {str(run)!r} is being published by another process") from None


def _release_run(
    run: Path,
    manifest: Manifest,
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
            f"all pairs are in the test split: a share of {options.test} of {manifest.yields.prompts:,} "
            "prompts; lower `test`"
        )
    if options.test and not splits.get("test"):
        say(f"warning: no pair is in the test split, a share of {options.test} of the prompts; raise --test")
    try:
        report = _check_rows(folder, options)
    except GateFailed:
        shutil.rmtree(folder)
        raise
    private = options.private if options.private is not None else bool(written.harmful)
    release = Release(
        folder, repo, options.version or manifest.version, written.content_hash, written.counts, private
    )
    draft = ReleaseDraft(run, manifest, options, written, report, release)
    if dry_run:
        draft.files(None, None)
        return draft.release
    hub = Repository(repo)
    say(f"publishing as {hub.writer()}")
    head = hub.head()
    if head is not None and head.private:
        draft.release = replace(release, private=True)
    if head is None:
        hub.create(private=private)
    elif private and not head.private:
        reason = "it was said to be" if options.private else "rows of it come from harmful texts"
        raise PublishError(
            f"{repo!r} is public, and this release is private, since {reason}; make it private on the Hub, "
            "or say --public"
        )
    try:
        return _push_release(hub, draft, pr=pr, say=say)
    except PublishError:
        if head is None:
            hub.remove_if_empty()
        raise


def _check_rows(folder: Path, options: PublishSettings) -> CheckReport:
    """The proof that the rows hold what they claim. Raises GateFailed."""

    def numbered_rows() -> Iterator[tuple[str, Mapping[str, Any]]]:
        pairs_folder = folder / "data" / "preferences"
        for split in sorted(
            {path.name.partition("-")[0] for path in pairs_folder.glob("*.parquet")}, reverse=True
        ):
            split_rows = (
                row for path in sorted(pairs_folder.glob(f"{split}-*.parquet")) for row in read_parquet(path)
            )
            for number, row in enumerate(split_rows, 1):
                yield f"{split} row {number}", {**row, "split": split}

    report = check_rows(
        numbered_rows(),
        max_repeated_chosen=options.max_repeated_chosen,
        allow_truncated=options.allow_truncated,
    )
    if not report.passed:
        findings = "; ".join(
            f"{RULES[rule]}: {f.count:,} rows, such as {f.examples[0]}" for rule, f in report.findings.items()
        )
        raise GateFailed(
            f"nothing was published, since the pairs break what a preference dataset must hold: {findings}"
        )
    return report


def _push_release(
    hub: Repository, draft: "ReleaseDraft", *, pr: bool, say: Callable[[str], object]
) -> Release:
    existing_releases: list[Release] = []

    def commit_contents(head: Head) -> tuple[Mapping[str, Path | bytes], str]:
        previous = _read_release_note(hub, head.commit)
        if previous is None and (
            foreign_paths := sorted(path for path in head.files if path.startswith("data/"))
        ):
            examples = ", ".join(foreign_paths[:3]) + (" ..." if len(foreign_paths) > 3 else "")
            raise PublishError(
                f"{hub.name!r} holds data that prefgen did not publish ({examples}), which is not replaced; "
                "give another --repo"
            )
        draft.resolve_version(previous, head, hub)
        if draft.published is not None:
            existing_releases.append(draft.published)
            raise AlreadyPublished
        files: dict[str, Path | bytes] = {
            **draft.written.files,
            **draft.files(hub.read("README.md", head.commit), previous),
        }
        return (
            files,
            f"Version {draft.release.version}: {sum(draft.written.counts['preferences'].values()):,} pairs",
        )

    try:
        commit, address = hub.commit(commit_contents, pr=pr)
    except AlreadyPublished:
        release = existing_releases[-1]
        if tag_of(release.version) not in (hub.head() or Head("", frozenset(), {})).tags and not pr:
            hub.tag(tag_of(release.version), release.commit or "", f"content hash {release.content_hash}")
            say(f"version {release.version} was committed before; now it has its tag")
        return release
    if not pr:
        hub.tag(tag_of(draft.release.version), commit, f"content hash {draft.release.content_hash}")
    return replace(draft.release, commit=commit, address=address)


def _read_release_note(hub: Repository, commit: str) -> Mapping[str, Any] | None:
    """What the release at a commit noted of itself. Raises PublishError where that cannot be read."""
    text = hub.read(RELEASE, commit)
    if text is None:
        return None
    try:
        note = json.loads(text)
        parse_version(note["version"])
        return {"header": {}, **note, "content_hash": note["content_hash"]}
    except (ValueError, KeyError, TypeError, RecipeError) as error:
        raise PublishError(
            f"{hub.name!r}: {RELEASE} on the Hub cannot be read ({error}); it was changed by hand"
        ) from None


def _find_commit(hub: Repository, head: str, content_hash: str) -> str:
    """The commit that brought the contents which still stand at `head`: others may have committed since."""
    origin_commit = head
    for commit in hub.earlier(head):
        note = _read_release_note(hub, commit)
        if note is None or note["content_hash"] != content_hash:
            break
        origin_commit = commit
    return origin_commit


def _generation_settings(recipe: str | None) -> Any:
    """What of a recipe says how the rows came about: not where servers are, and not what is done with the
    rows.
    """
    try:
        settings = yaml.safe_load(recipe or "") or {}
    except yaml.YAMLError:
        return recipe
    return (
        {k: v for k, v in settings.items() if k not in ("run", "publish", "train", "version")}
        if isinstance(settings, dict)
        else recipe
    )


class AlreadyPublished(Exception):
    """The same contents are on the Hub."""


class ReleaseDraft:
    """A release that is put together: its rows are written, its version and card depend on what stands on the
    Hub.
    """

    def __init__(
        self,
        run: Path,
        manifest: Manifest,
        options: PublishSettings,
        written: WrittenRelease,
        report: CheckReport,
        release: Release,
    ) -> None:
        self._run, self._manifest, self._options, self._report = run, manifest, options, report
        self.written = written
        self.release = release
        self.published: Release | None = None

    def resolve_version(self, previous: Mapping[str, Any] | None, head: Head, hub: Repository) -> None:
        """Find the version after the one on the Hub. Raises PublishError where the wanted one is taken by
        something else.
        """
        self.published = None
        requested_version = self._options.version
        release = replace(self.release, diff=None)
        same_contents = previous is not None and previous["content_hash"] == release.content_hash
        if (
            previous
            and same_contents
            and requested_version in (None, previous["version"])
            and _generation_settings(hub.read("recipe.yaml", head.commit))
            == _generation_settings(self._read_recipe())
        ):
            commit = head.tags.get(tag_of(previous["version"])) or _find_commit(
                hub, head.commit, release.content_hash
            )
            self.published = replace(release, version=previous["version"], commit=commit, already=True)
            return
        if previous:
            diff = compare_sides(
                read_side(open_pairs(f"{hub.name}@{head.commit}")), read_side(self._open_dataset())
            )
            release = replace(release, diff=diff)
        versions = [
            tag.removeprefix("v") for tag in head.tags if VERSION_PATTERN.fullmatch(tag.removeprefix("v"))
        ]
        versions += [str(previous["version"])] if previous else []
        latest_version = max(versions, key=parse_version) if versions else None
        if requested_version is None and previous and latest_version:
            bump: Bump = (
                release.diff.bump if self._options.bump == "auto" and release.diff else self._options.bump
            )  # type: ignore[assignment]
            next_version = bump_version(latest_version, "patch" if bump == "none" else bump)
            recipe_version = self._manifest.version
            release = replace(release, version=max(next_version, recipe_version, key=parse_version))
        tag = tag_of(release.version)
        if (
            tag not in head.tags
            and latest_version
            and parse_version(release.version) < parse_version(latest_version)
        ):
            raise PublishError(
                f"version {release.version} comes before {latest_version}, which {hub.name!r} has; give a "
                "later --version, or leave it out"
            )
        if tag in head.tags:
            tagged_note = _read_release_note(hub, head.tags[tag])
            existing = tagged_note["content_hash"] if tagged_note else "no release of prefgen"
            if existing != release.content_hash:
                raise PublishError(
                    f"{hub.name!r} has a tag {tag!r} with other contents ({existing}; this run: "
                    f"{release.content_hash}). A tag is never moved: "
                    "give another --version, or leave it out"
                )
            self.published = replace(release, commit=head.tags[tag], already=True)
        self.release = release

    def _open_dataset(self) -> PairDataset:
        """The rows as they will be read from the Hub."""
        return replace(open_pairs(str(self.release.folder)), name=str(self._run), recipe=self._read_recipe())

    def _read_recipe(self) -> str | None:
        recipe = self._run / "recipe.yaml"
        return recipe.read_text(encoding="utf-8") if recipe.is_file() else None

    def files(self, old_card: str | None, previous: Mapping[str, Any] | None) -> dict[str, bytes]:
        """Everything beside the rows."""
        release, manifest = self.release, self._manifest
        previous_version = previous["version"] if previous else None
        pictures = draw_pairs((row for _, row in self._open_dataset().rows), release.folder)
        values = values_of(
            self.written,
            manifest,
            self._report.as_json(),
            self._sample_pairs(),
            repo=release.repo,
            version=release.version,
            harm_words=HARM_WORDS[self._options.harmful],
            previous_version=previous_version,
            changes=release.diff.markdown() if release.diff else "",
            pictures=pictures,
        )
        header = header_of(self.written, manifest, gated=bool(self.written.harmful))
        card_text = merge_card(
            old_card, header, render("publish/card.md.j2", **values), (previous or {}).get("header", {})
        )
        release_note = {
            "name": manifest.name,
            "version": release.version,
            "content_hash": release.content_hash,
            "row_digest": manifest.row_digest,
            "counts": release.counts,
            "test": self._options.test,
            "seed": self._options.seed,
            "harmful": self._options.harmful,
            "header": {k: v for k, v in header.items() if k not in ("configs", "dataset_info")},
        }
        files = {picture["path"]: (release.folder / picture["path"]).read_bytes() for picture in pictures}
        files |= {
            "README.md": card_text.encode(),
            RELEASE: _json_bytes(release_note),
            "manifest.json": _json_bytes(manifest.as_json()),
        }
        if (recipe := self._read_recipe()) is not None:
            files["recipe.yaml"] = recipe.encode()
        for name, content in files.items():
            with atomic_write(release.folder / name) as part:
                part.write_bytes(content)
        return files

    def _sample_pairs(self) -> list[dict[str, str]]:
        """Three pairs, a seeded draw; none that was made from a harmful text."""
        rng, samples = Random(self._options.seed), []
        harmless_rows = (
            row for row in read_shards(self._run / "pairs") if '"harm"' not in (row["lineage"] or "")
        )
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
