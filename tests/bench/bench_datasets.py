"""How long it takes until a training begins, and to publish once more what has not changed: rows of
docs/bench.md.

    python tests/bench/bench_datasets.py [--pairs 44000] [--published 46000] [--before TREE] [--only train]

Pairs have a prompt of about 33 words and answers of 60 to 150, drawn as words are in real texts; no two
prompts are alike. Each measurement is a process of its own: CPU is what the kernel counts for it and its own
processes, wall is from its first to its last line. With --before the code of another tree does the same,
alternating with this one's. Needs the training extra.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from bench_prompts import Writer  # noqa: E402

from tests.support.hub import WRITER, local_hub  # noqa: E402

RECIPE = """
name: bench
seed: 1
stages:
  - prompts: {{use: records, path: {pairs}}}
  - pair: {{use: fixed, chosen: {{model: [good]}}, rejected: {{model: [bad]}}}}
"""
UNTIL_READY = """
import sys, time
from pathlib import Path
from prefgen.trainers import going_on
from prefgen.trainers.progress import TrainingProgress
from prefgen.trainers.run import run_training
from prefgen.trainers.settings import TrainSettings

class Ready(Exception):
    pass

def ready(trainer, checkpoint):
    assert len(trainer.train_dataset) > 0
    raise Ready

going_on.train_to_end = ready
try:
    settings = TrainSettings(base=sys.argv[2], cpu=True, use=sys.argv[4])
    run_training([sys.argv[1]], settings, Path(sys.argv[3]))
except Ready:
    pass
"""
"""A training that stops where its first step would be."""


def write_pairs(path: Path, count: int) -> None:
    writer = Writer(0)

    def answer() -> str:
        return " ".join(
            writer.rng.choices(writer.words, cum_weights=writer.weights, k=writer.rng.randint(60, 150))
        )

    with path.open("w") as file:
        for _ in range(count):
            row = {
                "prompt": writer.text(),
                "chosen": answer(),
                "rejected": answer(),
                "chosen_model": "good",
                "rejected_model": "bad",
                "source": "bench",
                "license": "CC0-1.0",
            }
            file.write(json.dumps(row) + "\n")


def write_base(folder: Path, pairs: Path) -> None:
    """A Llama of a few thousand weights with a tokenizer of 8,000 words that was trained on some pairs."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from tests.support.tiny import CHAT

    words = Tokenizer(models.BPE(unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.ByteLevel()
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=8000,
        special_tokens=["<unk>", "<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    with pairs.open() as file:
        words.train_from_iterator((json.loads(next(file))["chosen"] for _ in range(500)), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    tokenizer.chat_template = CHAT
    config = LlamaConfig(
        vocab_size=8000, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=2048, bos_token_id=1, eos_token_id=2, pad_token_id=3,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def measured(command: list[str], tree: Path, **environment: str) -> dict[str, float]:
    """Wall and CPU seconds and peak MiB of a command that runs the code of a tree."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr
    talk = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{talk[-2000:]}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "mib": usage.ru_maxrss / 1024}


def report(name: str, tree: Path, found: dict[str, float]) -> None:
    where = "now" if tree == ROOT else "before"
    print(
        f"| {name} | {where} | {found['wall']:.1f} s | {found['cpu']:.1f} s | {found['mib']:,.0f} MiB |",
        flush=True,
    )


def bench_training(folder: Path, trees: list[Path], count: int, uses: list[str], runs: int) -> None:
    pairs, base = folder / f"pairs-{count}.jsonl", folder / "base"
    if not pairs.exists():
        write_pairs(pairs, count)
    if not base.exists():
        write_base(base, pairs)
    for use in uses:
        for number in range(runs):
            for tree in trees:
                out = folder / f"out-{use}-{number}-{trees.index(tree)}-{os.getpid()}"
                words = ["-c", UNTIL_READY, str(pairs), str(base), str(out), use]
                report(f"{count:,} pairs until {use} begins", tree, measured(words, tree))


def bench_publishing(folder: Path, trees: list[Path], count: int, runs: int) -> None:
    pairs, run = folder / f"pairs-{count}.jsonl", folder / f"run-{count}"
    if not pairs.exists():
        write_pairs(pairs, count)
    if not (run / "manifest.json").exists():
        (folder / "recipe.yaml").write_text(RECIPE.format(pairs=pairs))
        words = ["-m", "prefgen", "run", str(folder / "recipe.yaml"), "--out", str(run), "-q", "-y"]
        measured(words, trees[0])
    for tree, repo in zip(trees, ("acme/one", "acme/two"), strict=False):
        for options in published_to_hub(folder):
            words = ["-m", "prefgen", "publish", str(run), "--repo", repo]
            report(f"{count:,} pairs published", tree, measured(words, tree, **options))
            for _ in range(runs):
                report("the same again", tree, measured(words, tree, **options))


def published_to_hub(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a local Hub that is there meanwhile."""
    with local_hub({}) as hub:
        yield {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(folder / "hf"),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_TOKEN": WRITER,
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=44_000)
    parser.add_argument("--published", type=int, default=46_000)
    parser.add_argument("--before", type=Path, help="another tree of the project, such as a git worktree")
    parser.add_argument("--only", choices=("train", "publish"))
    parser.add_argument("--use", nargs="+", default=["dpo"], help="trainers to begin")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where made-up data stays for the next time")
    options = parser.parse_args()
    trees = [*([options.before.resolve()] if options.before else []), ROOT]
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        print("| | | wall | CPU | peak |\n|---|---|---|---|---|")
        if options.only != "publish":
            bench_training(folder, trees, options.pairs, options.use, options.runs)
        if options.only != "train":
            bench_publishing(folder, trees, options.published, options.runs)


if __name__ == "__main__":
    main()
