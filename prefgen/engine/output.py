"""What a run writes: shards as they settle, then the tables, the yield and the manifest. No partial output ever looks complete.

Shards stand under partial/ until the last one is there; then the folders are renamed into place and the manifest, written last and
whole, says `complete`.
"""

import hashlib
import importlib.metadata
import json
import os
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from prefgen.calls.budget import PICO
from prefgen.calls.tally import Usage
from prefgen.engine.record_store import RecordStore
from prefgen.stats.scoring import count_order_flips
from prefgen.storage.atomic_write import atomic_write
from prefgen.types import Record

SHARD = 1000
FOLDERS = ("records", "pairs")


def write_shard(out: Path, spool: RecordStore, segment: int, number: int) -> str:
    """Write shard `number` under partial/ and return its digest."""
    from prefgen.dataset.parquet import PAIRS, RECORDS, write_lines  # pyarrow: 0.15 s, while others work

    name = f"{number:05d}.parquet"
    digest = hashlib.blake2b(digest_size=16)
    records: list[bytes] = []
    pairs: list[bytes] = []
    for record, *its_pairs in spool.lines(segment, number * SHARD, (number + 1) * SHARD):
        records.append(record)
        pairs += its_pairs
        digest.update(b"\n".join((record, *its_pairs, b"")))
    write_lines(records, RECORDS, out / "partial" / "records" / name)
    write_lines(pairs, PAIRS, out / "partial" / "pairs" / name)
    return digest.hexdigest()


def has_shards(folder: Path, shards: Sequence[int], *, others: bool = False) -> bool:
    """Whether both folders hold just these shards (or, with `others`, at least these)."""
    wanted = {f"{number:05d}.parquet" for number in shards}
    found = [{path.name for path in (folder / name).glob("*.parquet")} for name in FOLDERS]
    return all(wanted <= names if others else wanted == names for names in found)


def put_in_place(out: Path, shards: Sequence[int]) -> None:
    """Rename the complete folders over what stood there before. Raises RuntimeError when a shard is missing."""
    if not has_shards(out / "partial", shards):
        raise RuntimeError(f"{out / 'partial'} does not hold the shards {list(shards)}")
    for name in FOLDERS:
        target = out / name
        if target.exists():
            shutil.rmtree(target)
        (out / "partial" / name).rename(target)
    shutil.rmtree(out / "partial")


def write_failures(out: Path, failures: Sequence[Mapping[str, Any]]) -> None:
    from prefgen.dataset.parquet import FAILURES, write_lines

    write_lines([orjson.dumps(failure) for failure in failures], FAILURES, out / "failures.parquet")


def write_json(path: Path, value: Any) -> None:
    """Write whole or not at all."""
    with atomic_write(path) as part, part.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def remove_folder(folder: Path) -> None:
    """Remove a folder and everything in it, if it is there."""
    if folder.exists():
        shutil.rmtree(folder)


def log(out: Path, event: str, **fields: Any) -> None:
    """Add a line to log.jsonl: when a start of the run began and how it ended. Tells nothing that a model wrote."""
    line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **fields}
    with (out / "log.jsonl").open("ab") as file:
        file.write(orjson.dumps(line) + b"\n")


def yield_counts(record: Record) -> bytes:
    """What the yield table counts of a record, as JSON."""
    prompt = record.prompt
    counts = {
        "id": record.id,
        "source": prompt.source,
        "category": prompt.category,
        "language": prompt.language,
        "licence": prompt.licence,
        "models": [response.model for response in record.responses],
        "pairs": len(record.pairs),
        "why_no_pair": record.notes[-1].reason if record.notes else "",
        "flags": [flag.rule for flag in record.flags],
        "flips": count_order_flips(record),
    }
    return orjson.dumps(counts)


def outcome_of(counts: Mapping[str, Any], failures: Sequence[Mapping[str, Any]], has_pairer: bool) -> str:
    """What became of a prompt: `pair`, a reason of the pairer, `failed: <code>`, or `kept` where the recipe makes no pairs."""
    if counts["pairs"]:
        return "pair"
    reason = counts["why_no_pair"]
    if failures and reason in ("", "no_responses", "too_few_responses", "too_few_scored"):
        return f"failed: {failures[-1]['code']}"
    if not has_pairer:
        return "kept"
    return reason or "no_pair"


class YieldTable:
    """Counts what became of every prompt, overall and by group."""

    def __init__(self, has_pairer: bool) -> None:
        self._has_pairer = has_pairer
        self.fates: Counter[str] = Counter()
        self.groups: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self.failures: list[Mapping[str, Any]] = []
        self.responses = 0
        self.pairs = 0
        self.flags: Counter[str] = Counter()
        self.licences: Counter[str] = Counter()
        self.flips: dict[str, tuple[int, float]] = {}
        """{judge: (pairs that it saw in both orders, in how many of them the other order had another winner)}."""

    def add(self, counts: Mapping[str, Any], failures: Sequence[Mapping[str, Any]]) -> None:
        """Add one record: what `counts_of` gave, and everything that failed on its way."""
        became = outcome_of(
            counts, [f for f in failures if not f["stage"].startswith("curate")], self._has_pairer
        )  # an unrated prompt goes on
        self.fates[became] += 1
        for group in ("source", "category", "language"):
            value = counts[group]
            if value is not None:
                self.groups[group][value]["all"] += 1
                self.groups[group][value]["lost"] += became not in ("pair", "kept")
        for failure in failures:
            if failure["model"]:
                self.groups["model"][failure["model"]]["lost"] += 1
        for model in counts["models"]:
            self.groups["model"][model]["all"] += 1
        self.failures += failures
        self.responses += len(counts["models"])
        self.pairs += counts["pairs"]
        self.flags.update(counts["flags"])
        for judge, (pairs, flipped) in counts.get("flips", {}).items():
            before = self.flips.get(judge, (0, 0.0))
            self.flips[judge] = (before[0] + pairs, before[1] + flipped)
        self.licences[counts["licence"]] += 1

    def table(self, gone: Iterable[tuple[Any, ...]]) -> dict[str, Any]:
        prompts = sum(self.fates.values())
        overall = sum(n for became, n in self.fates.items() if became not in ("pair", "kept")) / max(
            1, prompts
        )
        failed = Counter({became: n for became, n in self.fates.items() if became.startswith("failed")})
        heavy = [
            f"{failed.total()} of {prompts} prompts ({became})"
            for became, _ in failed.most_common(1)
            if failed.total() > prompts / 2
        ]
        heavy += [
            f"{group} {value!r} loses {c['lost'] / c['all']:.0%} of its prompts ({overall:.0%} overall)"
            for group, values in sorted(self.groups.items())
            if group != "model"
            for value, c in sorted(values.items())
            if c["all"] >= 10 and c["lost"] / c["all"] > 2 * overall
        ]
        return {
            "prompts": prompts,
            "curated_away": dict(
                sorted(
                    Counter(
                        f"{rows}: {curator}: {reason.split(' (')[0]}"
                        for _, _, curator, reason, _, _, rows in gone
                    ).items()
                )
            ),
            "prompts_by_fate": dict(sorted(self.fates.items())),
            "responses": self.responses,
            "pairs": self.pairs,
            "failures": dict(sorted(Counter(f"{f['stage']}: {f['code']}" for f in self.failures).items())),
            "example_failure": self.failures[0]["reason"][:300] if self.failures else None,
            "flags": dict(sorted(self.flags.items())),
            "groups": {
                g: {v: dict(c) for v, c in sorted(values.items())}
                for g, values in sorted(self.groups.items())
            },
            "heavy_losses": heavy,
            "licences": dict(sorted(self.licences.items())),
        }


def cost_and_servers(tallies: Iterable[bytes]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(what the dataset would cost new by stage and model, who served it and when) from the records' tallies."""
    total = Usage()
    for text in tallies:
        total.merge(Usage.load(text))
    by_stage = [
        {
            "stage": s,
            "model": m,
            "requests": c[0],
            "prompt_tokens": c[1],
            "completion_tokens": c[2],
            "cost_usd": c[3] / PICO,
        }
        for (s, m), c in total.costs.items()
    ]
    served_by = [
        {
            "backend": b,
            "host": h,
            "model": m,
            "fingerprint": f,
            "replies": int(replies),
            "first": _date(first),
            "last": _date(last),
        }
        for (b, h, m, f), (replies, first, last) in sorted(total.servers.items())
    ]
    return by_stage, served_by


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def library_versions() -> dict[str, str]:
    """Versions of what shapes the output."""
    versions = {}
    for name in (
        "prefgen",
        "pyarrow",
        "pydantic",
        "jinja2",
        "datasketch",
        "rapidfuzz",
        "py3langid",
        "distilabel",
        "transformers",
        "torch",
    ):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def move_to_previous(out: Path) -> None:
    """Make room for a changed recipe's output: the old one is kept in previous/, the one before that goes."""
    previous = out / "previous"
    if previous.exists():
        shutil.rmtree(previous)
    previous.mkdir()
    for name in (
        "records",
        "pairs",
        "manifest.json",
        "failures.parquet",
        "recipe.yaml",
        "report.html",
        "curated.parquet",
    ):
        if (out / name).exists():
            (out / name).rename(previous / name)


def changed_stages(before: Mapping[str, Any], identities: Sequence[tuple[str, str]]) -> list[str]:
    """Which stages differ from the run that the manifest `before` describes: changed themselves, or standing after a change."""
    old = dict(before.get("identities", []))
    lines = []
    first = True
    for label, identity in identities:
        if label not in old:
            lines.append(f"{label}: new")
        elif old[label] != identity:
            lines.append(f"{label}: changed" if first else f"{label}: follows a change")
            first = False
    lines += [f"{label}: gone" for label in old if label not in dict(identities)]
    return lines
