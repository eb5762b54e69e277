"""Two processes train what one trains: by torchrun for each loss and every kind of labels, and by the
accelerate and FSDP configurations that docs/training.md shows.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from prefgen.trainers.run import run_training
from prefgen.trainers.settings import TrainSettings
from tests.support.paths import ROOT
from tests.support.tiny import tiny_model
from tests.support.training import file_of

PAIRS = 16
LOSSES = {
    "sigmoid": {},
    "ipo": {"loss": ("ipo",)},
    "hinge": {"loss": ("hinge",)},
    "sigmoid_norm": {"loss": ("sigmoid_norm",), "beta": 5.0},
    "sft": {"loss": ("sigmoid", "sft"), "loss_weights": (1.0, 0.2)},
    "reward": {"use": "reward"},
}
LABELS = ("hard", "soft", "mixed", "weighted")


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """They take longer than such trainings."""
    monkeypatch.setattr("prefgen.trainers.run.can_draw", lambda: False)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("base") / "base")


def rows_of(labels: str) -> list[dict]:
    """Answers of equally many tokens, since a mean over the tokens of each process is one over all then."""
    rows = []
    for i in range(PAIRS + 4):
        row = {
            "prompt": f"Question {i + 10}?",
            "chosen": f"Yes, {100 + i} it is.",
            "rejected": f"No, {300 + i}.",
        }
        if labels == "soft":
            row["chosen_probability"] = (0.6, 0.8, 0.9)[i % 3]
        elif labels == "mixed" and i % 4 == 0:
            row["chosen_probability"] = 0.7
        elif labels == "weighted":
            row["weight"] = (0.5, 1.0, 2.0, 1.0)[i % 4]
        rows.append({**row, "split": "train" if i < PAIRS else "test"})
    return rows


def jobs_in(folder, base, names, processes):
    """The trainings, each with all pairs at every step, on as many processes."""
    folder.mkdir()
    jobs = []
    for name, labels in names:
        settings = {
            "base": str(base), "cpu": True, "lora": None, "learning_rate": 1e-3, "max_steps": 3, "warmup": 0,
            "batch_size": PAIRS // processes, "evaluate": 2, "epochs": 9, "drift": False, **LOSSES[name],
        }  # fmt: skip
        data = file_of(folder, rows_of(labels), f"{labels}.jsonl")
        jobs.append({"data": data, "out": str(folder / f"{name}-{labels}"), "settings": settings})
    (folder / "jobs.json").write_text(json.dumps(jobs))
    return jobs


def launched(folder, *launcher):
    done = subprocess.run(
        [sys.executable, "-m", *launcher],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "ACCELERATE_USE_CPU": "true"},
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def curve(folder, name):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line[name] for line in lines if name in line]


def assert_same_training(job, other):
    """The same losses, weights and accuracies; sums in another order differ in the last digits."""
    import torch
    from safetensors.torch import load_file

    out, others = Path(job["out"]), Path(other["out"])
    for name in ("loss", "eval_loss"):
        assert curve(out, name) == pytest.approx(curve(others, name), rel=1e-4), (out.name, name)
    weights, other_weights = (load_file(path / "model.safetensors") for path in (out, others))
    assert weights.keys() == other_weights.keys()
    for name, tensor in weights.items():
        # Adam divides by the size of a gradient: where there is hardly any its sign is one of rounding
        far = (tensor - other_weights[name]).abs() > 2e-4
        assert far.float().mean() < 0.01, (out.name, name)
        assert torch.isfinite(tensor).all()
    reports = [json.loads((path / "training.json").read_text()) for path in (out, others)]
    assert reports[0]["accuracy"] == reports[1]["accuracy"]


def single(folder, base, names):
    jobs = jobs_in(folder, base, names, 1)
    for job in jobs:
        run_training([job["data"]], TrainSettings(**job["settings"]), Path(job["out"]))
    return jobs


def test_two_processes_train_what_one_does_for_each_loss_and_every_kind_of_labels(tmp_path, base):
    names = [(loss, labels) for loss in LOSSES for labels in LABELS]
    jobs = jobs_in(tmp_path / "two", base, names, 2)
    torchrun = ("torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29617")
    launched(tmp_path / "two", *torchrun, "-m", "tests.support.two_processes", "jobs.json")

    for job, other in zip(jobs, single(tmp_path / "one", base, names), strict=True):
        assert_same_training(job, other)


def shown_config(name: str) -> str:
    """A configuration of accelerate that docs/training.md shows."""
    page = (ROOT / "docs" / "training.md").read_text()
    [text] = re.findall(rf"^```yaml {re.escape(name)}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return text


@pytest.mark.parametrize("config", ["processes.yaml", "fsdp.yaml"])
def test_the_configurations_of_accelerate_that_are_shown(tmp_path, base, config):
    names = [("sigmoid", labels) for labels in ("soft", "hard", "mixed")]
    jobs = jobs_in(tmp_path / "two", base, names, 2)
    (tmp_path / "two" / config).write_text(shown_config(config))
    launch = ("accelerate.commands.launch", "--config_file", config, "--main_process_port", "29619")
    launched(tmp_path / "two", *launch, "-m", "tests.support.two_processes", "jobs.json")

    for job, other in zip(jobs, single(tmp_path / "one", base, names), strict=True):
        assert_same_training(job, other)
    if config == "fsdp.yaml":
        assert "FSDP" in shown_config(config)
        launched(
            tmp_path / "two", *launch, "-m", "prefgen", "train", "mixed.jsonl", "--base", str(base),
            "-o", "lora", "--set", "cpu=true", "--set", "max_steps=2", "--set", "gradient_checkpointing=true",
        )  # fmt: skip
        assert (tmp_path / "two" / "lora" / "adapter_model.safetensors").is_file()
