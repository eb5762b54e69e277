"""Training on pairs with TRL: what the loss is, what is refused, what is written; tiny models with random
weights, on one thread.
"""

import asyncio
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random

import numpy as np
import pytest

from prefgen.dataset.bad_rows import BadRows
from prefgen.errors import GateFailed, RecipeError, TrainingStopped
from prefgen.stats.order_flips import label_noise
from prefgen.trainers.pairs import pairs_that_differ, read_training_pairs, with_control_labels
from prefgen.trainers.progress import TrainingProgress
from prefgen.trainers.report import accuracy_difference
from prefgen.trainers.run import run_training
from prefgen.trainers.settings import TrainSettings
from prefgen.trainers.training_folder import standing_of
from tests.support.cli import prefgen
from tests.support.recipes import a_recipe, run
from tests.support.tiny import tiny_model
from tests.support.training import file_of, pairs


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("base") / "base")


def trained(folder, base, rows, out="out", controls=(), **settings):
    fields = {"base": str(base), "learning_rate": 3e-3, "epochs": 3, "cpu": True, "evaluate": 10, **settings}
    return run_training([file_of(folder, rows)], TrainSettings(**fields), folder / out, controls=controls)


def test_labels_that_hold_are_learned(tmp_path, base):
    report = trained(tmp_path, base, pairs())

    assert report.accuracy.value == 1.0
    assert (tmp_path / "out" / "adapter_config.json").is_file()
    metrics = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert [line for line in metrics if "loss" in line][-1]["loss"] < 0.3
    assert metrics[-1]["step"] == 21
    assert any("eval_rewards/accuracies" in line for line in metrics)


def test_a_probability_of_one_half_teaches_nothing(tmp_path, base):
    trained(tmp_path, base, pairs(chosen_probability=0.5), lora={"dropout": 0.0})

    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    last = [line for line in lines if "rewards/margins" in line][-1]
    assert abs(last["rewards/margins"]) < 0.05
    assert last["loss"] == pytest.approx(math.log(2), abs=0.05)  # at its least; Adam makes steps of its noise


def flipping_run(folder, prompts=120):
    """A run whose judge rates in both orders, and prefers the text that is shown first where the prompt's
    number ends in 3.
    """
    rates = '{"text_1": {"rationale": "a", "rating": %d}, "text_2": {"rationale": "b", "rating": %d}}'
    first = r"The texts that reply[\s\S]*Yes, it is so[\s\S]*No, it is not"  # Yes is shown before No
    rules = [
        {"when": rf"Question \d*3\?[\s\S]*{first}", "say": rates % (5, 2)},
        {"when": r"Question \d*3\?[\s\S]*The texts that reply", "say": rates % (4, 3)},
        {"when": first, "say": rates % (5, 2)},
        {"when": "The texts that reply", "say": rates % (2, 5)},
        {"say": ["Yes, it is so.", "No, it is not."]},
    ]
    recipe = a_recipe(prompts=[f"Question {i}?" for i in range(prompts)], n=2)
    for model in recipe["models"].values():
        model["rules"] = rules
    recipe["stages"][2]["judge"]["quality"]["swap"] = True
    return asyncio.run(run(recipe, folder / "run"))


def test_label_smoothing_is_measured_by_how_often_the_judge_flips(tmp_path, base):
    made = flipping_run(tmp_path)
    found = made.manifest.order_effects["quality"]
    progress = TrainingProgress()

    report = run_training(
        [str(made.out)],
        TrainSettings(
            base=str(base), max_steps=2, cpu=True, max_repeated_chosen=1.0, label_smoothing="measured"
        ),
        tmp_path / "out",
        progress=progress,
    )

    share = found.flipped / found.pairs
    assert 0.02 < share < 0.25
    assert report.settings["label_smoothing"] == pytest.approx(label_noise(share))
    assert f"{found.pairs} pairs that were judged in both orders" in "\n".join(progress.notices)
    assert f"label smoothing {label_noise(share):.3f}" in (tmp_path / "out" / "README.md").read_text()


def test_label_smoothing_is_not_measured_where_nothing_was_judged_twice_or_pairs_say_it_themselves(
    tmp_path, base
):
    with pytest.raises(RecipeError, match="both orders"):
        trained(tmp_path, base, pairs(), label_smoothing="measured")
    with pytest.raises(RecipeError, match="labels: hard"):
        trained(tmp_path, base, pairs(chosen_probability=0.8), label_smoothing="measured")


@pytest.fixture
def contrary_labels(monkeypatch):
    """Pairs are read with a probability of 0, which no file may have (`check` calls it broken): what is
    tested is the arithmetic of the loss.
    """

    def contrary(names, **options):
        data = read_training_pairs(names, **options)
        train, test = ([{**row, "probability": 0.0} for row in rows] for rows in (data.train, data.test))
        return replace(data, train=train, test=test)

    monkeypatch.setattr("prefgen.trainers.run.read_training_pairs", contrary)


def test_a_probability_of_nought_teaches_the_contrary(tmp_path, base, contrary_labels):
    assert trained(tmp_path, base, pairs()).accuracy.value == 0.0


def test_a_label_against_its_own_pair_is_not_trained_on(tmp_path, base):
    with pytest.raises(GateFailed, match="chosen_probability is 0.4: by its own label the rejected side"):
        trained(tmp_path, base, pairs(chosen_probability=0.4))


def test_a_weight_of_nought_teaches_nothing(tmp_path, base):
    mostly = [
        *pairs(60),
        *(
            {
                **row,
                "weight": 0.0,
                "chosen": row["rejected"],
                "rejected": row["chosen"],
                "prompt": row["prompt"] + " Really?",
            }
            for row in pairs(60)
        ),
    ]
    weighted = trained(tmp_path, base, mostly, out="weighted", max_repeated_chosen=1.0)

    rows = read_training_pairs([str(tmp_path / "pairs.jsonl")], max_repeated_chosen=1.0, seed=0).test
    right = sum(row["weight"] == 1 for row in rows) / len(rows)
    assert weighted.accuracy.value == pytest.approx(right, abs=0.15)


@pytest.mark.parametrize("loss", ["sigmoid", "ipo", "hinge", "sigmoid_norm", "sft"])
def test_the_soft_loss_is_trls_where_labels_are_sure(tmp_path, base, loss):
    """The same batch through TRL's own code and through ours."""
    import torch

    from prefgen.trainers.trained_model import train_model

    rows = [*pairs(23), {**pairs(24)[-1], "chosen_probability": 0.9}]  # one is enough for the soft loss
    data = read_training_pairs([file_of(tmp_path, rows)], max_repeated_chosen=1.0, seed=0)
    settings = TrainSettings(
        base=str(base), cpu=True, max_steps=2, loss=(loss,), learning_rate=1e-2, lora={"dropout": 0.0}
    )
    trainer = train_model(data, settings, tmp_path / "out", TrainingProgress()).trainer
    trainer.model.eval()
    batch = next(iter(trainer.get_eval_dataloader(trainer.train_dataset)))

    assert {"probability", "weight"} <= set(batch)
    batch["probability"] = torch.ones_like(batch["probability"])
    with torch.no_grad():
        ours = trainer._compute_loss(trainer.model, dict(batch), False)
        theirs = trainer._compute_loss(
            trainer.model, {k: v for k, v in batch.items() if k not in ("probability", "weight")}, False
        )

    assert float(ours) == pytest.approx(float(theirs), rel=1e-4)


OTHER_ALONE = (
    "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant: thought: none. {% endif %}"
)
"""A template that renders a prompt otherwise when an answer follows."""
CONVERSATIONS = [
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name a bird."}],
    [
        {"role": "user", "content": "Name a bird."},
        {"role": "assistant", "content": "A wren, small and brown."},
        {"role": "user", "content": "Another one, and naïve words: 東京, <s>, ½."},
    ],
    [{"role": "user", "content": "A long question about birds. " * 9}],
]


@pytest.mark.parametrize(
    ("use", "template", "max_length"),
    [("dpo", None, None), ("dpo", None, 40), ("dpo", OTHER_ALONE, None), ("reward", None, None)],
)
def test_the_tokens_are_those_that_trl_makes(tmp_path, base, use, template, max_length):
    import importlib

    import trl
    from datasets import Dataset
    from transformers import AutoTokenizer

    from prefgen.trainers.job import prepare_training

    folder = tmp_path / "base"
    shutil.copytree(base, folder)
    if template:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        tokenizer.chat_template = template
        tokenizer.save_pretrained(folder)
    rows = [
        {**row, "prompt": CONVERSATIONS[i % 4] if i % 4 < 3 else row["prompt"], "split": "train"}
        for i, row in enumerate(pairs(700))  # more than are tokenized at once
    ]
    data = read_training_pairs([file_of(tmp_path, rows)], max_repeated_chosen=1.0, seed=0)
    settings = TrainSettings(base=str(folder), cpu=True, use=use, max_length=max_length)
    job = prepare_training(data, settings, tmp_path / "out", TrainingProgress())
    ours = importlib.import_module(f"prefgen.trainers.{use}").trainer(job)

    names = ("prompt", "chosen", "rejected")
    messages = Dataset.from_list([{name: row[name] for name in names} for row in job.train])
    kind = trl.DPOTrainer if use == "dpo" else trl.RewardTrainer
    theirs = kind._prepare_dataset(ours, messages, job.tokenizer, ours.args, "train")

    columns = ("prompt_ids", "chosen_ids", "rejected_ids")[use == "reward" :]
    assert len(theirs) == len(ours.train_dataset) > (340 if max_length else 600)
    for name in columns:
        assert list(ours.train_dataset[name]) == list(theirs[name])


def test_a_training_is_that_of_plain_trl_to_the_last_bit(tmp_path, base):
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOTrainer

    from prefgen.trainers.trained_model import train_model

    rows = [{**row, "split": "train"} for row in pairs(40)]
    data = read_training_pairs([file_of(tmp_path, rows)], max_repeated_chosen=1.0, seed=0)
    settings = TrainSettings(base=str(base), cpu=True, max_steps=4, learning_rate=1e-3, lora=None)
    ours = train_model(data, settings, tmp_path / "out", TrainingProgress()).trainer

    names = ("prompt", "chosen", "rejected")
    model, reference = (AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32) for _ in range(2))
    theirs = DPOTrainer(
        model=model,
        ref_model=reference,
        args=replace(ours.args, output_dir=str(tmp_path / "plain")),
        train_dataset=Dataset.from_list([{name: row[name] for name in names} for row in data.train]),
        processing_class=AutoTokenizer.from_pretrained(base),
    )
    theirs.train()

    begun = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).state_dict()
    trained_weights, plain_weights = ours.model.state_dict(), theirs.model.state_dict()
    assert any(not torch.equal(weights, begun[name]) for name, weights in trained_weights.items())
    for name, weights in plain_weights.items():
        assert torch.equal(weights, trained_weights[name]), name


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": ("sigmoid", "sft"), "loss_weights": (1.0, 0.2)},
        {"loss": ("robust",), "weights": False},
        {"lora": None},
    ],
)
def test_other_losses_and_all_weights(tmp_path, base, settings):
    report = trained(tmp_path, base, pairs(), **settings)

    assert report.accuracy.value > 0.8
    if settings.get("lora", 1) is None:
        assert (tmp_path / "out" / "model.safetensors").is_file()


@pytest.mark.parametrize("use", ["kto", "simpo", "orpo", "reward", "sft"])
def test_the_other_trainers_learn_it_too(tmp_path, base, use):
    report = trained(tmp_path, base, pairs(120), use=use, epochs=4)

    assert report.accuracy.value > 0.85
    assert report.settings["use"] == use
    assert f"trained by {use}" in (tmp_path / "out" / "README.md").read_text()


def test_simpo_learns_the_end_of_the_template_and_no_second_one(tmp_path, monkeypatch):
    from transformers import AutoTokenizer

    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    from prefgen.trainers import simpo
    from prefgen.trainers.job import prepare_training

    chatml = tiny_model(tmp_path / "base")
    tokenizer = AutoTokenizer.from_pretrained(chatml)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}</s>\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    tokenizer.save_pretrained(chatml)
    settings = TrainSettings(base=str(chatml), use="simpo", cpu=True, lora=None, beta=2.0, gamma=1.0)
    data = read_training_pairs([file_of(tmp_path, pairs(20))], max_repeated_chosen=1.0, seed=0)
    job = prepare_training(data, settings, tmp_path / "out", TrainingProgress())

    made = simpo.trainer(job)

    for row, tokens in zip(job.train, made.train_dataset, strict=True):
        for side in ("chosen", "rejected"):
            rendered, asked = (
                tokenizer.apply_chat_template(turns, return_dict=True, **more)["input_ids"]
                for turns, more in (
                    (row["prompt"] + row[side], {}),
                    (row["prompt"], {"add_generation_prompt": True}),
                )
            )
            start = next(i for i, token in enumerate(rendered) if i == len(asked) or token != asked[i])
            learned = [token for token in tokens[f"{side}_labels"] if token != -100]
            assert tokens[f"{side}_input_ids"] == rendered
            assert learned == rendered[start:]
            assert learned.count(tokenizer.eos_token_id) == 1 and learned[-1] != tokenizer.eos_token_id
    # section 3: -log sigmoid(beta / |y_w| log p(y_w | x) - beta / |y_l| log p(y_l | x) - gamma)
    batch = made.data_collator([made.train_dataset[i] for i in range(4)])
    margins = simpo.margins(made, replace(job, test=job.train[:4]))
    expected = sum(math.log1p(math.exp(1.0 - margin)) for margin in margins) / 4
    assert float(made.compute_loss(made.model.eval(), batch).detach()) == pytest.approx(expected, rel=1e-4)


def test_a_reward_model_takes_labels_weights_and_margins(tmp_path, base, contrary_labels):
    from transformers import AutoModelForSequenceClassification

    contrary = trained(
        tmp_path,
        base,
        pairs(120, margin=2.0),
        use="reward",
        lora=None,
        margins=True,
        learning_rate=1e-3,
    )

    assert contrary.accuracy.value < 0.15
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path / "out").config.num_labels == 1
    with pytest.raises(RecipeError, match="needs a margin in every pair, and"):
        trained(tmp_path, base, pairs(), out="other", use="reward", margins=True)


@pytest.mark.parametrize("use", ["kto", "simpo", "orpo"])
def test_a_trainer_without_soft_labels_says_so(tmp_path, base, use):
    with pytest.raises(RecipeError, match=f"{use} has no form for them. Say `labels: hard, weights: false`"):
        trained(tmp_path, base, pairs(chosen_probability=0.8), use=use)

    assert (
        trained(tmp_path, base, pairs(chosen_probability=0.8), use=use, labels="hard", weights=False).pairs[
            "train"
        ]
        > 40
    )


def test_supervised_training_may_come_first_and_what_comes_out_stands_alone(tmp_path, base):
    report = trained(tmp_path, base, pairs(), sft_epochs=1)

    out = tmp_path / "out"
    assert report.accuracy.value == 1.0
    assert report.base == base.name
    assert (out / "model.safetensors").is_file()
    assert not (out / "adapter_config.json").exists()
    reference = out / "sft" / "model" / "model.safetensors"  # of the accuracy that is reported
    assert reference.is_file() and reference.read_bytes() != (base / "model.safetensors").read_bytes()
    assert "1.0 epochs on the best answers" in (out / "README.md").read_text()


def test_a_first_phase_is_used_again(tmp_path, base, monkeypatch):
    from prefgen.trainers import run as runs

    real, folders = runs.train_model, []

    def stopping(data, settings, out, progress):
        folders.append((out.name, settings.learning_rate))
        if len(folders) == 2:
            raise KeyboardInterrupt
        return real(data, settings, out, progress)

    monkeypatch.setattr(runs, "train_model", stopping)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, base, pairs(), sft_epochs=1, sft_learning_rate=1e-3)
    with pytest.raises(RecipeError, match="begun with other pairs"):
        trained(tmp_path, base, pairs(40), sft_epochs=1, sft_learning_rate=1e-3)
    trained(tmp_path, base, pairs(), sft_epochs=1, sft_learning_rate=1e-3)

    assert folders == [("sft", 1e-3), ("out", 3e-3), ("out", 3e-3)]


def test_nothing_but_a_training_is_written_over(tmp_path, base):
    mine = tmp_path / "out"
    (mine / "sft").mkdir(parents=True)
    (mine / "sft" / "thesis.txt").write_text("x")
    with pytest.raises(RecipeError, match="something else"):
        trained(tmp_path, base, pairs())
    assert (mine / "sft" / "thesis.txt").read_text() == "x"

    own = tiny_model(tmp_path / "own")
    before = (own / "model.safetensors").read_bytes()
    for out in ("own", "own/..", "."):
        with pytest.raises(RecipeError, match="what it is trained from"):
            trained(tmp_path, own, pairs(), out=out, lora=None)
    assert (own / "model.safetensors").read_bytes() == before


def test_a_training_that_diverged_is_no_model(tmp_path, base):
    with pytest.raises(TrainingStopped, match="diverged"):
        trained(tmp_path, base, pairs(), learning_rate=1e30, lora=None)
    assert not (tmp_path / "out" / "training.json").exists()
    for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_one_step_teaches_something(tmp_path, base):
    trained(tmp_path, base, pairs(8), max_steps=1, lora=None)

    assert (tmp_path / "out" / "model.safetensors").read_bytes() != (base / "model.safetensors").read_bytes()


def test_what_is_trained_on_a_reward_model_is_a_reward_model(tmp_path):
    rewarding = tiny_model(tmp_path / "reward", "classifier")

    with pytest.raises(RecipeError, match="is a reward model"):
        trained(tmp_path, rewarding, pairs())


def test_what_the_first_process_has_begun_to_write_is_no_other_training(tmp_path, base, monkeypatch):
    settings = TrainSettings(base=str(base))
    (tmp_path / "out" / "eval").mkdir(parents=True)

    with pytest.raises(RecipeError, match="holds files of something else"):
        standing_of(tmp_path / "out", settings, resume=False)
    monkeypatch.setenv("RANK", "1")
    assert standing_of(tmp_path / "out", settings, resume=False) == "new"


def test_answers_that_are_cut_are_counted(tmp_path, base):
    progress = TrainingProgress()
    rows = [*pairs(30), *({**row, "chosen": row["chosen"] + " and more" * 40} for row in pairs(34)[30:])]

    run_training(
        [file_of(tmp_path, rows)],
        TrainSettings(base=str(base), cpu=True, max_steps=1, max_length=64),
        tmp_path / "out",
        progress=progress,
    )

    told = "4 of 68 answers with their prompts are longer than 64 tokens and are cut there"
    assert progress.notices.count(f"warning: {told}") == 1
    assert told in json.loads((tmp_path / "out" / "training.json").read_text())["warnings"]
    assert told in (tmp_path / "out" / "README.md").read_text()
    with pytest.raises(RecipeError, match="more than the 256 tokens"):
        trained(tmp_path, base, pairs(), out="longer", max_length=1000)


def test_a_finished_training_is_the_same_again_or_longer(tmp_path, base):
    fields = {"max_steps": 4, "save": 2}
    first = trained(tmp_path, base, pairs(), controls=("shuffled",), **fields)
    weights = (tmp_path / "out" / "adapter_model.safetensors").read_bytes()
    others = file_of(tmp_path, pairs(40), "other.jsonl")
    settings = {"base": str(base), "learning_rate": 3e-3, "epochs": 3, "cpu": True, "evaluate": 10, "save": 2}

    assert trained(tmp_path, base, pairs(), controls=("shuffled",), **fields) == first
    assert (tmp_path / "out" / "adapter_model.safetensors").read_bytes() == weights
    with pytest.raises(RecipeError, match="is finished, without --control length"):
        trained(tmp_path, base, pairs(), controls=("length",), **fields)
    with pytest.raises(RecipeError, match="max_steps=4; with --resume it goes on"):
        trained(tmp_path, base, pairs(), **fields | {"max_steps": 8})
    with pytest.raises(RecipeError, match="begun with other pairs"):
        run_training([others], TrainSettings(**settings, max_steps=8), tmp_path / "out", resume=True)
    assert (tmp_path / "out" / "training.json").is_file() and (tmp_path / "out" / "control-shuffled").is_dir()

    longer = run_training(
        [str(tmp_path / "pairs.jsonl")], TrainSettings(**settings, max_steps=8), tmp_path / "out", resume=True
    )
    assert longer.controls == {} and not (tmp_path / "out" / "control-shuffled").exists()


def test_a_training_that_could_not_begin_is_begun_with_other_settings(tmp_path, base):
    with pytest.raises(RecipeError, match="simpo has no form for them"):
        trained(tmp_path, base, pairs(20, chosen_probability=0.8), use="simpo")

    assert trained(tmp_path, base, pairs(20, chosen_probability=0.8), max_steps=1).accuracy


def test_a_training_with_controls_goes_on_where_it_was_stopped(tmp_path, base, monkeypatch):
    from prefgen.trainers import run as runs

    whole = trained(tmp_path, base, pairs(), out="whole", controls=("shuffled", "length"), max_steps=4)

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runs, "_warn_if_not_ahead", stopped)  # the first control is trained
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path, base, pairs(), controls=("shuffled", "length"), max_steps=4)
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("checkpoint-4")}
    again = trained(tmp_path, base, pairs(), controls=("shuffled", "length"), max_steps=4)

    assert len(stamps) == 2
    assert all(not path.exists() or path.stat().st_mtime_ns == stamps[path] for path in stamps)
    weights = [(tmp_path / out / "adapter_model.safetensors").read_bytes() for out in ("whole", "out")]
    assert weights[0] == weights[1]
    assert (again.accuracy, again.controls, again.ahead) == (whole.accuracy, whole.controls, whole.ahead)


def test_no_file_says_where_it_stood(tmp_path, base):
    folder = tmp_path / "secret-place"
    folder.mkdir()
    run_training(
        [file_of(folder, pairs())], TrainSettings(base=str(base), cpu=True, max_steps=2), tmp_path / "out"
    )

    for name in ("README.md", "training.json", "metrics.jsonl", "tokenizer_config.json"):
        text = (tmp_path / "out" / name).read_text()
        assert "secret-place" not in text and str(base.parent) not in text, name
    assert "pairs.jsonl" in (tmp_path / "out" / "README.md").read_text()


def test_losses_of_trl_that_smooth_in_their_own_way(tmp_path, base):
    plain = trained(tmp_path, base, pairs(), out="plain", loss=("robust",), seed=1)
    smooth = trained(tmp_path, base, pairs(), out="smooth", loss=("robust",), label_smoothing=0.2, seed=1)
    other = trained(tmp_path, base, pairs(), out="exo", loss="exo_pair", label_smoothing=0.1)

    assert plain.accuracy.value == smooth.accuracy.value == other.accuracy.value == 1.0
    weights = [(tmp_path / name / "adapter_model.safetensors").read_bytes() for name in ("plain", "smooth")]
    assert weights[0] != weights[1]
    with pytest.raises(ValueError, match="above 0"):
        TrainSettings(loss=("exo_pair",))


@pytest.mark.parametrize("use", ["kto", "simpo", "sft"])
def test_trainers_without_a_soft_form_refuse_soft_labels(tmp_path, base, use):
    with pytest.raises(RecipeError, match="has no form for them"):
        trained(tmp_path, base, pairs(chosen_probability=0.8), use=use)


def test_the_control_of_length_draws_where_both_are_equally_long():
    rows = [{"chosen": [{"content": "abc"}], "rejected": [{"content": "xyz"}], "n": i} for i in range(100)]

    turned = sum(row["chosen"][0]["content"] == "xyz" for row in with_control_labels(rows, "length", 0))

    assert 30 < turned < 70


def test_how_far_the_model_has_moved_is_measured(tmp_path, base):
    trained(tmp_path, base, pairs(), lora=None)

    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    moved = [line["eval_kl"] for line in lines if "eval_kl" in line]
    assert moved[0] == 0  # before the first step
    assert 0 < moved[1] < moved[-1]


def test_likelihoods_and_divergence_are_those_of_single_sequences_in_float64(tmp_path, base, monkeypatch):
    import torch
    from transformers import AutoModelForCausalLM

    from prefgen.trainers import likelihood
    from tests.support.tiny import tiny_tokenizer

    monkeypatch.setattr(likelihood, "PIECE", 5)  # an answer is several pieces
    tokenizer = tiny_tokenizer()
    model = AutoModelForCausalLM.from_pretrained(base).eval()
    other = AutoModelForCausalLM.from_pretrained(tiny_model(tmp_path / "other", seed=1)).eval()
    answers = [
        (
            [{"role": "user", "content": "Name three birds." * n}],
            [{"role": "assistant", "content": "a fox " * n}],
        )
        for n in range(1, 8)
    ]
    expected, divergences = [], []
    for prompt, answer in answers:
        before = tokenizer(
            tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True),
            add_special_tokens=False,
        )["input_ids"]
        ids = tokenizer(
            tokenizer.apply_chat_template(prompt + answer, tokenize=False), add_special_tokens=False
        )["input_ids"]
        # a token may lie across the end of the prompt
        start = next((i for i, (a, b) in enumerate(zip(before, ids)) if a != b), len(before))  # noqa: B905
        with torch.no_grad():
            p, q = (
                one.double()(torch.tensor([ids])).logits[0, start - 1 : -1].log_softmax(-1)
                for one in (model, other)
            )
        tokens = torch.tensor(ids[start:])
        expected.append((float(p[torch.arange(len(tokens)), tokens].sum()), len(tokens)))
        divergences.append((p.exp() * (p - q)).sum(-1))

    found = likelihood.answer_logps(model.float(), tokenizer, answers, batch_size=3)
    moved = likelihood.divergence(model, other.float(), tokenizer, answers, batch_size=3)

    assert [tokens for _, tokens in found] == [tokens for _, tokens in expected]
    assert [logp for logp, _ in found] == pytest.approx([logp for logp, _ in expected], rel=1e-5)
    assert moved == pytest.approx(float(torch.cat(divergences).mean()), rel=1e-5)


def test_controls_are_compared_pair_by_pair(tmp_path, base):
    report = trained(tmp_path, base, pairs(150), controls=("shuffled", "length"))

    assert report.ahead["shuffled"][0] > 0
    assert report.controls["shuffled"].value < report.accuracy.value
    assert (
        json.loads((tmp_path / "out" / "training.json").read_text())["controls"]["length"]["pairs"]
        == report.accuracy.pairs
    )
    assert "labels that cannot be right" in (tmp_path / "out" / "README.md").read_text()


def test_labels_that_mean_nothing_do_no_better_than_shuffled_ones_and_it_is_said(tmp_path, base):
    rng = Random(1)
    noise = [
        row if rng.random() < 0.5 else {**row, "chosen": row["rejected"], "rejected": row["chosen"]}
        for row in pairs(150)
    ]

    report = trained(tmp_path, base, noise, controls=("shuffled",), max_repeated_chosen=1.0)

    assert any("no better than the control 'shuffled'" in line for line in report.warnings)
    assert "no better than the control" in (tmp_path / "out" / "README.md").read_text()


def test_many_looks_at_labels_that_mean_nothing_pick_no_better_grade(tmp_path, base):
    """A model that is picked by some pairs is graded on others: the best of many looks is no better there."""
    rng = Random(3)
    noise = [
        row if rng.random() < 0.5 else {**row, "chosen": row["rejected"], "rejected": row["chosen"]}
        for row in pairs(300)
    ]

    report = trained(tmp_path, base, noise, patience=40, evaluate=2, epochs=2, max_repeated_chosen=1.0)

    assert report.accuracy.low <= 0.5 <= report.accuracy.high
    assert report.pairs["validation"] > 10
    card = (tmp_path / "out" / "README.md").read_text()
    assert "to look at meanwhile (the model is the best of its looks at them" in card
    lines = [json.loads(line) for line in (tmp_path / "out" / "margins.jsonl").read_text().splitlines()]
    assert len(lines) == report.accuracy.pairs
    assert sum(line["model_margin"] > 0 for line in lines) == round(report.accuracy.value * len(lines))


def test_a_validation_split_of_the_dataset_is_the_one_that_is_looked_at(tmp_path):
    names = ("train", "validation", "test")
    rows = [{**row, "split": names[i % 3]} for i, row in enumerate(pairs(30))]
    data = read_training_pairs([file_of(tmp_path, rows)], max_repeated_chosen=1.0, seed=0)
    assert [len(data.train), len(data.validation), len(data.test)] == [10, 10, 10]

    rows = [{**row, "split": names[i % 2]} for i, row in enumerate(pairs(30))]
    data = read_training_pairs([file_of(tmp_path, rows)], max_repeated_chosen=1.0, seed=0)
    assert [len(data.train), len(data.validation), len(data.test)] == [15, 0, 15]


def test_controls_turn_what_they_say():
    rows = [
        {
            "prompt": [],
            "chosen": [{"content": "a" * n}],
            "rejected": [{"content": "b" * 5}],
            "probability": 0.9,
            "weight": 1.0,
        }
        for n in range(1, 10)
    ]

    assert all(
        len(r["chosen"][0]["content"]) >= len(r["rejected"][0]["content"])
        for r in with_control_labels(rows, "length", 0)
    )
    assert (
        0
        < sum(r["chosen"][0]["content"].startswith("b") for r in with_control_labels(rows, "shuffled", 0))
        < 9
    )
    assert with_control_labels(rows, None, 0) == rows


def test_the_difference_is_paired():
    assert accuracy_difference([1.0] * 40, [-1.0] * 40, range(40))[::2] == (1.0, 1.0)
    difference, low, high = accuracy_difference([1.0, -1.0] * 50, [-1.0, 1.0] * 50, range(100))
    assert difference == 0
    assert low < 0 < high


def test_pairs_that_are_equal_within_the_length_are_refused_and_counted():
    sides = [([1, 2, 3, 4], [1, 2, 3, 5]), ([1, 9], [1, 8])]

    differ, lengths = pairs_that_differ([(np.array(a), np.array(b)) for a, b in sides], 3, 100)

    assert differ == [False, True]
    assert (lengths.longest, lengths.proposed) == (4, 4)


def losses(folder) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


@pytest.mark.parametrize("use", ["dpo", "reward"])
def test_a_weight_counts_the_same_in_small_batches_and_in_large_ones(tmp_path, base, use):
    """What one step of sixteen pairs teaches, sixteen of one pair with added gradients teach."""
    rows = [{**row, "weight": (1.0, 0.001)[i % 2], "split": "train"} for i, row in enumerate(pairs(16))]
    shapes = {"one": (16, 1), "several": (2, 8), "many": (1, 16)}

    for name, (batch_size, accumulate) in shapes.items():
        trained(
            tmp_path, base, rows, out=name, use=use, epochs=4, evaluate=1, lora={"dropout": 0.0}, warmup=0,
            batch_size=batch_size, accumulate=accumulate,
        )  # fmt: skip

    assert losses(tmp_path / "many") == pytest.approx(losses(tmp_path / "one"), rel=2e-3)
    assert losses(tmp_path / "several") == pytest.approx(losses(tmp_path / "one"), rel=2e-3)
    trained(tmp_path, base, rows, out="all", use=use, epochs=4, evaluate=1, lora={"dropout": 0.0}, warmup=0,
            batch_size=16, weights=False)  # fmt: skip
    assert losses(tmp_path / "all")[-1] != pytest.approx(losses(tmp_path / "one")[-1], rel=0.02)


@pytest.mark.parametrize(("dtype", "moves"), [("auto", True), ("bfloat16", False)])
def test_updates_that_vanish_are_said(tmp_path, base, dtype, moves):
    """One of 1e-6 is less than half a step of most bfloat16 weights."""
    report = trained(tmp_path, base, pairs(), lora=None, learning_rate=1e-6, dtype=dtype, epochs=1)

    assert any("too coarse for updates" in warning for warning in report.warnings) != moves
    assert ("too coarse" in (tmp_path / "out" / "README.md").read_text()) != moves


MIXED = [{**row, **({"chosen_probability": 0.7} if i % 4 == 0 else {})} for i, row in enumerate(pairs(80))]
WEIGHTED = [{**row, "weight": 0.5 if i % 5 == 0 else 1.0} for i, row in enumerate(pairs(80))]


@pytest.mark.parametrize(
    ("rows", "more"),
    [
        (pairs(80), ()),
        (pairs(80), ("--set", "sft_epochs=1", "--control", "shuffled")),
        (MIXED, ()),
        (WEIGHTED, ("--set", "lora=null", "--set", "batch_size=2", "--set", "accumulate=4")),
    ],
    ids=["hard", "sft", "mixed", "weighted"],
)
def test_two_processes_train_together_and_one_of_them_speaks(tmp_path, base, rows, more):
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--master-port",
        "29613",
        "-m",
        "prefgen",
        "train",
        file_of(tmp_path, rows),
        "--base",
        str(base),
        "-o",
        "out",
        "--set",
        "cpu=true",
        "--set",
        "epochs=1",
        *more,
    ]

    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=200,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("held-out accuracy") == 1
    what = "model" if more else "adapter"
    assert done.stdout.endswith(f"the {what} is in out: README.md says what it was trained on\n")
    assert done.stderr.count("held out\n") == 1
    assert (tmp_path / "out" / ("model.safetensors" if more else "adapter_model.safetensors")).is_file()
    steps = [
        json.loads(line)["step"] for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()
    ]
    assert max(steps) == 5  # 73 pairs, 16 at a time
    assert json.loads((tmp_path / "out" / "training.json").read_text())["accuracy"]


def test_a_training_that_was_killed_goes_on(tmp_path, base):
    data = file_of(tmp_path, pairs(200))
    command = [
        sys.executable,
        "-m",
        "prefgen",
        "train",
        data,
        "--base",
        str(base),
        "-o",
        str(tmp_path / "out"),
        "--set",
        "epochs=40",
        "--set",
        "save=5",
        "--set",
        "cpu=true",
        "--set",
        "learning_rate=0.001",
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 90
    while not list((tmp_path / "out" / "checkpoints").glob("checkpoint-*/trainer_state.json")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()

    checkpoints = sorted(path.name for path in (tmp_path / "out" / "checkpoints").iterdir())
    train = ("train", data, "--base", str(base), "-o", "out", "--set", "cpu=true", "--set", "save=5")
    rate, few = ("--set", "learning_rate=0.001"), ("--set", "epochs=2")
    other = prefgen(*train, "--set", "epochs=40", cwd=tmp_path)
    shorter = prefgen(*train, *rate, *few, cwd=tmp_path)
    assert (other.returncode, shorter.returncode) == (2, 2)
    assert "was begun with other learning_rate" in other.stderr
    assert "holds a training of epochs=40.0 and max_steps=-1; with --resume it goes on" in shorter.stderr
    assert sorted(path.name for path in (tmp_path / "out" / "checkpoints").iterdir()) == checkpoints

    done = prefgen(*train, *rate, *few, "--resume", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "going on from checkpoint-" in done.stderr
    assert (tmp_path / "out" / "training.json").is_file()


def test_what_is_held_out_in_one_dataset_is_not_trained_on_in_another(tmp_path):
    held_out = [{**row, "split": "test" if i % 3 == 0 else "train"} for i, row in enumerate(pairs(30))]
    others = [
        {**row, "prompt": row["prompt"].upper(), "chosen": row["chosen"] + " Indeed."} for row in pairs(30)
    ]
    names = [file_of(tmp_path, held_out, "a.jsonl"), file_of(tmp_path, others, "b.jsonl")]

    data = read_training_pairs(names, max_repeated_chosen=1.0, seed=0)
    drawn = read_training_pairs(
        [file_of(tmp_path, pairs(30), "c.jsonl"), names[1]], max_repeated_chosen=1.0, seed=0
    )

    for found in (data, drawn):
        asked = {row["prompt"][0]["content"].lower() for row in found.test}
        assert asked
        assert not asked & {row["prompt"][0]["content"].lower() for row in found.train}
    assert (len(data.test), len(data.train), data.leaking) == (10, 40, 10)


@pytest.mark.parametrize(
    ("split", "says"),
    [("dev", None), ("validation_prefs", None), ("part1", "is it to train on, or held out?")],
)
def test_splits_are_known_by_their_names_or_asked_for(tmp_path, split, says):
    rows = [{**row, "split": split if i < 10 else "train_prefs"} for i, row in enumerate(pairs(30))]

    if says:
        with pytest.raises(RecipeError, match="is it to train on, or held out"):
            read_training_pairs([file_of(tmp_path, rows)], max_repeated_chosen=1.0, seed=0)
    else:
        assert len(read_training_pairs([file_of(tmp_path, rows)], max_repeated_chosen=1.0, seed=0).test) == 10


def test_held_out_pairs_longer_than_the_others_are_compared_whole(tmp_path, base):
    rows = [{**row, "split": "train"} for row in pairs(40)]
    long = "word " * 30
    rows += [
        {
            "prompt": f"Long {i}?",
            "chosen": f"{long} Yes, {i} birds.",
            "rejected": f"{long} No {i} fox.",
            "split": "test",
        }
        for i in range(20)
    ]

    report = trained(tmp_path, base, rows)

    assert report.lengths["proposed"] > 60
    assert report.accuracy.value != 0.5


@pytest.mark.parametrize(
    ("rows", "says", "code"),
    [
        ([], "holds no pair to train on", 2),
        (
            [
                {"prompt": "a?", "chosen": "x", "rejected": "y", "weight": 0},
                {"prompt": "b?", "chosen": "x1", "rejected": "y1", "weight": 0},
            ],
            "a weight of 0",
            2,
        ),
        ([{"prompt": "a?", "chosen": "x", "rejected": "y", "weight": -1}], "weight is -1", 4),
        ([{"prompt": "a\ud800?", "chosen": "x", "rejected": "y"}], "not valid Unicode", 4),
        (
            [
                {"prompt": "a?", "chosen": "x", "rejected": "y", "split": "train"},
                {"prompt": "A?", "chosen": "x1", "rejected": "y1", "split": "test"},
            ],
            "no prompt stands in two splits",
            4,
        ),
        ([{"text": "x"}], "breaks what a preference dataset must hold", 4),
        ([{"prompt": "a?", "chosen": "same", "rejected": "same"}], "chosen and rejected differ", 4),
        (
            [
                {
                    "prompt": "a?",
                    "chosen": "x",
                    "rejected": "y",
                    "score_chosen": float("inf"),
                    "score_rejected": 1.0,
                }
            ],
            "scores are finite",
            4,
        ),
    ],
)
def test_data_that_is_wrong_is_one_line(tmp_path, base, rows, says, code):
    done = prefgen("train", file_of(tmp_path, rows), "--base", str(base), cwd=tmp_path)

    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "trained").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "which model?"),
        (("--base", "nowhere/at-all"), "cannot be loaded"),
        (("--base", "BASE", "--set", "batch_sise=2"), "Did you mean 'batch_size'"),
        (("--base", "BASE", "--set", "beta=-1"), "train: beta"),
        (("--base", "BASE", "--control", "shufled"), "Did you mean 'shuffled'"),
        (("--base", "BASE", "--config", "none.yaml"), "does not exist"),
        (("--base", "BASE", "--set", "beta=[1"), "the value is not valid YAML"),
        (("--base", "BASE", "--set", "beta=.inf"), "train: beta"),
        (("--base", "BASE", "--set", "scheduler=foo"), "train: scheduler"),
        (
            ("--base", "BASE", "--set", "loss=[sigmoidd]"),
            "there is no loss 'sigmoidd'. Did you mean 'sigmoid'?",
        ),
        (("--base", "BASE", "--set", "seed=-1"), "train: seed"),
        (
            ("--base", "BASE", "--set", "lora={target_modules: nope}", "--set", "cpu=true"),
            "dpo cannot begin: Target modules",
        ),
        (("--base", "BASE", "--set", "revision=abc"), "is one of the Hub, and"),
        (("--base", "BASE", "--merge", "--set", "lora=null"), "there is no adapter to put into the base"),
        (("--base", "BASE", "--resume"), "holds no training that could go on"),
        (
            ("--base", "BASE", "--set", "loss=[bco_pair]", "--set", "label_smoothing=0.1"),
            "no soft form: bco_pair",
        ),
    ],
)
def test_settings_that_are_wrong_are_one_line(tmp_path, base, options, says):
    options = [str(base) if one == "BASE" else one for one in options]

    done = prefgen("train", file_of(tmp_path, pairs()), *options, cwd=tmp_path, HF_HUB_OFFLINE="1")

    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_one_line(tmp_path, base, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 0})())
    monkeypatch.setattr(
        "torch.save", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("unexpected pos 47680 vs 47568"))
    )

    with pytest.raises(TrainingStopped, match="no space is left for .* run the same again"):
        trained(tmp_path, base, pairs(), save=5)


def test_ctrl_c_says_how_to_go_on(tmp_path, base):
    command = [
        sys.executable,
        "-m",
        "prefgen",
        "train",
        file_of(tmp_path, pairs(200)),
        "--base",
        str(base),
        "-o",
        str(tmp_path / "out"),
        "--set",
        "epochs=200",
        "--set",
        "save=3",
        "--set",
        "cpu=true",
    ]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # a shell's background jobs inherit that it is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        deadline = time.monotonic() + 90
        try:
            while not list((tmp_path / "out" / "checkpoints").glob("checkpoint-*/trainer_state.json")):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()

    assert process.returncode == 130
    assert "interrupted; the same command goes on" in said
    assert "Traceback" not in said


def test_what_trl_and_transformers_know_is_handed_on(tmp_path, base, monkeypatch):
    from prefgen.trainers import trained_model

    configs = []

    def looked_at(trainer, checkpoint):
        configs.append((trainer.args, trainer.model.config._attn_implementation))
        trainer.train()

    monkeypatch.setattr("prefgen.trainers.going_on.train_to_end", looked_at)
    assert trained_model.train_model  # it is imported when a training begins
    options = {"optim": "adafactor", "weight_decay": 0.1, "ld_alpha": 0.5, "logging_steps": 1}
    rows = pairs(20)
    trained(tmp_path, base, rows, max_steps=2, trl=options, model={"attn_implementation": "eager"})

    [(args, attention)] = configs
    assert {name: getattr(args, name) for name in options} == options | {"optim": args.optim}
    assert (str(args.optim).casefold().endswith("adafactor"), attention) == (True, "eager")
    assert "ld_alpha: 0.5" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"trl": {"optimizer": "adafactor"}}, r"DPOConfig has no field 'optimizer'"),
        ({"trl": {"weight_decoy": 0.1}}, "Did you mean 'weight_decay'"),
        ({"trl": {"num_train_epochs": 3}}, "'num_train_epochs' is set by prefgen: say `epochs` itself"),
        ({"trl": {"output_dir": "x"}}, "'output_dir' is set by prefgen: it cannot be changed"),
        ({"trl": {"beta": 1.0}}, "say `beta` itself"),
        ({"trl": {"optim": "adamw_of_nobody"}}, "dpo cannot begin"),
        ({"model": {"dtype": "float16"}}, "'dtype' is set by prefgen"),
        ({"model": {"attn_implementation": "flashest"}}, "the model of .* cannot be loaded"),
        ({"model": {"no_such_argument": 1}}, "the model of .* cannot be loaded"),
        ({"model": {"quantization_config": {"load_in_3bit": True}}}, "quantization_config: "),
        ({"use": "sft", "trl": {"ld_alpha": 0.5}}, "SFTConfig has no field 'ld_alpha'"),
    ],
)
def test_what_they_do_not_know_is_one_line(tmp_path, base, settings, says):
    with pytest.raises(RecipeError, match=says):
        trained(tmp_path, base, pairs(20), max_steps=1, **settings)


def test_what_only_trls_loss_goes_by_is_refused_beside_soft_labels(tmp_path, base):
    with pytest.raises(RecipeError, match="trl: use_weighting: the pairs have soft labels"):
        trained(tmp_path, base, pairs(20, chosen_probability=0.8), trl={"use_weighting": True})


@pytest.mark.parametrize(
    "options",
    [{"ld_alpha": 0.5}, {"f_divergence_type": "js_divergence"}, {"use_weighting": True}],
    ids=["ld", "f", "wpo"],
)
@pytest.mark.parametrize("change", [{"chosen_probability": 0.8}, {"weight": 0.5}], ids=["soft", "weighted"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_one_row_that_the_loss_sees_is_enough_to_refuse(tmp_path, base, options, change, split):
    """To train on or to look at: the loss is one for both."""
    rows = [{**row, "split": "test" if i < 4 else "train"} for i, row in enumerate(pairs(20))]
    rows[3 if split == "test" else 5] |= change

    with pytest.raises(RecipeError, match="the pairs have soft labels or weights"):
        trained(tmp_path, base, rows, max_steps=1, trl=options)
    for other in ({"use": "kto"}, {"use": "orpo"}, {"loss": ("apo_zero",)}):
        with pytest.raises(RecipeError, match="has no form for them"):
            trained(tmp_path, base, rows, max_steps=1, **other)


def test_a_template_that_never_ends_an_answer_is_told_and_written_down(tmp_path):
    from transformers import AutoTokenizer

    endless = tiny_model(tmp_path / "base")
    tokenizer = AutoTokenizer.from_pretrained(endless)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    tokenizer.save_pretrained(endless)
    progress = TrainingProgress()
    settings = TrainSettings(base=str(endless), cpu=True, max_steps=1)

    run_training(
        [file_of(tmp_path, pairs())], settings, tmp_path / "out", controls=("shuffled",), progress=progress
    )

    told = [line for line in progress.notices if "never ends an assistant's turn" in line]
    assert len(told) == 1 and "only '\\n' stands behind an answer" in told[0]
    warnings = json.loads((tmp_path / "out" / "training.json").read_text())["warnings"]
    assert [line for line in warnings if "never ends" in line] == [told[0].removeprefix("warning: ")]
    assert "never ends an assistant's turn" in (tmp_path / "out" / "README.md").read_text()
    assert str(tmp_path) not in (tmp_path / "out" / "README.md").read_text()


def test_an_accuracy_that_says_little_says_so(tmp_path, base):
    report = trained(tmp_path, base, pairs(12), max_steps=2, learning_rate=1e-6)

    [few, small] = report.warnings
    assert f"is that of {report.accuracy.pairs} pairs" in few and "it may as well be" in few
    assert "hardly moved from the reference" in small
    assert "hardly moved from the reference" in (tmp_path / "out" / "README.md").read_text()
    assert not any("moved" in line for line in trained(tmp_path, base, pairs(), out="more").warnings)


def test_a_base_that_is_named_from_here_is_found_from_elsewhere(tmp_path, base, monkeypatch):
    from peft import AutoPeftModelForCausalLM

    monkeypatch.chdir(base.parent)
    trained(tmp_path, base.name, pairs(20), max_steps=1)
    monkeypatch.chdir(tmp_path)

    AutoPeftModelForCausalLM.from_pretrained(tmp_path / "out")
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    started = json.loads((tmp_path / "out" / "started.json").read_text())
    assert config["base_model_name_or_path"] == started["base"] == str(base)


def test_a_look_before_the_first_step_changes_nothing_that_is_trained(tmp_path, base, monkeypatch):
    trained(tmp_path, base, pairs(30), out="with", max_steps=3)
    monkeypatch.setattr("prefgen.trainers.metrics.FirstLook.on_train_begin", lambda *_, **__: None)
    trained(tmp_path, base, pairs(30), out="without", max_steps=3)

    weights = [(tmp_path / out / "adapter_model.safetensors").read_bytes() for out in ("with", "without")]
    assert weights[0] == weights[1]
    first = json.loads((tmp_path / "with" / "metrics.jsonl").read_text().splitlines()[0])
    assert (first["step"], first["eval_rewards/margins"]) == (0, 0.0)
    assert "eval_rewards/accuracies" not in first  # nobody is ahead yet


def test_curves_show_the_likelihood_of_held_out_answers(tmp_path, base):
    from prefgen.trainers.curves import PANELS

    trained(tmp_path, base, pairs(30), max_steps=3, evaluate=1)

    lines = (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()
    names = {name for line in lines for name in json.loads(line)}
    panel = dict(PANELS)["log-probability of an answer"]
    assert {key for keys in panel.values() for key in keys} <= names
    assert "eval_logps/chosen" in panel["chosen, held out"]


def test_a_preset_is_what_others_trained_with_and_what_is_said_beside_it_wins(tmp_path, base):
    settings = TrainSettings(preset="olmo3", accumulate=2)
    assert (settings.loss, settings.beta, settings.lora, settings.accumulate) == (
        ("sigmoid_norm",),
        5,
        None,
        2,
    )
    with pytest.raises(ValueError, match="there is no preset 'olmo4'. Did you mean 'olmo3'"):
        TrainSettings(preset="olmo4")

    data = file_of(tmp_path, pairs(20, chosen_probability=0.8))
    sets = ("--set", "preset=olmo3", "--set", "accumulate=2", "--set", "max_steps=1", "--set", "cpu=true")
    done = prefgen("train", data, "--base", str(base), *sets, "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "sigmoid_norm, beta 5.0, labels hard" in (tmp_path / "out" / "README.md").read_text()
    assert "the base alone finds" in done.stdout


TOOL = {"type": "function", "function": {"name": "ring", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "ring", "arguments": "{}"}}


@pytest.mark.parametrize(
    "change",
    [
        {"tools": [TOOL]},
        {"tools": json.dumps([TOOL])},
        {
            "prompt": [
                {"role": "user", "content": "Ring it."},
                {"role": "assistant", "content": "", "tool_calls": [CALL]},
                {"role": "tool", "content": "rang", "tool_call_id": "c1"},
            ]
        },
    ],
)
def test_rows_with_tools_are_refused_or_left_out(tmp_path, change):
    plain = [{**row, "tools": None} for row in pairs(20)]
    path = file_of(tmp_path, [*plain[:-1], {**plain[-1], **change}])

    with pytest.raises(RecipeError, match=r"pairs.jsonl:20: tools or calls of tools, which"):
        read_training_pairs([path], max_repeated_chosen=1.0, seed=0)
    data = read_training_pairs([path], max_repeated_chosen=1.0, seed=0, bad_rows=BadRows("drop"))
    assert len(data.train) + len(data.test) == 19


def test_a_card_says_what_repeats_the_training(tmp_path, base):
    import transformers
    import yaml

    rows = [{**row, "license": "cc-by-nc-4.0" if i % 4 == 0 else "mit"} for i, row in enumerate(pairs(40))]
    report = trained(tmp_path, base, rows, max_steps=2, learning_rate=None)
    card = (tmp_path / "out" / "README.md").read_text()
    (tmp_path / "settings.yaml").write_text(card.partition("```yaml\n")[2].partition("```")[0])
    settings = yaml.safe_load((tmp_path / "settings.yaml").read_text())

    assert "Not for commercial use" in card and "cc-by-nc-4.0 10, mit 30" in card
    digest = sha256(sha256((base / "model.safetensors").read_bytes()).digest()).hexdigest()[:32]
    assert f"weights {digest}" in card and f"transformers {transformers.__version__}" in card
    assert (settings["learning_rate"], settings["batch_size"], settings["lora"]["r"]) == (1e-5, 8, 16)
    done = prefgen(
        "train", "pairs.jsonl", "--base", str(base), "--config", "settings.yaml", "-o", "again", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    again = json.loads((tmp_path / "again" / "training.json").read_text())
    assert (again["pairs_digest"], again["base_digest"]) == (report.pairs_digest, digest)
    weights = [(tmp_path / out / "adapter_model.safetensors").read_bytes() for out in ("out", "again")]
    assert weights[0] == weights[1]


def test_an_adapter_is_no_base(tmp_path, base):
    trained(tmp_path, base, pairs(), max_steps=1)

    done = prefgen("train", file_of(tmp_path, pairs()), "--base", str(tmp_path / "out"), cwd=tmp_path)

    assert done.returncode == 2
    assert "is an adapter and no model" in done.stderr


def test_a_base_without_a_chat_template_is_refused(tmp_path):
    bare = tiny_model(tmp_path / "bare", chat=False)

    done = prefgen("train", file_of(tmp_path, pairs()), "--base", str(bare), cwd=tmp_path)

    assert done.returncode == 2
    assert "has no chat template" in done.stderr


def test_a_finished_training_is_not_overwritten(tmp_path, base):
    (tmp_path / "trained").mkdir()
    (tmp_path / "trained" / "training.json").write_text("{}")

    done = prefgen("train", file_of(tmp_path, pairs()), "--base", str(base), cwd=tmp_path)

    assert done.returncode == 2
    assert "holds a finished training whose training.json cannot be read" in done.stderr


def test_a_model_says_which_release_it_was_trained_on(tmp_path, base):
    from tests.support.hub import local_hub
    from tests.support.publishing import made, publish

    with local_hub({}) as hub:
        made(
            tmp_path, "run", tuple(f"Which of the {i} rivers of the land is the longest?" for i in range(60))
        )
        assert publish(hub, tmp_path, "run").returncode == 0
        environment = {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "hf2"),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
        }
        settings = ("--set", "max_steps=3", "--set", "cpu=true")

        done = prefgen(
            "train",
            "acme/rivers@v1.0.0",
            "--base",
            str(base),
            *settings,
            "--merge",
            cwd=tmp_path,
            **environment,
        )
        lost = prefgen(
            "train", "acme/rivers@v9.9.9", "--base", str(base), "-o", "other", cwd=tmp_path, **environment
        )

        assert done.returncode == 0, done.stderr
        report = json.loads((tmp_path / "trained" / "training.json").read_text())
        [source] = report["sources"]
        release = json.loads(hub.repos["acme/rivers"].at("main")[1]["release.json"])
        assert source["revision"] == hub.repos["acme/rivers"].tags["v1.0.0"]
        assert source["content_hash"] == release["content_hash"]
        assert source["content_hash"] in (tmp_path / "trained" / "README.md").read_text()
        assert (tmp_path / "trained" / "merged" / "model.safetensors").is_file()
        assert lost.returncode == 2
        assert "v9.9.9" in lost.stderr
        assert "Traceback" not in lost.stderr


def test_a_run_may_be_published_and_trained_on_and_the_model_pushed(tmp_path, base):
    from tests.support.hub import WRITER, local_hub
    from tests.support.recipes import a_recipe

    train = {"base": str(base), "max_steps": 3, "cpu": True}
    recipe = a_recipe(
        prompts=[f"Which of the {i} rivers is it?" for i in range(40)],
        publish={"repo": "acme/rivers", "test": 0.2},
        train=train,
    )
    recipe["models"]["writer"]["rules"] = [
        {"when": "", "say": [f"Answer number {i}, in words." for i in range(4000)]}
    ]
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    with local_hub({}) as hub:
        there = {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_TOKEN": WRITER,
        }

        run = prefgen(
            "run", "recipe.json", "--out", "run", "--publish", "--train", "-q", cwd=tmp_path, **there
        )
        push = ("--push", "acme/model", "--config", "recipe.json")
        pushed = prefgen("train", "acme/rivers@v0.1.0", *push, "-o", "again", cwd=tmp_path, **there)
        twice = prefgen(
            "run", "recipe.json", "--out", "run", "--publish", "--train", "-q", cwd=tmp_path, **there
        )
        pushed_twice = prefgen("train", "acme/rivers@v0.1.0", *push, "-o", "again", cwd=tmp_path, **there)
        refused = prefgen(
            "train",
            "acme/rivers@v0.1.0",
            *push,
            "-o",
            "third",
            cwd=tmp_path,
            **(there | {"HF_TOKEN": "hf_wrong"}),
        )

        assert run.returncode == 0, run.stderr
        source = json.loads((tmp_path / "run-trained" / "training.json").read_text())["sources"][0]
        assert (source["name"], source["version"]) == ("acme/rivers", "0.1.0")
        assert pushed.returncode == 0, pushed.stderr
        assert twice.returncode == 0, twice.stderr
        assert "is finished: nothing was trained again" in twice.stderr
        assert pushed_twice.returncode == 0, pushed_twice.stderr
        assert "is on the Hub already" in pushed_twice.stderr
        assert set(hub.repos["acme/model"].tags) == {"v1.0.0"}
        files = hub.repos["acme/model"].at("main")[1]
        assert {
            "README.md",
            "training.json",
            "metrics.jsonl",
            "adapter_model.safetensors",
            "tokenizer.json",
        } <= set(files)
        assert not any(name.startswith(("checkpoints", "started")) for name in files)
        # where it stands here is nobody's business there
        assert not any(str(base).encode() in text for text in files.values())
        assert "nobody else can load the adapter" in pushed.stderr
        assert hub.repos["acme/model"].private
        assert (
            files["adapter_model.safetensors"]
            == (tmp_path / "again" / "adapter_model.safetensors").read_bytes()
        )
        assert refused.returncode == 1
        assert "the token was not accepted" in refused.stderr
        assert not (tmp_path / "third").exists()  # known before hours of training
