"""Evaluation with real weights: tiny models on one thread, lm-evaluation-harness, and AlpacaEval's published
win rates.
"""

import json
import os
import shutil
from pathlib import Path

import pytest

from prefgen.evaluation.difficulty import Difficulty
from prefgen.evaluation.items import read_items
from prefgen.evaluation.winrate import Game, summarize_games
from prefgen.trainers.run import run_training
from prefgen.trainers.settings import TrainSettings
from tests.support.cli import prefgen
from tests.support.paths import SHARED
from tests.support.tiny import tiny_model
from tests.support.training import file_of, pairs

JUDGED = SHARED / "data" / "audit" / "local_only_alpacaeval_preferences.parquet"
ALPACA = SHARED / "data" / "alpaca_eval" / "responses.parquet"
TASK = """
task: tiny_choice
dataset_path: json
dataset_kwargs: {{data_files: {{validation: {file}}}}}
output_type: multiple_choice
validation_split: validation
doc_to_text: "{{{{q}}}}"
doc_to_target: a
doc_to_choice: choices
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """(a base that knows nothing, an adapter of it that learned the pairs, the pairs as items)."""
    folder = tmp_path_factory.mktemp("models")
    base = tiny_model(folder / "base")
    rows = pairs(200)
    settings = TrainSettings(base=str(base), learning_rate=3e-3, epochs=3, cpu=True)
    run_training([file_of(folder, rows)], settings, folder / "learned")
    return base, folder / "learned", file_of(folder, rows, "items.jsonl")


def evaluated(folder, *arguments):
    return prefgen(
        "eval", "tasks", *arguments, "--cpu", "--json", cwd=folder, OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1"
    )


def test_a_model_is_compared_with_what_it_was_trained_from(models, tmp_path):
    base, learned, items = models

    done = evaluated(tmp_path, str(learned), items)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["base"] == str(base)
    assert found["tasks"][0]["accuracy"]["value"] > 0.95
    assert found["compared"][0]["change"]["low"] > 10
    assert found["protected"] is None


def test_what_a_model_has_lost_is_exit_4(models, tmp_path):
    base, learned, items = models

    kept = evaluated(tmp_path, str(learned), "--protect", items)
    lost = evaluated(tmp_path, str(base), "--protect", f"{items}=2", "--base", str(learned))

    assert kept.returncode == 0, kept.stderr
    assert {task["name"] for task in json.loads(kept.stdout)["compared"]} == {items, "over_refusal"}
    assert lost.returncode == 4
    assert json.loads(lost.stdout)["protected"]["worst"] == items
    assert f"is worse than {str(learned)!r}: {items} lost" in lost.stderr
    assert "limit 2" in lost.stderr


@pytest.mark.parametrize("scoring", ["mean", "sum", "mutual"])
def test_likelihoods_are_those_of_the_model(models, scoring):
    """Each answer's log-probability, token by token, as transformers itself gives it."""
    import torch

    from prefgen.evaluation.models import load_model
    from prefgen.evaluation.tasks import outcomes
    from prefgen.trainers.likelihood import answer_logps

    base, _, items = models
    model = load_model(str(base), cpu=True)
    some = read_items(Path(items))[:10]
    found = answer_logps(
        model.weights, model.tokenizer, [(item.prompt, item.choices[0]) for item in some], batch_size=4
    )

    for item, (total, tokens) in zip(some, found, strict=True):
        asked = model.tokenizer.apply_chat_template(item.prompt, tokenize=False, add_generation_prompt=True)
        whole = model.tokenizer.apply_chat_template([*item.prompt, *item.choices[0]], tokenize=False)
        ids = torch.tensor([model.tokenizer(whole, add_special_tokens=False)["input_ids"]])
        before = model.tokenizer(asked, add_special_tokens=False)["input_ids"]
        first = next(
            i for i, (a, b) in enumerate(zip([*before, -1], ids[0].tolist(), strict=False)) if a != b
        )
        with torch.inference_mode():
            logps = model.weights(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
        assert tokens == ids.shape[1] - first
        assert total == pytest.approx(float(logps[first - 1 :].sum()), abs=1e-3)
    assert {one.correct for one in outcomes(model, some, scoring=scoring)} <= {0.0, 0.5, 1.0}


def test_what_is_no_language_model_is_told_and_not_scored(models, tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base, learned, items = models
    reward = tiny_model(tmp_path / "reward", "classifier")
    broken = tmp_path / "broken"
    weights = AutoModelForCausalLM.from_pretrained(base)
    for parameter in weights.parameters():
        parameter.data.fill_(torch.nan)
    weights.save_pretrained(broken)
    AutoTokenizer.from_pretrained(base).save_pretrained(broken)
    cut = tmp_path / "cut"
    shutil.copytree(learned, cut)
    (cut / "started.json").write_text("{")
    long = file_of(tmp_path, [{"question": "word " * 400, "choices": ["a", "b"], "answer": 0}], "long.jsonl")

    for model, file, says in (
        (reward, items, "is a reward model"),
        (broken, items, "its weights are broken"),
        (cut, items, "started.json"),
        (base, long, "and the model reads 256"),
    ):
        done = evaluated(tmp_path, str(model), file)
        assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_tasks_of_the_harness(models, tmp_path):
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is an extra")
    base, learned, _ = models
    (tmp_path / "rows.jsonl").write_text(
        "".join(
            json.dumps({"q": f"Which of {i} is a bird?", "choices": ["wren", "oak"], "a": i % 2}) + "\n"
            for i in range(6)
        )
    )
    (tmp_path / "task.yaml").write_text(TASK.format(file=tmp_path / "rows.jsonl"))

    done = evaluated(tmp_path, str(learned), "--protect", "task.yaml")
    unknown = evaluated(tmp_path, str(base), "no_such_task_at_all")

    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout)["tasks"][0]
    assert (first["name"], first["items"]) == ("task.yaml", 6)
    assert unknown.returncode == 2
    assert "is no file and no task of lm-evaluation-harness" in unknown.stderr


def test_an_adapter_for_another_base_is_one_line(models, tmp_path):
    import shutil

    _, learned, items = models
    other = tiny_model(tmp_path / "other", hidden=48)
    shutil.copytree(learned, tmp_path / "adapter", ignore=shutil.ignore_patterns("checkpoints"))
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    (tmp_path / "adapter" / "adapter_config.json").write_text(
        json.dumps({**config, "base_model_name_or_path": str(other)})
    )
    os.unlink(tmp_path / "adapter" / "training.json")

    done = evaluated(tmp_path, "adapter", items)

    assert done.returncode == 2
    assert "it was made for another base" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not ALPACA.is_file(), reason="needs ../shared: AlpacaEval's answers")
def test_raw_win_rates_are_alpaca_evals_own():
    """Against GPT-4-turbo: what the leaderboard says, to its last digit; at equal length the short answers
    gain, as there.
    """
    import pyarrow.parquet as pq

    rows = pq.read_table(ALPACA).to_pylist()
    lengths = {row["prompt_id"]: len(row["response"]) for row in rows if row["model"] == "gpt4_1106_preview"}
    found = {}
    for model in sorted({row["model"] for row in rows}):
        games = [
            Game(
                row["prompt_id"],
                row["win_prob_vs_gpt4_turbo"],
                len(row["response"]) - lengths[row["prompt_id"]],
            )
            for row in rows
            if row["model"] == model and row["win_prob_vs_gpt4_turbo"] is not None
        ]
        found[model] = summarize_games(games, of=model, against="gpt4", judge="gpt4")

    published = {
        "claude-2.1": 15.7,
        "OpenHermes-2.5-Mistral-7B": 10.3,
        "vicuna-13b-v1.5": 6.7,
        "alpaca-7b": 2.6,
        "NullModel": 76.9,
    }
    assert {model: round(100 * found[model].raw[0], 1) for model in published} == published
    assert found["gpt4_1106_preview"].equal_length[0] == pytest.approx(0.5, abs=1e-3)
    for model in ("claude-2.1", "OpenHermes-2.5-Mistral-7B", "vicuna-13b-v1.5"):
        assert found[model].equal_length[0] > found[model].raw[0] + 0.05


def test_difficulties_come_from_a_file_or_from_a_run_of_many_models(tmp_path):
    names = [f"m{i}" for i in range(9)]
    models = "".join(f"  {n}: {{use: simulated, name: {n}, skill: 0.{i + 1}}}\n" for i, n in enumerate(names))
    (tmp_path / "many.yaml").write_text(
        f"""name: many
seed: 1
models:
{models}  base: {{use: simulated, name: base, skill: 0.5}}
  grader: {{use: simulated, name: grader, temperature: 0, noise: 0.5}}
stages:
  - prompts: {{use: inline, prompts: [{", ".join(f"Name {i} birds." for i in range(2, 26))}]}}
  - sample: {{use: each, model: [{", ".join(names)}, base], n: 1}}
  - judge: {{better: {{use: pairwise, model: grader}}}}
"""
    )
    done = prefgen("run", "many.yaml", "--out", "run", "-q", "-y", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    win = ("eval", "win", "run", "--of", "m0", "--against", "base")

    fitted = prefgen(*win, "--save-difficulty", "d.csv", cwd=tmp_path)
    read = prefgen(*win, "--difficulty", "d.csv", cwd=tmp_path)
    again = prefgen(*win, "--difficulty", "d.csv", "--save-difficulty", "e.csv", cwd=tmp_path)
    (tmp_path / "d.csv").write_text((tmp_path / "d.csv").read_text().replace(",8", ","))
    trusted = prefgen(*win, "--difficulty", "d.csv", "--json", cwd=tmp_path)

    assert "(item difficulty fitted on 8 other models; 32 are needed to call it" in fitted.stdout, (
        fitted.stderr
    )
    assert "(item difficulty from a file fitted on 8 other models; 32 are needed" in read.stdout, read.stderr
    assert (again.returncode, "none were fitted" in again.stderr) == (2, True)
    rate = json.loads(trusted.stdout)
    assert rate["length_controlled"] == rate["equal_length"] is not None
    assert rate["difficulty"] == {"source": "file", "models": None, "prompts": 24}


@pytest.mark.skipif(not JUDGED.is_file(), reason="needs ../shared: AlpacaEval's judgments of ten models")
def test_difficulties_bring_the_published_length_controlled_rates_near():
    """The difficulties are made here, as those that make the judgments of the other models likeliest at the
    coefficients that are published for these. Seven models are few: more than half of the error goes.
    """
    import numpy as np
    import pyarrow.parquet as pq

    rows, published, weights = (
        pq.read_table(JUDGED.with_name(f"local_only_alpacaeval_{name}.parquet")).to_pylist()
        for name in ("preferences", "published", "lc_weights")
    )
    wanted = {row["model"]: row["length_controlled_winrate"] for row in published}
    coefficients = {row["model"]: row for row in weights}
    models = [model for model in wanted if model not in ("NullModel", "gpt4_gamed")]
    games = {model: [row for row in rows if row["model"] == model] for model in models}
    longer = {m: np.array([g["length_model"] - g["length_baseline"] for g in games[m]]) for m in models}

    def difficulty_without(model):
        values, others = np.zeros(805), [name for name in models if name != model]
        for _ in range(30):
            gradient, curvature = -values, np.ones(805)
            for name in others:
                own, d = coefficients[name], longer[name]
                logits = own["model_constant"] - own["length"] * np.tanh(d / d.std(ddof=1))
                at = np.array([g["item"] for g in games[name]])
                p = 1 / (1 + np.exp(-(logits + own["difficulty"] * values[at])))
                won = np.array([g["preference"] for g in games[name]])
                gradient[at] += own["difficulty"] * (won - p)
                curvature[at] += own["difficulty"] ** 2 * p * (1 - p)
            values = values + np.clip(gradient / curvature, -1, 1)
        return Difficulty("file", {str(i): value for i, value in enumerate(values)})

    errors = {"with": [], "without": []}
    for model in models:
        played = [
            Game(str(g["item"]), g["preference"], int(d))
            for g, d in zip(games[model], longer[model], strict=True)
        ]
        for name, known in (("with", difficulty_without(model)), ("without", None)):
            found = summarize_games(played, of=model, against="gpt4", judge="gpt4", difficulty=known)
            errors[name].append(100 * found.equal_length[0] - wanted[model])

    assert np.mean(np.abs(errors["without"])) > 7
    assert np.mean(np.abs(errors["with"])) < 3
