"""Something that really learns: prompts, a small model's own samples, a rule as the judge, pairs, a release
on a local Hub, and training from its tag.

    python -m tests.lab.run_lab [--seeds 3]

For each seed: a model of 0.7 million parameters is trained from scratch on answers of which half break the
rule; prefgen samples four answers to each of 600 prompts from it (backend `transformers`, in the process),
judges them by the rule, makes pairs, publishes them with a tag, and `prefgen train` reads that tag. What
counts is the share of right answers to 300 prompts that nothing was trained on.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab.pretrain import pass_rate, pretrained
from tests.lab.task import prompts
from tests.support.hub import WRITER, LocalHub, local_hub
from tests.support.paths import ROOT

RECIPE = """
name: lab
version: 1.0.0
seed: {seed}
models:
  policy: {{use: transformers, name: {base}, temperature: 1.0, max_tokens: 10, dtype: float32}}
stages:
  - prompts: {{use: file, path: prompts.jsonl}}
  - sample: {{use: each, model: policy, n: 4}}
  - judge:
      rule: {{use: "./judge.py:rule"}}
  - pair: {{use: best_vs_worst, score: rule, min_margin: 0.2}}
# a few dozen words are all there are: answers repeat by nature
publish: {{repo: acme/lab, max_repeated_chosen: 1.0, test: 0.1}}
run:
  endpoints: {{policy: {{batch_size: 64, device: cpu}}}}
"""
SETTINGS = {
    "lora": "null",
    "beta": 0.5,
    "learning_rate": 1e-4,
    "epochs": 2,
    "batch_size": 16,
    "cpu": "true",
    "max_repeated_chosen": 1.0,
    "dtype": "float32",
}
LEARNED = 0.05
"""What training must add to the share of right answers: 1,200 answers have a standard error of 1.4 %."""


def prefgen(folder: Path, hub: LocalHub, *arguments: str) -> str:
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "hf"), "HF_TOKEN": WRITER,
        "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "prefgen", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"prefgen {' '.join(arguments)} failed ({done.returncode}):\n{done.stderr}")
    return done.stdout


def experiment(
    folder: Path,
    seed: int,
    *,
    held_out: int = 300,
    sampled: int = 600,
    steps: int = 600,
    settings: dict[str, object] | None = None,
) -> dict[str, float]:
    """{base, trained, shuffled: share of right answers to held-out prompts; accuracy: on held-out pairs;
    pairs}.
    """
    every = prompts(seed)
    fresh, known = every[:held_out], every[held_out:]
    base = pretrained(folder / "base", known, seed=seed, steps=steps)
    (folder / "prompts.jsonl").write_text("".join(json.dumps({"prompt": p}) + "\n" for p in known[:sampled]))
    (folder / "judge.py").write_bytes((ROOT / "tests/lab/judge.py").read_bytes())
    (folder / "lab.yaml").write_text(RECIPE.format(seed=seed, base=base))
    with local_hub({}) as hub:
        prefgen(folder, hub, "run", "lab.yaml", "--out", "run", "-q", "-y", "--publish")
        given = [
            part for name, value in (settings or SETTINGS).items() for part in ("--set", f"{name}={value}")
        ]
        prefgen(
            folder,
            hub,
            "train",
            "acme/lab@v1.0.0",
            "--base",
            str(base),
            "-o",
            "trained",
            "--control",
            "shuffled",
            *given,
        )
    report = json.loads((folder / "trained" / "training.json").read_text())
    return {
        "base": pass_rate(base, fresh, seed=seed),
        "trained": pass_rate(folder / "trained", fresh, seed=seed),
        "shuffled": pass_rate(folder / "trained" / "control-shuffled", fresh, seed=seed),
        "accuracy": report["accuracy"]["value"],
        "pairs": report["pairs"]["train"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], help="a setting of training, as name=value")
    options = parser.parse_args()
    print(
        "| seed | pairs | base | trained | shuffled labels | accuracy on held-out pairs "
        "|\n|---|---|---|---|---|---|"
    )
    failed = []
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory(prefix="prefgen-lab-") as folder:
            found = experiment(
                Path(folder), seed, settings=SETTINGS | dict(part.split("=", 1) for part in options.set)
            )
        rates = " | ".join(f"{found[name]:.1%}" for name in ("base", "trained", "shuffled", "accuracy"))
        print(f"| {seed} | {found['pairs']} | {rates} |", flush=True)
        if found["trained"] < found["base"] + LEARNED or found["shuffled"] > found["base"] + LEARNED / 2:
            failed.append(seed)
    if failed:
        sys.exit(
            f"seeds {failed}: training must add {LEARNED:.0%} to what the base gets right, and shuffled "
            "labels less than half of that"
        )


if __name__ == "__main__":
    main()
