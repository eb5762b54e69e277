"""What `prefgen export` writes is what its readers read: TRL's trainers train on it, other trainers' own
loaders find the same pairs in it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import prefgen
from tests.support.paths import ROOT
from tests.support.tiny import tiny_model
from tests.support.training import file_of, pairs

# TRL's configurations use names that transformers has renamed
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(tiny_model(tmp_path_factory.mktemp("base") / "base"))


@pytest.mark.parametrize(
    ("form", "trainer", "config"),
    [
        ("trl", "DPOTrainer", "DPOConfig"),
        ("trl-implicit", "DPOTrainer", "DPOConfig"),
        ("trl-implicit", "RewardTrainer", "RewardConfig"),
        ("kto", "KTOTrainer", "KTOConfig"),
        ("sft", "SFTTrainer", "SFTConfig"),
        ("ultrafeedback-binarized", "RewardTrainer", "RewardConfig"),
    ],
)
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_trl_trains_on_what_was_exported(tmp_path, base, form, trainer, config, suffix):
    import datasets
    import trl
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

    done = prefgen("export", file_of(tmp_path, pairs(16)), "--to", form, "-o", f"out.{suffix}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    kind = "json" if suffix == "jsonl" else "parquet"
    rows = datasets.load_dataset(
        kind, data_files=str(tmp_path / f"out.{suffix}"), split="train", cache_dir=str(tmp_path / "cache")
    )
    if form == "ultrafeedback-binarized":
        # as with the dataset itself: its prompt is text beside conversations
        rows = rows.remove_columns("prompt")
    arguments = getattr(trl, config)(
        str(tmp_path / "model"),
        max_steps=1,
        per_device_train_batch_size=4,
        use_cpu=True,
        bf16=False,
        report_to="none",
        disable_tqdm=True,
    )
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = (
        AutoModelForSequenceClassification if trainer == "RewardTrainer" else AutoModelForCausalLM
    ).from_pretrained(base)
    model.config.pad_token_id = tokenizer.pad_token_id
    more = (
        {"ref_model": AutoModelForCausalLM.from_pretrained(base)}
        if trainer in ("DPOTrainer", "KTOTrainer")
        else {}
    )

    made = getattr(trl, trainer)(
        model=model, args=arguments, train_dataset=rows, processing_class=tokenizer, **more
    )
    made.train()

    assert made.state.global_step == 1
    assert len(rows) == (32 if form == "kto" else 16)
    assert json.loads(json.dumps(rows[0]))


CONSUMERS = Path(sys.prefix) / "consumers"
STUBS = """
import importlib.machinery, json, sys, types
sys.path.insert(0, sys.argv[2])
sys.path.append(sys.argv[1])  # behind everything: some of these packages bring a `tests` of their own

def without(name, **fields):
    "A module that is not needed here and would bring gigabytes."
    made = types.ModuleType(name)
    made.__spec__ = importlib.machinery.ModuleSpec(name, None)
    made.__dict__.update(fields)
    sys.modules[name] = made

import datasets
datasets.disable_progress_bars()
from tests.support.tiny import tiny_tokenizer
tokenizer = tiny_tokenizer()
"""
READERS = {
    "llama-factory": """
without("torchaudio")
from llamafactory.data import get_template_and_fix_tokenizer
from llamafactory.data.loader import _get_merged_dataset
from llamafactory.hparams.data_args import DataArguments
from llamafactory.hparams.model_args import ModelArguments
from transformers import Seq2SeqTrainingArguments
columns = {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"}
entry = {"file_name": sys.argv[3], "formatting": "sharegpt", "ranking": True, "columns": columns}
json.dump({"pairs": entry}, open("dataset_info.json", "w"))
wanted = DataArguments(template="llama3", dataset="pairs", dataset_dir=".", cutoff_len=512)
get_template_and_fix_tokenizer(tokenizer, wanted)
training = Seq2SeqTrainingArguments("out", use_cpu=True, report_to="none", log_level="error")
rows = _get_merged_dataset(["pairs"], ModelArguments(model_name_or_path="x"), wanted, training, stage="rm")
for row in rows:
    asked = [[turn["role"], turn["content"]] for turn in row["_prompt"]]
    system = [["system", row["_system"]]] if row["_system"] else []
    found.append([system + asked, *[turn["content"] for turn in row["_response"]]])
""",
    "axolotl": """
from axolotl.prompt_strategies.dpo import load
settings = {"chat_template": "tokenizer_default", "datasets": [{}]}
read, options = load("chat_template.default", settings, dataset_idx=0)
for row in (json.loads(line) for line in open(sys.argv[3])):
    made = read(dict(row), tokenizer=tokenizer)
    found.append([made["prompt"], made["chosen"], made["rejected"]])
""",
    "openrlhf": """
from types import SimpleNamespace as Its
from openrlhf.datasets import RewardDataset
from openrlhf.datasets.utils import blending_datasets
keys = Its(prompt_key="prompt", chosen_key="chosen", rejected_key="rejected", apply_chat_template=True)
strategy = Its(print=lambda *_: None, is_rank_0=lambda: False, args=Its(use_ms=False, data=keys))
rows = blending_datasets(sys.argv[3], None, strategy, 42, dataset_split="train")
data = RewardDataset(rows, tokenizer, 512, strategy, is_dpo=True, num_processors=1)
for i in range(len(data)):
    found.append([data.prompts[i], data.chosens[i], data.rejects[i], data.extras[i]])
""",
    "rewardbench": """
without("rewardbench.models", DPO_MODEL_CONFIG={}, REWARD_MODEL_CONFIG={})
import rewardbench
data = rewardbench.load_and_process_dataset(sys.argv[3], json=True, tokenizer=tokenizer)
for row in data:
    found.append([row["text_chosen"], row["text_rejected"]])
""",
}


@pytest.mark.parametrize("form", sorted(READERS))
def test_what_was_exported_is_read_by_the_consumers_own_code(tmp_path, form):
    """LLaMA-Factory, axolotl, OpenRLHF and RewardBench, each by the code that its trainer reads pairs
    with.
    """
    if not (CONSUMERS / "ready").is_file():
        pytest.skip("the consumers are not installed: `make integration` does it")
    rows = [{**row, "margin": 1.0 + i} for i, row in enumerate(pairs(6))]
    turns = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello to you"},
        {"role": "user", "content": "Go on, please"},
    ]
    rows.append(
        {"prompt": turns, "chosen": "A longer answer 1.\n", "rejected": "A worse answer 2.", "margin": None}
    )
    if form != "rewardbench":
        rows.append({**rows[-1], "prompt": [{"role": "system", "content": "Be kind."}, *turns]})
    done = prefgen("export", file_of(tmp_path, rows), "--to", form, "-o", "out.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    script = f"{STUBS}\nfound = []\n{READERS[form]}\njson.dump(found, open('found.json', 'w'))\n"
    environment = {
        **os.environ,
        "DISABLE_VERSION_CHECK": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "WANDB_MODE": "offline",
    }

    read = subprocess.run(
        [sys.executable, "-c", script, str(CONSUMERS), str(ROOT), "out.jsonl"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert read.returncode == 0, read.stderr[-2000:]
    found = json.loads((tmp_path / "found.json").read_text())
    assert len(found) == len(rows)
    for row, its in zip(rows, found, strict=True):
        asked = (
            [{"role": "user", "content": row["prompt"]}] if isinstance(row["prompt"], str) else row["prompt"]
        )
        chosen, rejected = row["chosen"], row["rejected"]
        rendered = "".join(f"<s>{turn['role']}: {turn['content']}</s>" for turn in asked)
        if form == "llama-factory":
            assert its == [[[turn["role"], turn["content"]] for turn in asked], chosen, rejected]
        elif form == "axolotl":
            assert its[0].startswith(rendered)
            assert [side.removesuffix("</s>") for side in its[1:]] == [chosen.strip(), rejected.strip()]
        elif form == "openrlhf":
            assert its[0].startswith(rendered) and its[0].endswith("assistant: ")
            assert [side.removesuffix("</s>") for side in its[1:3]] == [chosen, rejected]
        else:
            assert its == [f"{rendered}<s>assistant: {side}</s>" for side in (chosen, rejected)]
