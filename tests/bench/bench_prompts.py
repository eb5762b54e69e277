"""The numbers of docs/bench.md on curators: how long they take, and what they find of what was planted.

    python tests/bench/bench_prompts.py [--count 100000] [--only exact|minhash|...]

Texts are about 200 characters of a vocabulary drawn as words are in real texts (Zipf). A tenth of them are
near-duplicates of others, made by replacing, dropping or adding words at three rates; of the benchmark's
items 250 stand among the prompts word for word and 250 edited.
"""

import argparse
import json
import random
import re
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from prefgen.curators.balance import Balance
from prefgen.curators.decontaminate import Decontaminate
from prefgen.curators.dedupe import Dedupe, cosines_of, near_duplicates
from prefgen.curators.heuristics import Heuristics
from prefgen.kit.templates import set_recipe_folder
from prefgen.tables import Table

RATES = (0.02, 0.05, 0.1)


class Writer:
    """Texts of a made-up vocabulary."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        letters = "abcdefghijklmnopqrstuvwxyz"
        self.words = [
            "".join(self.rng.choice(letters) for _ in range(self.rng.randint(2, 9))) for _ in range(20_000)
        ]
        self.weights = np.cumsum(1 / np.arange(2, 20_002)).tolist()

    def text(self) -> str:
        return " ".join(self.rng.choices(self.words, cum_weights=self.weights, k=self.rng.randint(28, 38)))

    def edited(self, text: str, rate: float) -> str:
        out = []
        for word in text.split():
            draw = self.rng.random()
            if draw < rate:
                kind = self.rng.randrange(3)
                out += [[self.rng.choice(self.words)], [], [word, self.rng.choice(self.words)]][kind]
            else:
                out.append(word)
        return " ".join(out)


def table(texts: list[str]) -> Table:
    n = len(texts)
    columns = {"id": [str(i) for i in range(n)], "text": texts, "conversation": [f"user: {t}" for t in texts]}
    return Table(
        pa.table(
            {
                **columns,
                "source": ["s"] * n,
                "category": [f"c{i % 7}" for i in range(n)],
                "language": ["en"] * n,
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    writer, count = Writer(0), options.count
    rows: list[str] = []

    def timed(name: str, work, limit: str = "") -> object:
        if options.only and not re.search(options.only, name):
            return None
        started = time.monotonic()
        found = work()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rows.append(
            f"| {name}, {count:,} prompts | {time.monotonic() - started:.1f} s, {peak:.1f} GiB at most so "
            f"far | {limit} |"
        )
        print(rows[-1], flush=True)
        return found

    texts = [writer.text() for _ in range(count)]
    plain = table(texts)
    timed("dedupe exact", lambda: Dedupe(method="exact").curate(plain), "< 5 s")
    timed("balance", lambda: Balance(most=count // 20).curate(plain))
    timed("heuristics", lambda: Heuristics().curate(plain))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        items = [writer.text() for _ in range(20_000)]
        (folder / "items.jsonl").write_text("".join(json.dumps({"text": item}) + "\n" for item in items))
        set_recipe_folder(folder)
        held = items[:250] + [writer.edited(item, 0.05) for item in items[250:500]]
        dirty = table(texts[: count - 500] + [f"Question: {text}" for text in held])
        found = timed(
            "decontaminate against 20,000 items",
            lambda: Decontaminate(against=("items.jsonl",)).curate(dirty),
            "< 30 s",
        )
        if isinstance(found, Table):
            gone = {int(i) - (count - 500) for i in found.dropped}
            whole, edited = sum(0 <= i < 250 for i in gone), sum(250 <= i < 500 for i in gone)
            print(
                f"|   found of 250 whole, of 250 edited (5 % of words), wrongly | {whole}, {edited}, "
                f"{sum(i < 0 for i in gone)} | 250, >= 238, few |"
            )
    matrix = np.random.default_rng(0).standard_normal((count, 384)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    timed(
        "semantic, 384 dimensions given",
        lambda: near_duplicates([str(i) for i in range(count)], cosines_of(matrix), 0.9, "cosine"),
        "< 180 s",
    )
    for rate in RATES:
        originals = texts[: count * 9 // 10]
        twins = [writer.edited(text, rate) for text in originals[: count // 10]]
        mixed = table(originals + twins)
        for method in ("minhash", "semantic", "rouge_l"):
            if method == "rouge_l" and count > 20_000:
                continue
            found = timed(
                f"dedupe {method}, a tenth edited at {rate:.0%}",
                lambda m=method, t=mixed: Dedupe(method=m).curate(t),
                "< 90 s" if method == "minhash" else "",
            )
            if isinstance(found, Table):
                right = sum(
                    int(i) >= len(originals) and found.dropped[i].neighbour == str(int(i) - len(originals))
                    for i in found.dropped
                )
                print(
                    f"|   precision, recall | {right / max(1, len(found.dropped)):.3f}, "
                    f"{right / len(twins):.3f} | |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
