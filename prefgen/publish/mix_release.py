"""What a release of a mix has of its own: rows that are in splits already, and a card that says of which
parts it was made and on which terms they are there.
"""

import hashlib
import shlex
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.mix_manifest import MixedPart, MixManifest
from prefgen.dataset.parquet import pairs_schema_of
from prefgen.dataset.read_parquet import read_parquet
from prefgen.errors import RecipeError
from prefgen.publish.card import escape_markdown
from prefgen.publish.licenses import non_commercial, strictest, unranked
from prefgen.publish.redaction import Harmful
from prefgen.publish.rows import preference_rows
from prefgen.publish.split_shards import WrittenRelease, write_config
from prefgen.recipe.load import recipe_text

MIX_ROWS = Path("data") / "preferences"
CURATORS_FILE = "curators.yaml"
"""What the card calls the file of curators."""


def write_mix_rows(
    mix: Path, folder: Path, *, harmful: Harmful, bad_rows: BadRows, allow: Collection[str] = ()
) -> WrittenRelease:
    """Write the shards of a mix under `folder`/data, each pair in the split that it has. Raises RecipeError;
    a pair that breaks a rule by itself goes to `bad_rows`.
    """
    written = WrittenRelease({"preferences": pairs_schema_of(mix / MIX_ROWS)})
    digest = hashlib.blake2b(digest_size=16)

    def rows() -> Iterator[tuple[str | None, dict[str, Any]]]:
        for split in _splits(mix):
            pairs_of_split = partial(mix_pairs, mix, split)
            for row in preference_rows(pairs_of_split, harmful, written, bad_rows, allow):
                yield split, row

    write_config("preferences", rows(), folder, digest, written)
    written.content_hash, written.left_out = digest.hexdigest(), bad_rows.places_by_rule
    if not any(written.counts["preferences"].values()):
        raise RecipeError(f"{str(mix)!r} has no pair that could be published")
    return written


def mix_pairs(mix: Path, split: str = "*") -> Iterator[Mapping[str, Any]]:
    """The pairs of a mix, or of one of its splits. Raises RecipeError for a damaged file."""
    for path in sorted((mix / MIX_ROWS).glob(f"{split}-*.parquet")):
        yield from read_parquet(path)


def _splits(mix: Path) -> list[str]:
    return sorted({path.name.partition("-")[0] for path in (mix / MIX_ROWS).glob("*.parquet")}, reverse=True)


def private_parts(manifest: MixManifest) -> list[str]:
    """The parts of which something is in the mix, and which not everybody may have."""
    return [part.name for part in manifest.mixed_of if part.private and part.left]


def has_harmful_part(manifest: MixManifest) -> bool:
    """Whether a part of which something is in the mix says that it comes from harmful texts."""
    return any(part.harmful and part.left for part in manifest.mixed_of)


def mix_values(manifest: MixManifest) -> dict[str, Any]:
    """What the card of a mix says of its parts, how it was made and its licenses."""
    licenses = list(manifest.licenses)
    return {
        "parts": [_part_values(part) for part in manifest.mixed_of],
        "command": _command(manifest),
        "curators": recipe_text({"curate": list(manifest.curators)}) if manifest.curators else "",
        "dropped_by_curators": [
            (escape_markdown(reason), n) for reason, n in manifest.yields.dropped_by_curators.items()
        ],
        "taken_earlier": [
            (escape_markdown(of), escape_markdown(reason), n)
            for part in manifest.mixed_of
            for of, counts in part.earlier.items()
            for reason, n in counts.items()
        ],
        "not_of_runs": [
            escape_markdown(part.name) for part in manifest.mixed_of if part.left and not part.of_run
        ],
        "pairs": manifest.yields.pairs,
        "prompts": manifest.yields.prompts,
        "between_splits": manifest.between_splits,
        "private_parts": [escape_markdown(name) for name in private_parts(manifest)],
        "licenses": [(escape_markdown(name), n) for name, n in manifest.licenses.items()],
        "sources": [(escape_markdown(name), n) for name, n in manifest.sources.items()],
        "strictest": [escape_markdown(name) for name in strictest(licenses)] if len(licenses) > 1 else [],
        "unranked": [escape_markdown(name) for name in unranked(licenses)],
        "given_license": escape_markdown(manifest.license or ""),
        "without_license": manifest.licenses.get("unknown", 0),
        "non_commercial": [escape_markdown(name) for name in non_commercial(licenses)],
    }


def _part_values(part: MixedPart) -> dict[str, Any]:
    """A part as a row of the card's table."""
    marks = {"private": part.private, "from harmful texts": part.harmful, "SIMULATED": part.simulated}
    versions = {
        "version": part.version,
        "commit": part.revision,
        "content hash": part.content_hash,
        "digest": None if part.content_hash or part.revision else part.digest,
    }
    return {
        "name": escape_markdown(part.name),
        "what": ", ".join(f"{name} `{value}`" for name, value in versions.items() if value),
        "wanted": f"{part.wanted:,} of {part.pairs:,} pairs"
        if part.share is None
        else f"{part.wanted:,} of {part.prompts:,} prompts",
        "left": part.left,
        "prompts": part.prompts_left,
        "license": escape_markdown(part.license or "by pair"),
        "marks": ", ".join(name for name, is_so in marks.items() if is_so),
    }


def _command(manifest: MixManifest) -> str:
    """What makes the mix again, of the same commits of its parts."""
    amounts = []
    for part in manifest.mixed_of:
        name = f"{part.name.partition('@')[0]}@{part.revision}" if part.revision else part.path or part.name
        amount = str(part.wanted) if part.share is None else f"{part.share:.12f}".rstrip("0")
        amount = "" if part.share == 1 else amount
        amounts.append(shlex.quote(" ".join(f"{name}:{amount}".rstrip(":").replace("`", "").split())))
    options = f"--test {manifest.test:g} --seed {manifest.seed}"
    options += "".join(f" --allow {rule}" for rule in manifest.allow)
    columns = (f"{name}={theirs}" for name, theirs in manifest.columns.items())
    options += "".join(f" --columns {shlex.quote(mapping)}" for mapping in columns)
    options += "".join(f" --keep-columns {shlex.quote(name)}" for name in manifest.keep_columns)
    options += f" --curate {CURATORS_FILE}" if manifest.curators else ""
    options += f" --license {shlex.quote(manifest.license)}" if manifest.license else ""
    options += " --on-bad-rows drop" if manifest.bad_rows else ""
    return f"prefgen mix {' '.join(amounts)} {options} -o {shlex.quote(manifest.name)}"
