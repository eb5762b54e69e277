"""What trainers log and report, against the same computed a second time (tests/support/plain_training.py):
the numbers agree to four digits or more, whatever the loss and the labels.
"""

import json
import math
import os
from pathlib import Path
from random import Random

import pytest

from prefgen.trainers.run import run_training
from prefgen.trainers.settings import TrainSettings
from tests.support.plain_training import Plain, log_sigmoid, mean, plain_base
from tests.support.training import file_of, pairs

TRAIN, TEST = 12, 8
STEPS = 4  # the loss at step 4 is that of the checkpoint of step 3: each step has all pairs
CLOSE = {"rel": 2e-5, "abs": 1e-6}


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """They take longer than such trainings."""
    monkeypatch.setattr("prefgen.trainers.run.can_draw", lambda: False)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return plain_base(tmp_path_factory.mktemp("base") / "base")


def rows_of(labels: str) -> list[dict]:
    """Pairs with answers of several lengths and prompts of several turns."""
    rng, rows = Random(4), []
    for i, row in enumerate(pairs(TRAIN + TEST)):
        row["chosen"] += " It is so." * rng.randint(0, 3)
        row["rejected"] += " Not at all." * rng.randint(0, 3)
        if i % 3 == 0:
            turns = [("system", "Be brief."), ("user", "Name a bird."), ("assistant", "A fox.")]
            row["prompt"] = [
                *({"role": role, "content": text} for role, text in turns),
                {"role": "user", "content": row["prompt"]},
            ]
        if labels == "soft":
            row |= {"chosen_probability": (0.9, 0.6, 1.0, 0.75)[i % 4], "weight": (1.0, 0.5, 2.0)[i % 3]}
        rows.append({**row, "split": "train" if i < TRAIN else "test"})
    return rows


def trained(folder, base, rows, **settings):
    fields = {
        "base": str(base), "cpu": True, "learning_rate": 1e-3, "max_steps": STEPS, "batch_size": TRAIN,
        "save": 3, "evaluate": 1, "epochs": 10, "lora": None, "warmup": 0, "scheduler": "constant",
        **settings,
    }  # fmt: skip
    return run_training([file_of(folder, rows)], TrainSettings(**fields), folder / "out")


def logged(folder, name, step):
    lines = [json.loads(line) for line in (folder / "out" / "metrics.jsonl").read_text().splitlines()]
    return next(line[name] for line in lines if line["step"] == step and name in line)


def splits(rows):
    return rows[:TRAIN], rows[TRAIN:]


def weights_of(rows, over):
    """What a pair counts: its weight over the mean of those that are trained on."""
    return [row.get("weight", 1.0) / mean(other.get("weight", 1.0) for other in over) for row in rows]


def one_loss(name, ahead, beta):
    if name == "ipo":
        return (ahead - 1 / (2 * beta)) ** 2
    if name == "hinge":
        return max(0.0, 1 - beta * ahead)
    return -log_sigmoid(beta * ahead)


def dpo_loss(
    policy, reference, rows, over, loss=("sigmoid",), counts=(1.0,), beta=0.1, smoothing=0.0, cut=None
):
    """w (p L(d) + (1 - p) L(-d)) in the mean over the pairs, with an sft part over the tokens."""
    total, weights = 0.0, weights_of(rows, over)
    for name, count in zip(loss, counts, strict=True):
        if name == "sft":
            likelihood = math.fsum(
                w * policy.logp(row, "chosen") for w, row in zip(weights, rows, strict=True)
            )
            total -= count * likelihood / sum(policy.length(row, "chosen") for row in rows)
            continue
        losses = []
        for weight, row in zip(weights, rows, strict=True):
            ratio = {
                side: (policy.logp(row, side, cut) - reference.logp(row, side, cut))
                / (policy.length(row, side) if name in ("ipo", "sigmoid_norm") else 1)
                for side in ("chosen", "rejected")
            }
            ahead, p = ratio["chosen"] - ratio["rejected"], row.get("chosen_probability", 1.0)
            p = p * (1 - smoothing) + (1 - p) * smoothing
            losses.append(weight * (p * one_loss(name, ahead, beta) + (1 - p) * one_loss(name, -ahead, beta)))
        total += count * mean(losses)
    return total


def margins_of(policy, reference, rows, beta=0.1):
    return [
        beta
        * (
            policy.logp(row, "chosen") - reference.logp(row, "chosen")
            - policy.logp(row, "rejected") + reference.logp(row, "rejected")
        )
        for row in rows
    ]  # fmt: skip


def share_above(margins):
    return mean(margin > 0 for margin in margins)


def ahead_a_token(plain, rows):
    """By how much the chosen sides are likelier in the mean over their tokens."""
    return [mean(plain.token_logps(r, "chosen")) - mean(plain.token_logps(r, "rejected")) for r in rows]


def expected_calibration_error(probabilities, labels):
    bins = {}
    for p, y in zip(probabilities, labels, strict=True):
        p, y = (p, y) if p >= 0.5 else (1 - p, 1 - y)
        bins.setdefault(min(9, int(10 * p)), []).append(p - y)
    return sum(abs(sum(gaps)) for gaps in bins.values()) / len(labels)


def test_dpo_with_soft_labels_and_weights(tmp_path, base):
    rows = rows_of("soft")
    train, test = splits(rows)
    report = trained(tmp_path, base, rows, batch_size=TRAIN)
    checkpoint, final, reference = (
        Plain(path) for path in (tmp_path / "out/checkpoints/checkpoint-3", tmp_path / "out", base)
    )

    assert logged(tmp_path, "loss", 4) == pytest.approx(
        dpo_loss(checkpoint, reference, train, train), **CLOSE
    )
    margins = margins_of(checkpoint, reference, train)
    assert logged(tmp_path, "rewards/margins", 4) == pytest.approx(mean(margins), **CLOSE)
    assert logged(tmp_path, "rewards/accuracies", 4) == pytest.approx(share_above(margins))
    for side in ("chosen", "rejected"):
        likelihood = mean(checkpoint.logp(row, side) for row in train)
        assert logged(tmp_path, f"logps/{side}", 4) == pytest.approx(likelihood, **CLOSE)
    assert logged(tmp_path, "eval_loss", 3) == pytest.approx(
        dpo_loss(checkpoint, reference, test, train), **CLOSE
    )
    assert logged(tmp_path, "eval_loss", 4) == pytest.approx(dpo_loss(final, reference, test, train), **CLOSE)
    margins = margins_of(final, reference, test)
    assert logged(tmp_path, "eval_rewards/accuracies", 4) == pytest.approx(share_above(margins))
    assert report.accuracy.value == share_above(margins)
    lines = [json.loads(line) for line in (tmp_path / "out/margins.jsonl").read_text().splitlines()]
    assert [line["model_margin"] for line in lines] == pytest.approx(margins, rel=2e-4, abs=2e-5)
    assert report.held_out.mean_margin == pytest.approx(mean(margins), rel=1e-4)


def test_what_is_counted_over_tokens(tmp_path, base):
    """The soft path logs what TRL's does: tokens that were seen, entropy, likeliest tokens."""
    rows = rows_of("soft")
    train, _ = splits(rows)
    trained(tmp_path, base, rows)
    checkpoint = Plain(tmp_path / "out/checkpoints/checkpoint-3")

    sizes = [len(checkpoint.tokens("")) + len(_ids(checkpoint, row, side)) for row in train for side in SIDES]
    assert logged(tmp_path, "num_tokens", 4) == STEPS * sum(sizes)
    entropies, right = [], []
    for row in train:
        for side in SIDES:
            for logps, token in _distributions(checkpoint, row, side):
                entropies.append(float(-(logps.exp() * logps).sum()))
                right += [int(logps.argmax()) == token] if side == "chosen" else []
    assert logged(tmp_path, "entropy", 4) == pytest.approx(mean(entropies), rel=1e-4)
    assert logged(tmp_path, "mean_token_accuracy", 4) == pytest.approx(mean(right), rel=1e-4)


SIDES = ("chosen", "rejected")


def _ids(plain, row, side):
    from tests.support.plain_training import prompt_text

    return plain.tokens(prompt_text(row) + row[side] + "</s>\n")


def _distributions(plain, row, side):
    """(log-probabilities over the vocabulary, the token) at each token of a side."""
    import torch

    ids = _ids(plain, row, side)
    with torch.no_grad():
        logps = plain.model(torch.tensor([ids])).logits[0].log_softmax(-1)
    start = len(ids) - plain.length(row, side)
    return [(logps[i - 1], ids[i]) for i in range(start, len(ids))]


def test_dpo_with_an_adapter(tmp_path, base):
    rows = rows_of("soft")
    train, test = splits(rows)
    report = trained(tmp_path, base, rows, lora={"dropout": 0.0}, learning_rate=1e-2)
    reference = Plain(base)
    checkpoint = Plain(base, tmp_path / "out/checkpoints/checkpoint-3")

    assert logged(tmp_path, "loss", 4) == pytest.approx(
        dpo_loss(checkpoint, reference, train, train), **CLOSE
    )
    final = Plain(base, tmp_path / "out")
    assert report.accuracy.value == share_above(margins_of(final, reference, test))


@pytest.mark.parametrize(
    ("labels", "settings"),
    [
        ("soft", {"loss": ("ipo",)}),
        ("soft", {"loss": ("hinge",)}),
        ("soft", {"loss": ("sigmoid_norm",), "beta": 5.0}),
        ("soft", {"loss": ("sigmoid", "sft"), "loss_weights": (1.0, 0.2)}),
        ("hard", {"loss": ("sigmoid", "sft"), "loss_weights": (1.0, 0.2)}),
        ("hard", {"loss": ("sigmoid_norm",), "beta": 5.0}),
        ("hard", {"loss": ("ipo",)}),
        ("hard", {"label_smoothing": 0.1}),
        ("soft", {"precompute_reference": True}),
        ("soft", {"gradient_checkpointing": True}),
        ("hard", {"gradient_checkpointing": True}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_the_losses_of_dpo(tmp_path, base, labels, settings):
    rows = rows_of(labels)
    train, _ = splits(rows)
    trained(tmp_path, base, rows, drift=False, **settings)
    checkpoint, reference = Plain(tmp_path / "out/checkpoints/checkpoint-3"), Plain(base)

    expected = dpo_loss(
        checkpoint, reference, train, train,
        loss=settings.get("loss", ("sigmoid",)), counts=settings.get("loss_weights", (1.0,)),
        beta=settings.get("beta", 0.1), smoothing=settings.get("label_smoothing", 0.0),
    )  # fmt: skip
    assert logged(tmp_path, "loss", 4) == pytest.approx(expected, **CLOSE)


def test_pairs_that_are_equal_within_the_length(tmp_path, base):
    rows = rows_of("hard")
    for i in (1, 4, TRAIN + 1):
        same = f"It was so in {i}, and it is so now. " * 8
        rows[i] |= {"chosen": same + "Yes.", "rejected": same + "No."}
    plain = Plain(base)
    cut = 200
    kept = [row for row in rows if _ids(plain, row, "chosen")[:cut] != _ids(plain, row, "rejected")[:cut]]
    train = [row for row in kept if row["split"] == "train"]
    report = trained(tmp_path, base, rows, max_length=cut, batch_size=len(train))

    assert (len(kept), report.refused, report.pairs["test"]) == (TRAIN + TEST - 3, 2, TEST - 1)
    checkpoint = Plain(tmp_path / "out/checkpoints/checkpoint-3")
    assert logged(tmp_path, "loss", 4) == pytest.approx(
        dpo_loss(checkpoint, plain, train, train, cut=cut), **CLOSE
    )


def test_the_reference_after_a_first_phase_is_the_tuned_model(tmp_path, base):
    rows = rows_of("soft")
    train, test = splits(rows)
    report = trained(tmp_path, base, rows, sft_epochs=1, sft_learning_rate=1e-3)
    tuned = Plain(tmp_path / "out/sft/model")

    # at the first step the model is its own reference: every pair is even
    assert logged(tmp_path, "loss", 1) == pytest.approx(
        math.log(2) * mean(weights_of(train, train)), rel=1e-6
    )
    assert report.accuracy.value == share_above(margins_of(Plain(tmp_path / "out"), tuned, test))


def test_simpo(tmp_path, base):
    rows = rows_of("hard")
    train, test = splits(rows)
    report = trained(tmp_path, base, rows, use="simpo", beta=2.0, gamma=1.0)
    checkpoint, final = Plain(tmp_path / "out/checkpoints/checkpoint-3"), Plain(tmp_path / "out")

    def margin(plain, row):
        return 2.0 * (mean(plain.token_logps(row, "chosen")) - mean(plain.token_logps(row, "rejected")))

    expected = mean(-log_sigmoid(margin(checkpoint, row) - 1.0) for row in train)
    assert logged(tmp_path, "loss", 4) == pytest.approx(expected, **CLOSE)
    assert report.accuracy.value == share_above(margin(final, row) for row in test)


def test_orpo(tmp_path, base):
    """Equations 4 to 7: the likelihood of what is read with the chosen side, and the odds of both sides."""
    rows = rows_of("hard")
    train, test = splits(rows)
    report = trained(tmp_path, base, rows, use="orpo", beta=0.3)
    checkpoint, final = Plain(tmp_path / "out/checkpoints/checkpoint-3"), Plain(tmp_path / "out")

    def log_odds(plain, row, side):
        logp = mean(plain.token_logps(row, side))
        return logp - math.log1p(-math.exp(logp))

    texts = [_distributions_of_all(checkpoint, row) for row in train]
    likelihood = -math.fsum(map(math.fsum, texts)) / sum(map(len, texts))
    odds = mean(
        log_sigmoid(log_odds(checkpoint, row, "chosen") - log_odds(checkpoint, row, "rejected"))
        for row in train
    )
    assert logged(tmp_path, "loss", 4) == pytest.approx(likelihood - 0.3 * odds, **CLOSE)
    likelier = [
        mean(final.token_logps(row, "chosen")) - mean(final.token_logps(row, "rejected")) for row in test
    ]
    assert report.accuracy.value == share_above(likelier)


def _distributions_of_all(plain, row):
    """The log-probabilities of all tokens but the first, of the prompt and the chosen side."""
    import torch

    ids = _ids(plain, row, "chosen")
    with torch.no_grad():
        logps = plain.model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return [float(logps[i - 1, ids[i]]) for i in range(1, len(ids))]


@pytest.mark.parametrize("lora", [None, {"dropout": 0.0}], ids=["full", "lora"])
def test_a_reward_model(tmp_path, base, lora):
    rows = rows_of("soft")
    train, test = splits(rows)
    report = trained(tmp_path, base, rows, use="reward", lora=lora)
    out, checkpoint = tmp_path / "out", tmp_path / "out/checkpoints/checkpoint-3"
    if lora:
        plain, final = (Plain(base, path, reward=True) for path in (checkpoint, out))
    else:
        plain, final = (Plain(path, reward=True) for path in (checkpoint, out))

    losses = []
    for weight, row in zip(weights_of(train, train), train, strict=True):
        ahead, p = plain.reward(row, "chosen") - plain.reward(row, "rejected"), row["chosen_probability"]
        losses.append(-weight * (p * log_sigmoid(ahead) + (1 - p) * log_sigmoid(-ahead)))
    assert logged(tmp_path, "loss", 4) == pytest.approx(mean(losses), **CLOSE)
    margins = [final.reward(row, "chosen") - final.reward(row, "rejected") for row in test]
    assert report.accuracy.value == share_above(margins)
    probabilities = [1 / (1 + math.exp(-margin)) for margin in margins]
    labels = [row["chosen_probability"] for row in test]
    error = expected_calibration_error(probabilities, labels)
    assert report.held_out.calibration["error"] == pytest.approx(error, rel=1e-3)


def test_supervised_training_is_the_mean_over_the_tokens_of_the_best_answers(tmp_path, base):
    rows = rows_of("hard")
    train, _ = splits(rows)
    trained(tmp_path, base, rows, use="sft")
    checkpoint = Plain(tmp_path / "out/checkpoints/checkpoint-3")

    logps = [logp for row in train for logp in checkpoint.token_logps(row, "chosen")]
    assert logged(tmp_path, "loss", 4) == pytest.approx(-mean(logps), **CLOSE)


def test_kto_is_graded_by_the_model_that_was_saved(tmp_path, base):
    rows = rows_of("hard")
    _, test = splits(rows)
    report = trained(tmp_path, base, rows, use="kto")

    margins = margins_of(Plain(tmp_path / "out"), Plain(base), test)
    assert report.accuracy.value == share_above(margins)
    assert report.held_out.mean_margin == pytest.approx(mean(margins), rel=1e-3)


def test_drift_and_the_base_alone(tmp_path, base):
    rows = rows_of("soft")
    for i, row in enumerate(rows):
        row["source"] = ("birds", "foxes")[i % 2]
    _, test = splits(rows)
    report = trained(tmp_path, base, rows)
    final, reference = Plain(tmp_path / "out"), Plain(base)

    moved = [
        float((p.exp() * (p - q)).sum())
        for row in test
        for side in SIDES
        for (p, _), (q, _) in zip(
            _distributions(final, row, side), _distributions(reference, row, side), strict=True
        )
    ]
    assert logged(tmp_path, "eval_kl", 4) == pytest.approx(mean(moved), rel=1e-4)
    means = [
        mean(reference.token_logps(r, "chosen")) - mean(reference.token_logps(r, "rejected")) for r in test
    ]
    sums = [reference.logp(r, "chosen") - reference.logp(r, "rejected") for r in test]
    found = report.held_out
    assert (found.baseline["mean"].value, found.baseline["sum"].value) == (
        share_above(means),
        share_above(sums),
    )
    margins = margins_of(final, reference, test)
    probabilities = [1 / (1 + math.exp(-margin)) for margin in margins]
    labels = [row["chosen_probability"] for row in test]
    assert found.calibration["error"] == pytest.approx(
        expected_calibration_error(probabilities, labels), rel=1e-3
    )
    assert found.calibration["brier"] == pytest.approx(
        mean((p - y) ** 2 for p, y in zip(probabilities, labels, strict=True)), rel=1e-3
    )
    for source in ("birds", "foxes"):
        own = [margin for margin, row in zip(margins, test, strict=True) if row["source"] == source]
        group = found.groups["source"][source]
        assert (group.value, group.pairs) == (share_above(own), len(own))
    assert "| source | birds | 4 |" in (tmp_path / "out" / "README.md").read_text()


def test_length_normalised_dpo_is_calibrated_by_means_over_tokens(tmp_path, base):
    rows = rows_of("soft")
    _, test = splits(rows)
    report = trained(tmp_path, base, rows, preset="olmo3", accumulate=1, labels="soft")
    final, reference = Plain(tmp_path / "out"), Plain(base)

    def ratio(row, side):
        return (final.logp(row, side) - reference.logp(row, side)) / final.length(row, side)

    probabilities = [1 / (1 + math.exp(-5 * (ratio(row, "chosen") - ratio(row, "rejected")))) for row in test]
    labels = [row["chosen_probability"] for row in test]
    assert report.held_out.calibration["error"] == pytest.approx(
        expected_calibration_error(probabilities, labels), rel=1e-3
    )


def test_what_was_merged_is_the_adapter_on_its_base(tmp_path, base):
    rows = rows_of("hard")
    settings = TrainSettings(base=str(base), cpu=True, max_steps=3, learning_rate=1e-2)
    run_training([file_of(tmp_path, rows)], settings, tmp_path / "out", merge=True)

    merged, put_in = Plain(tmp_path / "out/merged"), Plain(base, tmp_path / "out")
    for row in rows[:6]:
        assert merged.logp(row, "chosen") == pytest.approx(put_in.logp(row, "chosen"), rel=1e-5)
        assert merged.logp(row, "chosen") != pytest.approx(Plain(base).logp(row, "chosen"), rel=1e-3)


def test_a_mean_over_a_look_is_one_over_its_pairs(tmp_path, base):
    """Of 8 pairs in batches of 3 the last has 2: patience goes by the accuracy of the pairs."""
    rows = rows_of("soft")
    _, test = splits(rows)
    for labels in ({}, {"labels": "hard", "weights": False}):
        folder = tmp_path / str(len(labels))
        folder.mkdir()
        trained(folder, base, rows, batch_size=3, **labels)
        margins = margins_of(Plain(folder / "out"), Plain(base), test)
        assert logged(folder, "eval_rewards/margins", 4) == pytest.approx(mean(margins), rel=1e-4)
        assert logged(folder, "eval_rewards/accuracies", 4) == pytest.approx(share_above(margins))


@pytest.mark.parametrize("lora", [None, {"r": 4, "alpha": 8, "dropout": 0.05}], ids=["full", "lora"])
def test_sure_labels_are_trained_on_as_by_trl_itself_bit_for_bit(tmp_path, base, lora):
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    rows = rows_of("hard")
    trained(tmp_path, base, rows, lora=lora, batch_size=4, max_steps=8)

    def listed(part):
        turns = [
            {
                "prompt": [{"role": "user", "content": row["prompt"]}]
                if isinstance(row["prompt"], str)
                else row["prompt"],
                **{side: [{"role": "assistant", "content": row[side]}] for side in SIDES},
            }
            for row in part
        ]
        return Dataset.from_list(turns)

    train, test = splits(rows)
    arguments = DPOConfig(
        output_dir=str(tmp_path / "plain"), use_cpu=True, bf16=False, report_to="none", learning_rate=1e-3,
        max_steps=8, per_device_train_batch_size=4, per_device_eval_batch_size=4, eval_strategy="steps",
        eval_steps=1, logging_steps=1, save_strategy="no", warmup_steps=0, lr_scheduler_type="constant",
        gradient_checkpointing=False, seed=0, max_length=256, disable_tqdm=True,
    )  # fmt: skip
    plain = DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
        ref_model=None if lora else AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
        args=arguments, train_dataset=listed(train), eval_dataset=listed(test),
        processing_class=AutoTokenizer.from_pretrained(base),
        peft_config=LoraConfig(
            r=4, lora_alpha=8, lora_dropout=0.05, target_modules="all-linear", task_type="CAUSAL_LM"
        ) if lora else None,
    )  # fmt: skip
    plain.train()
    plain.save_model(str(tmp_path / "plain"))

    name = "adapter_model.safetensors" if lora else "model.safetensors"
    ours, theirs = load_file(tmp_path / "out" / name), load_file(tmp_path / "plain" / name)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    history = [line for line in plain.state.log_history if "loss" in line or "eval_loss" in line]
    for line in history:
        for key in ("loss", "eval_loss", "rewards/margins", "logps/chosen"):
            if key in line:
                assert logged(tmp_path, key, line["step"]) == line[key], (key, line["step"])
    assert len(history) == 16


@pytest.mark.parametrize(("dtype", "low", "high"), [("auto", 0.99, 1.0), ("bfloat16", 0.0, 0.2)])
def test_weights_stored_in_bfloat16_are_trained_in_float32(tmp_path, base, dtype, low, high):
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    stored = tmp_path / "stored"
    AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).save_pretrained(stored)
    AutoTokenizer.from_pretrained(base).save_pretrained(stored)
    trained(tmp_path, stored, rows_of("hard"), learning_rate=1e-6, dtype=dtype)

    before = load_file(stored / "model.safetensors")
    del before["model.embed_tokens.weight"]  # tokens that no pair has do not move
    after = load_file(tmp_path / "out" / "model.safetensors")
    changed = sum(int((after[key].float() != before[key].float()).sum()) for key in before)
    assert {tensor.dtype for tensor in before.values()} == {torch.bfloat16}
    assert low <= changed / sum(tensor.numel() for tensor in before.values()) <= high


def test_bfloat16_computes_about_what_float32_does(tmp_path, base):
    """bf16 (autocast over float32 weights) moves every weight, and the curve stays near."""
    rows, curves = rows_of("soft"), {}
    for name, trl in (("float32", {}), ("autocast", {"bf16": True})):
        folder = tmp_path / name
        folder.mkdir()
        trained(folder, base, rows, trl=trl)
        curves[name] = [logged(folder, "loss", step) for step in range(1, STEPS + 1)]

    assert curves["autocast"] == pytest.approx(curves["float32"], abs=0.02)
    assert curves["autocast"] != curves["float32"]
    assert os.path.getsize(tmp_path / "autocast/out/model.safetensors") == os.path.getsize(
        tmp_path / "float32/out/model.safetensors"
    )


def wpo_weight(policy, row):
    """Zhou et al., arXiv 2406.11827, equation 2 with aligned weights: how likely both sides are to be the
    policy's own, a token.
    """
    weight = 1.0
    for side in SIDES:
        aligned = [
            float(logps[token] - (2 * logps).logsumexp(0))
            for logps, token in _distributions(policy, row, side)
        ]
        weight *= math.exp(mean(aligned))
    return weight


@pytest.mark.parametrize(
    "options",
    [
        {"use_weighting": True},
        {"ld_alpha": 0.3},
        {"f_divergence_type": "forward_kl"},
        {"f_divergence_type": "js_divergence"},
        {"f_divergence_type": "alpha_divergence", "f_alpha_divergence_coef": 0.5},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_what_trl_knows_beyond(tmp_path, base, options):
    rows = rows_of("hard")
    train, _ = splits(rows)
    trained(tmp_path, base, rows, drift=False, trl=options)
    policy, reference = Plain(tmp_path / "out/checkpoints/checkpoint-3"), Plain(base)

    def ratio(row, side):
        shared = min(policy.length(row, each) for each in SIDES)
        tail = options.get(
            "ld_alpha", 1.0
        )  # Liu et al., arXiv 2409.06411: what one side has more counts less
        difference = [
            p - q
            for p, q in zip(policy.token_logps(row, side), reference.token_logps(row, side), strict=True)
        ]
        return math.fsum(difference[:shared]) + tail * math.fsum(difference[shared:])

    def score(log_ratio):  # f' of the divergence: Wang et al., arXiv 2309.16240, table 1
        t = math.exp(log_ratio)
        return {
            "forward_kl": 1 - 1 / t,
            "js_divergence": math.log(2 * t / (1 + t)),
            "alpha_divergence": (t**-0.5 - 1) / -0.5,
        }.get(options.get("f_divergence_type"), log_ratio)

    losses = []
    for row in train:
        ahead = score(ratio(row, "chosen")) - score(ratio(row, "rejected"))
        weight = wpo_weight(policy, row) if "use_weighting" in options else 1.0
        losses.append(-weight * log_sigmoid(0.1 * ahead))
    assert logged(tmp_path, "loss", 4) == pytest.approx(mean(losses), rel=1e-4)
