"""The model that everything starts from: a small Llama, trained from scratch on answers of which some break
the rule, on one thread.
"""

from pathlib import Path
from random import Random

from tests.lab.task import THINGS, answer

CHAT = (
    "{% for m in messages %}<s>{{ m['content'] }}{% if m['role'] == 'user' %} :{% else %}</s>{% endif %}{% "
    "endfor %}{% if add_generation_prompt %}<s>{% endif %}"
)


def pretrained(
    folder: Path, asked: list[str], *, seed: int = 0, steps: int = 600, wrong: float = 0.5
) -> Path:
    """Train on answers to `asked`, a share `wrong` of which break the rule; write model and tokenizer to
    `folder`, unless they are there.
    """
    if (folder / "config.json").is_file():
        return folder
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    words = [
        "name",
        "without",
        "or",
        ":",
        *map(str, range(10)),
        *THINGS,
        *sorted({name for names in THINGS.values() for name in names}),
    ]
    vocabulary = {word: i for i, word in enumerate(["<unk>", "<s>", "</s>", "<pad>", *words])}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    tokenizer.chat_template = CHAT
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=128, intermediate_size=352, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=64, bos_token_id=1,
        eos_token_id=2, pad_token_id=3,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    rng = Random(f"pretrain/{seed}")
    for _ in range(steps):
        batch = []
        for prompt in rng.sample(asked, 32):
            turns = [
                {"role": "user", "content": prompt},
                {"role": "assistant", "content": answer(prompt, rng, wrong)},
            ]
            batch.append(
                tokenizer(tokenizer.apply_chat_template(turns, tokenize=False), add_special_tokens=False)[
                    "input_ids"
                ]
            )
        longest = max(map(len, batch))
        ids = torch.tensor([row + [3] * (longest - len(row)) for row in batch])
        loss = model(
            input_ids=ids, attention_mask=(ids != 3).long(), labels=ids.masked_fill(ids == 3, -100)
        ).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def pass_rate(
    model_folder: Path, asked: list[str], *, adapter: Path | None = None, samples: int = 4, seed: int = 0
) -> float:
    """The share of sampled answers (temperature 1) to `asked` that are right."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tests.lab.task import right

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(model_folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(model_folder)
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter)
    model.eval()
    good = total = 0
    for at in range(0, len(asked), 64):
        some = [prompt for prompt in asked[at : at + 64] for _ in range(samples)]
        texts = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": p}], tokenize=False, add_generation_prompt=True
            )
            for p in some
        ]
        inputs = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            found = model.generate(
                input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], do_sample=True,
                temperature=1.0, max_new_tokens=10, top_k=0, pad_token_id=3,
            )  # fmt: skip
        said = tokenizer.batch_decode(found[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        good += sum(right(prompt, text.strip()) for prompt, text in zip(some, said, strict=True))
        total += len(some)
    return good / total
