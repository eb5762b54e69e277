"""Two processes train what one trains: by torchrun for each loss and every kind of labels, and by the
accelerate and FSDP configurations that docs/training.md shows. What follows a training is done once.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from prefgen.dataset.read_run import read_records
from prefgen.trainers.run import run_training
from prefgen.trainers.settings import TrainSettings
from tests.support.judging import a_judging_recipe
from tests.support.paths import ROOT
from tests.support.recipes import RATE, unused_port
from tests.support.server import answer
from tests.support.tiny import tiny_model
from tests.support.training import file_of, pairs

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


def rows_of(labels: str, held_out: int = 4) -> list[dict]:
    """Answers of equally many tokens, since a mean over the tokens of each process is one over all then."""
    rows = []
    for i in range(PAIRS + held_out):
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


def jobs_in(folder, base, names, processes, held_out=4):
    """The trainings, each with all pairs at every step, on as many processes."""
    folder.mkdir()
    jobs = []
    for name, labels in names:
        settings = {
            "base": str(base), "cpu": True, "lora": None, "learning_rate": 1e-3, "max_steps": 3, "warmup": 0,
            "batch_size": PAIRS // processes, "evaluate": 2, "epochs": 9, "drift": False, **LOSSES[name],
        }  # fmt: skip
        data = file_of(folder, rows_of(labels, held_out), f"{labels}.jsonl")
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


def single(folder, base, names, held_out=4):
    jobs = jobs_in(folder, base, names, 1, held_out)
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


def test_rows_that_fill_up_the_last_batch_of_a_look_do_not_count(tmp_path, base):
    """Three rows are no multiple of what two processes look at: with soft labels they alone count."""
    names = [("sigmoid", "soft"), ("sigmoid", "hard")]
    jobs = jobs_in(tmp_path / "two", base, names, 2, held_out=3)
    torchrun = ("torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29625")
    launched(tmp_path / "two", *torchrun, "-m", "tests.support.two_processes", "jobs.json")

    soft, _ = [*zip(jobs, single(tmp_path / "one", base, names, held_out=3), strict=True)]
    for name in ("margins", "accuracies", "chosen", "rejected"):
        found, expected = (curve(Path(job["out"]), f"eval_rewards/{name}") for job in soft)
        assert found == pytest.approx(expected, rel=1e-4), name


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
    how = ("split",) if config == "fsdp.yaml" else ()
    launched(tmp_path / "two", *launch, "-m", "tests.support.two_processes", "jobs.json", *how)

    for job, other in zip(jobs, single(tmp_path / "one", base, names), strict=True):
        assert_same_training(job, other)


TORCHRUN = ("torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29621")


async def on_two(folder, *words, launcher=(*TORCHRUN, "-m", "prefgen")) -> tuple[int, str, str]:
    """A command of prefgen as each of two processes."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *launcher, *map(str, words), cwd=folder,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode, out.decode(), err.decode()


def train_words(folder, base, *more):
    settings = {"cpu": "true", "max_steps": 2, "learning_rate": 0.003, "evaluate": 2}
    sets = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    return "train", file_of(folder, pairs(40)), "--base", base, "-o", "out", *sets, *more


def assert_merged(out, base):
    """The merged model is the adapter on the base, by peft's own merging."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    merged = AutoModelForCausalLM.from_pretrained(out / "merged").state_dict()
    expected = (
        PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), out)
        .merge_and_unload()
        .state_dict()
    )
    assert merged.keys() == expected.keys()
    assert all(torch.allclose(merged[name], expected[name], atol=1e-6) for name in merged)
    before = AutoModelForCausalLM.from_pretrained(base).state_dict()
    assert any(not torch.equal(merged[name], before[name]) for name in merged)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft asks transformers by an old name
async def test_an_adapter_is_merged_and_the_model_judged_by_the_first_alone(tmp_path, base, server):
    server.script = lambda body, attempt: answer(RATE, body)
    recipe = a_judging_recipe(tmp_path, server.url)

    code, out, err = await on_two(tmp_path, *train_words(tmp_path, base, "--merge", "--then-eval", recipe))

    assert code == 0, err
    assert_merged(tmp_path / "out", base)
    records = list(read_records(tmp_path / "out" / "eval" / "run"))
    # both answers to a prompt are rated in one request; one more is the trial's
    assert len(server.bodies) == len(records) + 1
    assert out.startswith("base+out against base, by quality, on ")
    assert [out.count(words) for words in ("by quality", "held-out accuracy", "the adapter is in")] == [1] * 3
    assert err.count("trying 'judging' on one prompt") == 1


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft asks transformers by an old name
async def test_weights_that_are_split_over_the_processes_are_put_together(tmp_path, base):
    """An adapter that is merged, and the model of a phase before: nobody holds the whole of either."""
    (tmp_path / "fsdp.yaml").write_text(shown_config("fsdp.yaml"))
    launcher = ("accelerate.commands.launch", "--config_file", "fsdp.yaml", "--main_process_port", "29623",
                "-m", "tests.support.split_on_cpus")  # fmt: skip

    code, _, err = await on_two(tmp_path, *train_words(tmp_path, base, "--merge"), launcher=launcher)

    assert code == 0, err
    assert_merged(tmp_path / "out", base)
    assert not (tmp_path / "out" / "merged" / "adapter").exists()


async def test_a_fault_of_one_process_ends_the_others(tmp_path, base, server):
    """The first finds that no server answers, and the second would wait for it."""
    recipe = a_judging_recipe(tmp_path, f"http://127.0.0.1:{unused_port()}/v1")

    code, out, err = await on_two(tmp_path, *train_words(tmp_path, base, "--then-eval", recipe))

    assert (code, out) == (1, ""), err  # torchrun's own, whichever prefgen ends with
    assert "exitcode  : 3" in err
    assert not (tmp_path / "out" / "training.json").exists()
