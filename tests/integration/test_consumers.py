"""What `prefgen export` writes for TRL is what TRL's own trainers read and train on."""

import json

import pytest

from tests.integration.test_train import file_of, pairs
from tests.integration.tiny import tiny_model
from tests.test_cli import prefgen

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # TRL's configurations use names that transformers has renamed


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
    rows = datasets.load_dataset(kind, data_files=str(tmp_path / f"out.{suffix}"), split="train", cache_dir=str(tmp_path / "cache"))
    if form == "ultrafeedback-binarized":
        rows = rows.remove_columns("prompt")  # as with the dataset itself: its prompt is text beside conversations
    arguments = getattr(trl, config)(
        str(tmp_path / "model"), max_steps=1, per_device_train_batch_size=4, use_cpu=True, bf16=False, report_to="none", disable_tqdm=True
    )
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = (AutoModelForSequenceClassification if trainer == "RewardTrainer" else AutoModelForCausalLM).from_pretrained(base)
    model.config.pad_token_id = tokenizer.pad_token_id
    more = {"ref_model": AutoModelForCausalLM.from_pretrained(base)} if trainer in ("DPOTrainer", "KTOTrainer") else {}

    made = getattr(trl, trainer)(model=model, args=arguments, train_dataset=rows, processing_class=tokenizer, **more)
    made.train()

    assert made.state.global_step == 1
    assert len(rows) == (32 if form == "kto" else 16)
    assert json.loads(json.dumps(rows[0]))
