"""One dataset of several: so much of each, prompts de-duplicated, a fresh split, sources and licenses carried
along.
"""

import hashlib
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefgen.dataset.bad_rows import BAD_ROWS, BadRows, write_bad_rows
from prefgen.dataset.manifest import RunYield
from prefgen.dataset.mix_manifest import MIX, MixedPart, MixManifest, is_mix, taken_earlier
from prefgen.dataset.parquet import FULL_PAIRS, PAIRS
from prefgen.dataset.provenance import KeptColumns
from prefgen.dataset.record_codec import DROPPED, StoredDrop
from prefgen.dataset.splits import splits_of
from prefgen.engine.dropped_rows import write_dropped
from prefgen.engine.yield_table import count_drops
from prefgen.errors import RecipeError
from prefgen.plugins.plugin import Plugin
from prefgen.publish.mix_curate import curate_rows
from prefgen.publish.mix_draw import Draw, MixPart, draw_parts
from prefgen.publish.mix_rows import KeptRow, PartRows, RowStore, read_part
from prefgen.publish.redaction import harm_lineage
from prefgen.publish.split_shards import STAGING, WrittenRelease, write_config
from prefgen.recipe.curators import CuratorList
from prefgen.storage.atomic_write import atomic_write, display_name
from prefgen.types import content_id
from prefgen.version import __version__

_PART_FOLDER = ".mix.part"
"""Where a mix is written until it is whole."""


@dataclass
class _Written:
    """What was written, counted in pairs; `pairs` and `prompts` by the number of their part."""

    licenses: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    pairs: Counter[int] = field(default_factory=Counter)
    prompts: defaultdict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    splits: Mapping[str, int] = field(default_factory=dict)
    harmful: int = 0
    between_splits: int = 0
    curated: Counter[int] = field(default_factory=Counter)
    """Pairs that curators took out, by the number of their part."""
    drops: Sequence[StoredDrop] = ()
    digest: str = ""

    def count(self, number: int, row: KeptRow, pair: Mapping[str, Any]) -> None:
        """Count a pair of the part of this number."""
        self.licenses[pair["license"]] += 1
        self.sources[pair["source"]] += 1
        if pair["language"]:
            self.languages[pair["language"]] += 1
        self.harmful += bool(harm_lineage(pair))
        self.pairs[number] += 1
        self.prompts[number].add(row.prompt)


def mix(
    parts: Sequence[MixPart],
    out: Path,
    *,
    test: float,
    seed: int,
    bad_rows: BadRows | None = None,
    allow: Collection[str] = (),
    columns: Mapping[str, str] | None = None,
    curators: CuratorList | None = None,
    license: str | None = None,
    keep_columns: Sequence[str] = (),
    notify: Callable[[str], object] = lambda line: None,
) -> MixManifest:
    """Write `out`/data/preferences/SPLIT-*.parquet and mix.json, and return what that says. Raises
    RecipeError, and leaves `out` as it was; a mix that stood there goes, with its release. Rows that break a
    rule of `check` go to `bad_rows`. `columns` are names of another kind, in every part; `license` is that of
    what says none; `keep_columns` names columns that are carried along in the lineage.

    A prompt, and what is nearly the same, is of one part alone; a pair stands once. `curators` see what was
    drawn, and what they take out is in curated.parquet; `notify` is told what they say.
    """
    _check_output_folder(out)
    bad_rows, kept_columns = bad_rows or BadRows(), KeptColumns(keep_columns)
    is_new, part_folder = not out.exists(), out / _PART_FOLDER
    shutil.rmtree(part_folder, ignore_errors=True)
    part_folder.mkdir(parents=True)
    try:
        store = RowStore(part_folder / "rows.jsonl")
        try:
            read = [
                read_part(part.name, store, bad_rows, allow, columns or {}, license, kept_columns)
                for part in parts
            ]
            kept_columns.check(" and ".join(part.name for part in parts))
            draws = draw_parts(parts, [[row.prompt for row in part.rows] for part in read], seed)
            plugins = curators.plugins if curators else ()
            written = _write_mix(store, read, draws, part_folder, test, seed, bad_rows, plugins, notify)
        finally:
            store.close()
        # of an earlier mix, now that this one is known to come about
        for name in ("data", STAGING):
            shutil.rmtree(out / name, ignore_errors=True)
        (part_folder / "data").rename(out / "data")
    except BaseException:
        shutil.rmtree(out if is_new else part_folder, ignore_errors=True)
        raise
    shutil.rmtree(part_folder)
    mixed = [
        _mixed_part(number, part, read[number], draws[number], written) for number, part in enumerate(parts)
    ]
    manifest = _manifest(
        display_name(str(out)), mixed, written,
        test=test, seed=seed, bad_rows=len(bad_rows.rows), allow=tuple(sorted(allow)),
        columns=dict(columns or {}), curators=tuple(curators.data if curators else ()), license=license,
        **({"keep_columns": kept_columns.names} if kept_columns else {}),
    )  # fmt: skip
    (out / DROPPED).unlink(missing_ok=True)
    write_dropped(((0, drop) for drop in written.drops), out)
    write_bad_rows(bad_rows.rows, out / BAD_ROWS)
    with atomic_write(out / MIX) as part:
        part.write_text(json.dumps(manifest.as_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return manifest


def _check_output_folder(out: Path) -> None:
    """An earlier mix may be written anew; anything else stays as it is. Raises RecipeError."""
    if is_mix(out) or not out.exists():
        return
    if not out.is_dir() or any(path.name != _PART_FOLDER for path in out.iterdir()):
        raise RecipeError(f"{str(out)!r} is there already, and is no mix; give another --out")


def _write_mix(
    store: RowStore,
    read: Sequence[PartRows],
    draws: Sequence[Draw],
    folder: Path,
    test: float,
    seed: int,
    bad_rows: BadRows,
    curators: Sequence[tuple[str, Plugin]],
    notify: Callable[[str], object],
) -> _Written:
    """Write the pairs that were drawn, and that the curators leave, in their splits, and count them. Raises
    RecipeError.
    """
    taken = [
        (number, part.rows[place])
        for number, (part, draw) in enumerate(zip(read, draws, strict=True))
        for place in draw.places
    ]
    ids = _own_ids([row for _, row in taken])
    written, probabilities = _Written(), dict[int, float | None]()
    if curators:
        curation = curate_rows(curators, [row for _, row in taken], ids, store, notify)
        written.drops = curation.drops
        written.curated = Counter(
            number for place, (number, _) in enumerate(taken) if place not in curation.left
        )
        taken = [taken[place] for place in curation.left]
        probabilities = dict(zip((row.start for _, row in taken), curation.left.values(), strict=True))
    splits = splits_of([(ids[row.prompt_key], row.prompt) for _, row in taken], test, seed)
    kept = [(number, row) for number, row in taken if splits[ids[row.prompt_key]] is not None]
    if "train" not in splits.values():
        names = ", ".join(part.dataset.name for part in read)
        left_out = f"; {bad_rows.sentence()}" if bad_rows.rows else ""
        left_out += f"; curators took {written.curated.total():,} pairs out" if written.curated else ""
        raise RecipeError(f"no pair to train on is left of {names}{left_out}")
    written.between_splits = len(taken) - len(kept)

    def rows() -> Iterator[tuple[str | None, dict[str, Any]]]:
        for number, row in kept:
            pair = {**store.read(row.start), "prompt_id": ids[row.prompt_key]}
            if row.start in probabilities:
                pair["chosen_probability"] = probabilities[row.start]
            written.count(number, row, pair)
            yield splits[ids[row.prompt_key]], pair

    schema = FULL_PAIRS if any(row.is_full for _, row in kept) else PAIRS
    release, digest = WrittenRelease({"preferences": schema}), hashlib.blake2b(digest_size=16)
    write_config("preferences", rows(), folder, digest, release)
    written.digest, written.splits = digest.hexdigest(), release.counts["preferences"]
    return written


def _own_ids(rows: Sequence[KeptRow]) -> dict[bytes, str]:
    """{key of a prompt: its id}, of which none stands for two prompts: such an id is replaced. A prompt has
    one id, that of its first row.
    """
    ids: dict[bytes, str] = {}
    keys_by_id: dict[str, set[bytes]] = defaultdict(set)
    for row in rows:
        ids.setdefault(row.prompt_key, row.prompt_id)
        keys_by_id[row.prompt_id].add(row.prompt_key)
    return {
        key: prompt_id if len(keys_by_id[prompt_id]) == 1 else content_id("prompt", key.hex())
        for key, prompt_id in ids.items()
    }


def _manifest(name: str, parts: Sequence[MixedPart], written: _Written, **options: Any) -> MixManifest:
    """What there is to say of the mix; `options` are those of the mix."""
    licenses = _licenses_of(parts, written)
    languages = {language: {"all": n} for language, n in sorted(written.languages.items())}
    return MixManifest(
        name=name,
        complete=True,
        simulated=any(part.simulated for part in parts if part.left),
        private=any(part.private for part in parts if part.left),
        harmful=written.harmful,
        row_digest=written.digest,
        mixed_of=tuple(parts),
        between_splits=written.between_splits,
        counts=dict(sorted(written.splits.items(), reverse=True)),
        **options,
        licenses=licenses,
        sources=dict(sorted(written.sources.items())),
        libraries={"prefgen": __version__},
        yields=RunYield(
            prompts=len(set().union(*written.prompts.values())),
            pairs=written.pairs.total(),
            dropped_by_curators=count_drops(written.drops),
            groups={"language": languages},
            licenses=licenses,
        ),
    )


def _mixed_part(number: int, part: MixPart, read: PartRows, draw: Draw, written: _Written) -> MixedPart:
    """What there is to say of a part; of something on this machine its own name alone."""
    dataset, note = read.dataset, read.dataset.release or {}
    name = display_name(part.name)
    earlier, path = taken_earlier(name, dataset.manifest), _path_of(part.name)
    known: dict[str, Any] = {"path": path if path != name else None, "earlier": earlier or None}
    return MixedPart(
        name=name,
        revision=dataset.revision,
        version=note.get("version"),
        content_hash=note.get("content_hash"),
        digest=read.digest,
        license=dataset.terms.license,
        private=dataset.terms.private,
        harmful=dataset.terms.harmful,
        simulated=dataset.manifest is not None and dataset.manifest.simulated,
        of_run=dataset.manifest is not None and bool(dataset.manifest.stage_fingerprints),
        prompts=read.prompts,
        pairs=len(read.rows),
        share=part.share,
        wanted=draw.wanted,
        elsewhere=draw.elsewhere,
        taken=len(draw.places),
        curated=written.curated[number],
        left=written.pairs[number],
        prompts_left=len(written.prompts[number]),
        **{field: value for field, value in known.items() if value is not None},
    )


def _path_of(name: str) -> str | None:
    """A part's name as it was given, where it is a path below the present folder: that is nobody's secret."""
    path = Path(name)
    is_below = path.exists() and not path.is_absolute() and ".." not in path.parts
    return path.as_posix() if is_below else None


def _licenses_of(parts: Sequence[MixedPart], written: _Written) -> dict[str, int]:
    """{license: pairs under it}: that of each pair, and that of its whole dataset where this has another."""
    licenses = Counter(written.licenses)
    said = {name.casefold() for name in licenses}
    for part in parts:
        if part.license and part.left and part.license.casefold() not in said:
            licenses[part.license] += part.left
    return dict(sorted(licenses.items()))
