"""The UltraFeedback recipe on 805 real prompts and the recorded answers of four real models, against a real
server process.

Needs ../shared (real prompts, recorded answers, the replay server); skips with a reason without it.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from prefgen.dataset.read_run import read_manifest, read_pairs, read_records
from tests.support.paths import ROOT, SHARED
from tests.support.recipes import shard_bytes
from tests.support.replay_server import Replay

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="../shared (real prompts and recorded answers) is not on this machine"
)

MODELS = ("gpt4_1106_preview", "claude-2.1", "OpenHermes-2.5-Mistral-7B", "alpaca-7b")


def a_recipe(folder: Path, port: int, concurrency: int = 32) -> Path:
    models = {
        f"m{i}": {"use": "openai", "name": name, "temperature": 1.0, "max_tokens": 1024}
        for i, name in enumerate(MODELS)
    }
    models["judge"] = {"use": "openai", "name": "judge", "temperature": 0}
    recipe = {
        "name": "alpaca",
        "seed": 7,
        "models": models,
        "stages": [
            {
                "prompts": {
                    "use": "file",
                    "path": str(SHARED / "data" / "alpaca_eval" / "prompts.jsonl"),
                    "column": "prompt",
                }
            },
            {"sample": {"use": "pool", "models": [f"m{i}" for i in range(4)], "per_prompt": 4}},
            {"judge": {"quality": {"use": "ultrafeedback", "model": "judge"}}},
            {"pair": {"use": "best_vs_worst", "score": "quality"}},
        ],
        "run": {
            "concurrency": concurrency,
            "endpoints": {name: {"base_url": f"http://127.0.0.1:{port}/v1"} for name in models},
        },
    }
    path = folder / "alpaca.json"
    path.write_text(json.dumps(recipe))
    return path


def prefgen(recipe: Path, out: Path, journal: Path, **more) -> subprocess.Popen:
    command = [
        sys.executable,
        "-m",
        "prefgen",
        "run",
        str(recipe),
        "--out",
        str(out),
        "--journal",
        str(journal),
        "--quiet",
    ]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "OPENAI_API_KEY": "none"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        **more,
    )


def finished(process: subprocess.Popen) -> int:
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said.decode()
    return process.returncode


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """One run without faults: (its folder, the requests that it took)."""
    folder = tmp_path_factory.mktemp("unbroken")
    with Replay() as server:
        finished(prefgen(a_recipe(folder, server.port), folder / "out", folder / "calls.sqlite"))
        return folder / "out", server.stats()


def quality() -> dict[tuple[str, str], float]:
    import pyarrow.parquet as pq

    prompts = {}
    for line in (SHARED / "data" / "alpaca_eval" / "prompts.jsonl").read_text().splitlines():
        row = json.loads(line)
        prompts[row["id"]] = row["prompt"]
    found = {}
    for row in pq.read_table(SHARED / "data" / "alpaca_eval" / "responses.parquet").to_pylist():
        value = row["win_prob_vs_gpt4_turbo"]
        found[prompts[row["prompt_id"]], row["response"]] = 0.5 if value is None else value
    return found


def test_every_prompt_is_accounted_for(unbroken):
    out, stats = unbroken
    table = read_manifest(out).yields

    assert sum(table.prompts_by_outcome.values()) == table.prompts == 805
    assert table.pairs == table.prompts_by_outcome["pair"] > 700
    assert stats["requests"] == stats["ok"] == 805 * 8
    assert stats.get("repeats", 0) == 0


def test_no_pair_prefers_the_answer_with_the_lower_recorded_quality(unbroken):
    known = quality()
    clear = {r.id for r in read_records(unbroken[0]) if server_tells_apart(r, known)}
    pairs = [p for p in read_pairs(unbroken[0]) if p["prompt_id"] in clear]
    for pair in pairs:
        prompt = pair["prompt"][-1]["content"]
        chosen, rejected = (known[prompt, pair[side][-1]["content"]] for side in ("chosen", "rejected"))
        assert chosen >= rejected, (prompt[:60], chosen, rejected)
    assert len(pairs) > 600


def server_tells_apart(record, known) -> bool:
    """Whether the replay server can know each answer: it looks for their first 60 characters anywhere in what
    it is shown.

    It cannot where a prompt quotes an answer (then it takes the request for a judge's), where an answer's
    beginning stands in another one or in the prompt, or where an answer is shorter than 20 characters: it
    then rates other texts than those that it was asked about.
    """
    texts = [r.text for r in record.responses]
    recorded = [
        text for prompt, text in known if prompt == record.prompt.text
    ]  # of all nine models: it may take one for another
    shown = "\n".join([record.prompt.text, *texts])
    return set(texts) <= set(recorded) and all(
        len(t) >= 20 and shown.count(t[:60]) == (t in texts) for t in recorded
    )


@pytest.mark.filterwarnings("ignore")  # of the libraries: they warn about each other's deprecations
def test_datasets_and_trls_dpo_preprocessing_take_it(unbroken, tmp_path):
    from datasets import load_dataset

    data = load_dataset(
        "parquet",
        data_files=str(unbroken[0] / "pairs" / "*.parquet"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert {"prompt", "chosen", "rejected"} <= set(data.column_names)
    pytest.importorskip("trl", reason="TRL is in the extra [train]")
    tokenised_by_trl(data.select(range(64)), tmp_path)


def tokenised_by_trl(data, folder: Path) -> None:
    """A model and a tokenizer of a few thousand parameters, made here: nothing is downloaded."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from trl import DPOConfig, DPOTrainer

    plain = Tokenizer(models.BPE(unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel()
    texts = [
        turn["content"] for row in data for side in ("prompt", "chosen", "rejected") for turn in row[side]
    ]
    plain.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=640, special_tokens=["<unk>", "<s>", "</s>", "<pad>"])
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    tokenizer.chat_template = (
        "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}</s>{% endfor %}{% if "
        "add_generation_prompt %}<s>assistant: {% endif %}"
    )
    config = LlamaConfig(
        vocab_size=640,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=3,
        bos_token_id=1,
        eos_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    arguments = DPOConfig(
        output_dir=str(folder / "dpo"),
        use_cpu=True,
        bf16=False,
        report_to="none",
        max_steps=1,
        per_device_train_batch_size=2,
        max_length=256,
    )
    trainer = DPOTrainer(
        str(folder / "model"), args=arguments, train_dataset=data, processing_class=tokenizer
    )
    row = trainer.train_dataset[0]
    assert row["prompt_ids"]
    assert row["chosen_ids"] != row["rejected_ids"]


def test_with_faults_the_same_pairs_come_out_and_nothing_is_lost(unbroken, tmp_path):
    """10 % 429 and 500, 2 % cut replies. Unreadable judgments (2 %) are a second run's: each costs its own
    prompt at most.
    """
    with Replay("--p429", "0.1", "--p500", "0.1", "--pmalformed", "0.02") as server:
        finished(prefgen(a_recipe(tmp_path, server.port), tmp_path / "out", tmp_path / "calls.sqlite"))
        stats = server.stats()

    assert stats["sent_429"] > 300
    assert stats["sent_500"] > 300
    assert stats["malformed"] > 50
    assert stats.get("repeats", 0) == 0
    assert shard_bytes(tmp_path / "out") == shard_bytes(unbroken[0])


def test_unreadable_judgments_cost_at_most_their_own_prompt(unbroken, tmp_path):
    with Replay("--pbadjudge", "0.02") as server:
        finished(prefgen(a_recipe(tmp_path, server.port), tmp_path / "out", tmp_path / "calls.sqlite"))
        bad = server.stats()["bad_judge_replies"]

    known = quality()
    clear = {r.id for r in read_records(unbroken[0]) if server_tells_apart(r, known)}
    ours, theirs = (
        {p["id"]: p for p in read_pairs(out) if p["prompt_id"] in clear}
        for out in (unbroken[0], tmp_path / "out")
    )
    table = read_manifest(tmp_path / "out").yields
    assert bad > 40
    assert sum(table.prompts_by_outcome.values()) == 805
    assert set(theirs) <= set(ours)
    assert len(ours) - len(theirs) <= sum(table.failures.values())
    assert all(ours[i]["score_chosen"] == p["score_chosen"] for i, p in theirs.items())


def test_killed_three_times_it_asks_at_most_what_was_in_flight_again_and_ends_with_the_same_bytes(
    unbroken, tmp_path
):
    concurrency, rng = 8, random.Random(5)
    with Replay("--latency-ms", "10") as server:
        recipe = a_recipe(tmp_path, server.port, concurrency)
        for _ in range(3):
            process = prefgen(recipe, tmp_path / "out", tmp_path / "calls.sqlite")
            target = server.stats().get("ok", 0) + rng.randint(300, 1500)
            while server.stats().get("ok", 0) < target and process.poll() is None:
                time.sleep(0.02)
            assert process.poll() is None, "the run ended before it was killed"
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert not (tmp_path / "out" / "pairs").exists(), "a killed run must not look complete"
        finished(prefgen(recipe, tmp_path / "out", tmp_path / "calls.sqlite"))
        stats = server.stats()

    in_flight = 3 * 5 * concurrency  # asked and not yet committed, at each of the three kills, of five models
    assert stats.get("repeats", 0) <= in_flight
    assert stats["requests"] <= 805 * 8 + in_flight
    assert shard_bytes(tmp_path / "out") == shard_bytes(unbroken[0])


def test_the_responses_are_the_recorded_ones(unbroken):
    known = quality()
    counts = Counter((r.prompt.text, x.text) in known for r in read_records(unbroken[0]) for x in r.responses)

    assert counts[True] / counts.total() > 0.95
