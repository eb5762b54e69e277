"""Publishing a run or a mix: check, split, write, version, card, one commit, tag.

One that was published with the same contents is not published again; a tag that holds something else is
never moved.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from prefgen.dataset.bad_rows import BAD_ROWS, BadRows, write_bad_rows
from prefgen.dataset.check import CheckReport, check_rows
from prefgen.dataset.manifest import Manifest
from prefgen.dataset.mix_manifest import MIX, MixManifest, is_mix, read_mix_manifest
from prefgen.dataset.pair import NotAPair
from prefgen.dataset.pair_rules import REDACTED, RULES
from prefgen.dataset.read_parquet import read_parquet
from prefgen.dataset.read_run import RUN_ID, complete_manifest, refuse_missing_rows
from prefgen.errors import GateFailed, PublishError, RecipeError
from prefgen.publish.draft import Release, ReleaseDraft
from prefgen.publish.hub import Head, OutcomeUnknown, Repository
from prefgen.publish.mix_release import private_parts, write_mix_rows
from prefgen.publish.next_version import resolve_version
from prefgen.publish.release_note import RELEASE, read_release_note
from prefgen.publish.rows import write_rows
from prefgen.publish.servers import published_manifest
from prefgen.publish.settings import PublishSettings
from prefgen.publish.split_shards import STAGING, WrittenRelease
from prefgen.publish.version import tag_of
from prefgen.storage.atomic_write import atomic_write


class AlreadyPublished(Exception):
    """The same contents are on the Hub."""

    def __init__(self, release: Release) -> None:
        self.release = release


def publish(
    run: Path,
    settings: PublishSettings,
    *,
    dry_run: bool = False,
    pr: bool = False,
    say: Callable[[str], object] = print,
) -> Release:
    """Publish a complete run, or a mix. Raises RecipeError, GateFailed (exit 4), PublishError; then nothing
    was published.
    """
    _refuse_bare_pairs(run)
    manifest = _mix_manifest(run, settings) if is_mix(run) else _run_manifest(run)
    repo = settings.repo or f"local/{manifest.name}"
    if settings.repo is None and not dry_run:
        raise RecipeError("where to? Give --repo owner/name, or `publish: {repo: owner/name}` in the recipe")
    try:
        with FileLock(run / ".publishing.lock", timeout=0):
            return _release_run(run, manifest, repo, settings, dry_run=dry_run, pr=pr, say=say)
    except Timeout:
        raise PublishError(f"{str(run)!r} is being published by another process") from None


def _refuse_bare_pairs(path: Path) -> None:
    """Raises RecipeError for pairs that nothing is said of: a file, a folder of files, a name on the Hub."""
    is_hub_name = not path.exists() and len(path.parts) == 2
    if path.is_file() or is_hub_name or (path.is_dir() and any(path.glob("*.jsonl"))):
        is_ours = any((path / name).exists() for name in (MIX, "manifest.json", RUN_ID))
        if not is_ours:
            raise RecipeError(
                f"{str(path)!r} is no run and no mix: `prefgen mix {path} -o FOLDER` makes a mix of pairs "
                "that are there already, curated if wanted, and `prefgen publish FOLDER` publishes that"
            )


def _run_manifest(run: Path) -> Manifest:
    """The manifest of a run that is complete, all of whose rows are there. Raises RecipeError."""
    manifest = complete_manifest(run)
    refuse_missing_rows(run, "records", manifest)
    refuse_missing_rows(run, "pairs", manifest)
    return manifest


def _mix_manifest(mix: Path, settings: PublishSettings) -> MixManifest:
    """The manifest of a mix. Raises RecipeError, also where splits are asked for, since it has its own."""
    for name in ("test", "seed"):
        if name in settings.model_fields_set:
            raise RecipeError(f"{str(mix)!r} is a mix, and has its splits: give --{name} to `prefgen mix`")
    return read_mix_manifest(mix)


def _release_run(
    run: Path,
    manifest: Manifest,
    repo: str,
    settings: PublishSettings,
    *,
    dry_run: bool,
    pr: bool,
    say: Callable[[str], object],
) -> Release:
    draft = _draft_release(run, manifest, repo, settings, say)
    if dry_run:
        draft.files(None, None)
        return draft.release
    hub = Repository(repo)
    say(f"publishing as {hub.writer()}")
    head = hub.head()
    if head is None:
        hub.create(private=draft.release.private)
    elif head.private:
        draft.release = replace(draft.release, private=True)
    elif draft.release.private:
        raise PublishError(
            f"{repo!r} is public, and this release is private, since {_why_private(draft)}; make it private "
            "on the Hub, or say --public"
        )
    try:
        return _push_release(hub, draft, pr=pr, say=say)
    except PublishError as error:
        if head is None and not isinstance(error, OutcomeUnknown):
            hub.remove_if_empty()
        raise


def _why_private(draft: ReleaseDraft) -> str:
    """Why a release is private."""
    if draft.settings.private:
        return "it was said to be"
    if draft.is_harmful():
        return "rows of it come from harmful texts"
    parts = private_parts(draft.manifest) if isinstance(draft.manifest, MixManifest) else []
    return "a part of it is private or gated: " + ", ".join(parts)


def _draft_release(
    run: Path, manifest: Manifest, repo: str, settings: PublishSettings, say: Callable[[str], object]
) -> ReleaseDraft:
    """Write the rows in their splits and prove them; the release's folder is there when all of it is. Raises
    RecipeError, GateFailed.
    """
    folder, part = run / STAGING, run / f".{STAGING}.part"
    for earlier in (folder, part):
        shutil.rmtree(earlier, ignore_errors=True)
    try:
        written, report = _write_proven(run, part, manifest, settings, say)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    if manifest.simulated:
        say("SIMULATED: the dataset is for trying out only, and its card says so")
    for alarm in report.alarms:
        say(f"ALARM: {alarm}")
    written.files = {name: folder / name for name in written.files}
    version = settings.version or manifest.version
    release = Release(folder, repo, version, written.content_hash, written.counts, bool(settings.private))
    shown = manifest if isinstance(manifest, MixManifest) else published_manifest(manifest)
    draft = ReleaseDraft(run, shown, settings, written, report, release)
    if settings.private is None:
        private = draft.is_harmful() or (isinstance(manifest, MixManifest) and manifest.private)
        draft.release = replace(release, private=private)
    return draft


def _write_proven(
    run: Path, folder: Path, manifest: Manifest, settings: PublishSettings, say: Callable[[str], object]
) -> tuple[WrittenRelease, CheckReport]:
    bad_rows = BadRows(settings.on_bad_rows)
    try:
        written = _write_rows(run, folder, manifest, settings, bad_rows)
    except NotAPair as error:
        raise GateFailed(f"nothing was published, since {error}") from None
    except RecipeError as error:
        if bad_rows.rows:
            raise GateFailed(f"nothing was published: no pair is left, and {bad_rows.sentence()}") from None
        raise error
    write_bad_rows(bad_rows.rows, folder / BAD_ROWS)
    if bad_rows.rows:
        say(f"{bad_rows.sentence()}; all of them are in {run / STAGING / BAD_ROWS}")
    splits = written.counts["preferences"]
    test = manifest.test if isinstance(manifest, MixManifest) else settings.test
    if not splits.get("train"):
        raise RecipeError(
            f"all pairs are in the test split: a share of {test} of {manifest.yields.prompts:,} prompts; "
            "lower `test`"
        )
    if test and not splits.get("test"):
        say(f"warning: no pair is in the test split, a share of {test} of the prompts; raise --test")
    return written, _check_rows(folder, settings)


def _write_rows(
    run: Path, folder: Path, manifest: Manifest, settings: PublishSettings, bad_rows: BadRows
) -> WrittenRelease:
    allow = settings.allowed_rules()
    if isinstance(manifest, MixManifest):
        return write_mix_rows(run, folder, harmful=settings.harmful, bad_rows=bad_rows, allow=allow)
    return write_rows(
        run, folder, test=settings.test, seed=settings.seed, harmful=settings.harmful,
        bad_rows=bad_rows, allow=allow,
    )  # fmt: skip


def _check_rows(folder: Path, settings: PublishSettings) -> CheckReport:
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
        max_repeated_chosen=settings.max_repeated_chosen,
        allow=(*settings.allowed_rules(), *((REDACTED,) if settings.harmful == "redact" else ())),
    )
    if not report.passed:
        findings = "; ".join(
            f"{RULES[rule]}: {f.count:,} rows, such as {f.examples[0]}" for rule, f in report.findings.items()
        )
        raise GateFailed(
            f"nothing was published, since the pairs break what a preference dataset must hold: {findings}"
        )
    return report


_OUR_SHARD = re.compile(r"data/(?:preferences|candidates|judgments|failures)/[^/]+-\d{5}-of-\d{5}\.parquet")


def _is_our_shard(path: str) -> bool:
    """Whether a file on the Hub is a shard of an earlier release; other data under data/ is somebody's."""
    return _OUR_SHARD.fullmatch(path) is not None


def _push_release(hub: Repository, draft: ReleaseDraft, *, pr: bool, say: Callable[[str], object]) -> Release:
    """Commit the release after what stands on the Hub, and tag it; or say where it stands already."""
    has_release = False

    def is_ours(path: str) -> bool:
        return _is_our_shard(path) or (has_release and path == "recipe.yaml")  # a mix has none

    def commit_contents(head: Head) -> tuple[Mapping[str, Path | bytes], str]:
        nonlocal has_release
        previous = read_release_note(hub, head.commit)
        has_release = previous is not None
        if previous is None:
            _refuse_other_data(hub, head)
        release = resolve_version(draft, previous, head, hub)
        draft.release = release
        if release.already:
            _fetch_notes(hub, head, release.folder)
            raise AlreadyPublished(release)
        files = draft.files(hub.read("README.md", head.commit), previous)
        pairs = sum(draft.written.counts["preferences"].values())
        return {**draft.written.files, **files}, f"Version {release.version}: {pairs:,} pairs"

    try:
        commit, address = hub.commit(commit_contents, is_ours=is_ours, pr=pr)
    except AlreadyPublished as published:
        release = published.release
        if tag_of(release.version) not in (hub.head() or Head("", frozenset(), {})).tags and not pr:
            hub.tag(tag_of(release.version), release.commit or "", f"content hash {release.content_hash}")
            say(f"version {release.version} was committed before; now it has its tag")
        return release
    if not pr:
        hub.tag(tag_of(draft.release.version), commit, f"content hash {draft.release.content_hash}")
    return replace(draft.release, commit=commit, address=address)


def _fetch_notes(hub: Repository, head: Head, folder: Path) -> None:
    """Put beside the rows of a release that is on the Hub already what stands beside them there."""
    for name in ("README.md", RELEASE, "manifest.json", "recipe.yaml"):
        if name in head.files and (text := hub.read(name, head.commit)) is not None:
            with atomic_write(folder / name) as part:
                part.write_text(text, encoding="utf-8")


def _refuse_other_data(hub: Repository, head: Head) -> None:
    """Raises PublishError where the repository holds rows that are no release."""
    paths = sorted(path for path in head.files if path.startswith("data/"))
    if paths:
        examples = ", ".join(paths[:3]) + (" ..." if len(paths) > 3 else "")
        raise PublishError(
            f"{hub.name!r} holds data that prefgen did not publish ({examples}), which is not replaced; "
            "give another --repo"
        )
