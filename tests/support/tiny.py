"""Models of a few thousand parameters, made on the spot: nothing is downloaded."""

from pathlib import Path

TEXTS = [
    "Name three birds.",
    "user assistant system",
    "The quick brown fox jumps over the lazy dog.",
    "A long and careful answer about it. No.",
]
CHAT = (
    "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}</s>{% endfor %}{% if "
    "add_generation_prompt %}<s>assistant: {% endif %}"
)


def tiny_tokenizer(*, chat: bool = True):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE(unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel()
    plain.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=["<unk>", "<s>", "</s>", "<pad>"], initial_alphabet=alphabet
    )
    plain.train_from_iterator(TEXTS, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    if chat:
        tokenizer.chat_template = CHAT
    return tokenizer


def tiny_model(
    folder: Path, kind: str = "causal", *, seed: int = 0, chat: bool = True, labels: int = 1, hidden: int = 32
) -> Path:
    """A Llama with random weights as a language model, or (`kind` classifier) as a reward model."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    tokenizer = tiny_tokenizer(chat=chat)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=256, bos_token_id=1,
        eos_token_id=2, pad_token_id=3, num_labels=labels, initializer_range=0.3,
    )  # fmt: skip
    made = LlamaForCausalLM(config) if kind == "causal" else LlamaForSequenceClassification(config)
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
