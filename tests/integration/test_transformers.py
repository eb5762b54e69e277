"""A model in the same process: the real torch and transformers, with weights of a few thousand parameters."""

import math

import pytest

pytest.importorskip("torch", reason="needs prefgen[transformers]")
pytest.importorskip("transformers", reason="needs prefgen[transformers]")

from pathlib import Path

from prefgen.backends.transformers import Transformers
from prefgen.dataset.read_run import read_records
from prefgen.errors import RecipeError, RequestFailed
from prefgen.kit.templates import set_recipe_folder
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.transport.request import ModelRequest
from prefgen.types import assistant, user
from tests.support.recipes import a_recipe, run, shard_bytes
from tests.support.tiny import tiny_model

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _beside(tmp_path):
    set_recipe_folder(tmp_path)
    yield
    set_recipe_folder(None)


def chat(text, seeds=(1,), **sampling):
    logprobs = sampling.pop("logprobs", 0)
    return ModelRequest(
        "chat",
        "policy",
        (user(text),),
        sampling={"max_tokens": 12, **sampling},
        seeds=seeds,
        logprobs=logprobs,
    )


async def asked(calls, place="policy", **settings):
    """The replies to calls that wait at once."""
    import asyncio

    async with Transformers(location=place, dtype="float32", device="cpu", **settings).connect() as loaded:
        found = await asyncio.gather(*(loaded.send(call) for call in calls), return_exceptions=True)
    return [f if isinstance(f, BaseException) else [one.reply for one in f] for f in found]


def greedy_by_transformers(folder, text, tokens=12):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = (
        AutoTokenizer.from_pretrained(folder),
        AutoModelForCausalLM.from_pretrained(folder, dtype="float32"),
    )
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
    )
    ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
    out = model.generate(
        **ids, do_sample=False, max_new_tokens=tokens, return_dict_in_generate=True, output_scores=True
    )
    new = out.sequences[0, ids["input_ids"].shape[1] :]
    first = out.scores[0][0].log_softmax(0)
    return tokenizer.decode(new, skip_special_tokens=True), float(first.max())


async def test_it_writes_what_transformers_writes_alone_and_in_a_batch_of_other_lengths(tmp_path):
    folder = tiny_model(tmp_path / "policy")
    texts = [
        "Name three birds.",
        "A much longer question about the quick brown fox and the lazy dog, is it not?",
        "No.",
    ]
    wanted = [greedy_by_transformers(folder, text) for text in texts]

    together = await asked([chat(text, temperature=0, logprobs=3) for text in texts])

    assert [replies[0].text for replies in together] == [text for text, _ in wanted]
    for [reply], (_, logprob) in zip(together, wanted, strict=True):
        assert reply.logprobs[0].top[0].logprob == pytest.approx(logprob, abs=1e-4)
        assert len(reply.logprobs[0].top) == 3
        assert reply.usage.completion_tokens <= 12
    assert {replies[0].finish_reason for replies in together} <= {"stop", "length"}


async def test_each_draw_has_its_own_noise_whatever_it_is_batched_with(tmp_path):
    tiny_model(tmp_path / "policy")

    [[alone]] = await asked([chat("Name three birds.", (7,))])
    [draws, _] = await asked(
        [chat("Name three birds.", (7, 8, 9)), chat("Something else entirely, and longer.", (7,))]
    )

    assert draws[0].text == alone.text
    assert len({d.text for d in draws}) == 3
    [again] = await asked([chat("Name three birds.", (7, 8, 9))], batch_size=1)
    assert [d.text for d in again] == [d.text for d in draws]


async def test_sampling_is_obeyed(tmp_path):
    tiny_model(tmp_path / "policy")

    [[greedy], [top_k], [top_p], [cold]] = await asked(
        [
            chat("No.", temperature=0),
            chat("No.", top_k=1),
            chat("No.", top_p=1e-6),
            chat("No.", temperature=1e-3),
        ]
    )
    assert greedy.text == top_k.text == top_p.text == cold.text

    stop = greedy.text[2:4]
    [[stopped]] = await asked([chat("No.", temperature=0, stop=stop)])
    assert stopped.text == greedy.text[: greedy.text.index(stop)]
    assert stopped.finish_reason == "stop"
    [[short]] = await asked([chat("No.", temperature=0, max_tokens=2)])
    assert short.finish_reason == "length"
    assert short.usage.completion_tokens == 2
    [[penalised]] = await asked([chat("No.", temperature=0, repetition_penalty=5.0, max_tokens=24)])
    [[plain]] = await asked([chat("No.", temperature=0, max_tokens=24)])
    assert penalised.text != plain.text


async def test_a_completion_may_echo_its_prompt_with_log_probabilities(tmp_path):
    tiny_model(tmp_path / "policy")
    call = ModelRequest(
        "completion",
        "policy",
        text="The quick brown fox",
        sampling={"max_tokens": 1, "temperature": 0},
        logprobs=2,
        echo=True,
    )

    [[reply]] = await asked([call])

    assert reply.text.startswith("The quick brown fox")
    assert "".join(p.token for p in reply.logprobs).endswith(reply.text[4:])
    assert all(p.logprob < 0 and math.isfinite(p.logprob) for p in reply.logprobs)


async def test_rewards_rankings_and_embeddings(tmp_path):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = tiny_model(tmp_path / "reward", "classifier")
    tiny_model(tmp_path / "policy")
    turns = (user("Name three birds."), assistant("A wren, a robin and a finch."))

    [[scored]] = await asked([ModelRequest("score", "reward", turns)], "reward")
    [[ranked], [other]] = await asked(
        [
            ModelRequest("rank", "reward", (*turns, assistant("No."))),
            ModelRequest("rank", "reward", (turns[0], assistant("No."), turns[1])),
        ],
        "reward",
    )
    [[embedded]] = await asked(
        [ModelRequest("embed", "policy", inputs=("One text.", "Another, longer text.", "One text."))]
    )

    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = tokenizer.apply_chat_template([{"role": m.role, "content": m.text} for m in turns], tokenize=False)
    with torch.inference_mode():
        model = AutoModelForSequenceClassification.from_pretrained(folder, dtype="float32")
        wanted = float(model(**tokenizer(text, add_special_tokens=False, return_tensors="pt")).logits[0, 0])
    assert float(scored.text) == pytest.approx(wanted, abs=1e-5)
    assert ranked.text != other.text
    import json

    vectors = json.loads(embedded.text)
    assert vectors[0] == pytest.approx(vectors[2], abs=1e-5)
    assert [math.fsum(x * x for x in v) for v in vectors] == pytest.approx([1.0] * 3, abs=1e-5)


def in_process(tmp_path, **endpoint):
    models = {
        "policy": {
            "use": "transformers",
            "name": "policy",
            "temperature": 1.0,
            "max_tokens": 8,
            "dtype": "float32",
        },
        "reward": {"use": "transformers", "name": "reward", "dtype": "float32"},
    }
    return a_recipe() | {
        "models": models,
        "stages": [
            {
                "prompts": {
                    "use": "inline",
                    "prompts": [f"Question {i}, which is {'long ' * i}?" for i in range(5)],
                }
            },
            {"sample": {"use": "each", "model": "policy", "n": 3}},
            {
                "judge": {
                    "rm": {"use": "reward_model", "model": "reward"},
                    "ranker": {"use": "reward_model", "model": "reward", "pairs": True},
                }
            },
            {"pair": {"use": "best_vs_worst", "score": "rm", "truncated": "keep"}},
        ],
        "run": {"endpoints": {"policy": {"device": "cpu", **endpoint}}},
    }


async def test_a_run_with_weights_in_the_process_and_the_same_from_the_journal(tmp_path, capfd):
    tiny_model(tmp_path / "policy")
    tiny_model(tmp_path / "reward", "classifier")
    capfd.readouterr()

    outcome = await run(in_process(tmp_path), tmp_path / "out", folder=tmp_path)
    again = await run(in_process(tmp_path), tmp_path / "again", folder=tmp_path, live=False)

    assert outcome.complete, outcome.stopped
    records = list(read_records(tmp_path / "out"))
    assert all(len({r.text for r in record.responses}) == 3 for record in records)
    assert all(len(record.scores) == 3 and len(record.comparisons) == 6 for record in records)
    assert {r.model for record in records for r in record.responses} == {"policy"}
    assert outcome.manifest.models["policy"]["digest"]
    assert outcome.manifest.yields.pairs == 5
    assert not capfd.readouterr().err  # no bars of the libraries
    assert again.complete
    assert shard_bytes(tmp_path / "out") == shard_bytes(tmp_path / "again")


async def test_other_weights_are_another_model(tmp_path):
    tiny_model(tmp_path / "policy")
    tiny_model(tmp_path / "reward", "classifier")
    await run(in_process(tmp_path), tmp_path / "out", folder=tmp_path)
    tiny_model(tmp_path / "policy", seed=1)

    outcome = await run(in_process(tmp_path), tmp_path / "again", folder=tmp_path, live=False)

    assert outcome.exit_code == 3
    assert outcome.waiting == 5


async def test_an_adapter_is_part_of_what_is_asked(tmp_path):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tiny_model(tmp_path / "policy")
    adapted = get_peft_model(
        AutoModelForCausalLM.from_pretrained(folder),
        LoraConfig(r=2, init_lora_weights=False, target_modules=["q_proj", "v_proj"]),
    )
    adapted.save_pretrained(tmp_path / "adapter")

    [[plain]] = await asked([chat("No.", temperature=0)])
    [[other]] = await asked([chat("No.", temperature=0)], adapter="adapter")

    assert plain.text != other.text
    assert (
        Transformers(location="policy").identity_details()
        != Transformers(location="policy", adapter="adapter").identity_details()
    )


async def test_a_prompt_that_is_too_long_costs_its_own_record_alone(tmp_path):
    tiny_model(tmp_path / "policy")
    tiny_model(tmp_path / "reward", "classifier")
    recipe = in_process(tmp_path)
    recipe["stages"][0]["prompts"]["prompts"][0] = "bird " * 400

    outcome = await run(recipe, tmp_path / "out", folder=tmp_path)

    assert outcome.complete
    assert [f for f in outcome.manifest.yields.failures if "context_length_exceeded" in f]
    assert outcome.manifest.yields.prompts_by_outcome["pair"] == 4


async def test_what_cannot_answer_says_so(tmp_path):
    tiny_model(tmp_path / "base", chat=False)
    tiny_model(tmp_path / "two", "classifier", labels=2)

    [no_chat] = await asked([chat("Hi")], "base")
    [two] = await asked([ModelRequest("score", "two", (user("Q"), assistant("A")))], "two")
    [gone] = await asked([chat("Hi")], "nobody/nothing")

    assert isinstance(no_chat, RequestFailed)
    assert "no chat template" in no_chat.message
    assert "2 outputs" in two.message
    assert gone.kind == "fatal"
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match=r"holds no config.json"):
        build(
            recipe_from_data(
                in_process(tmp_path) | {"models": {"policy": {"use": "transformers", "name": "empty"}}},
                tmp_path,
            )
        )
    with pytest.raises(RecipeError, match=r"the folder './policies' does not exist"):
        build(
            recipe_from_data(
                in_process(tmp_path) | {"models": {"policy": {"use": "transformers", "name": "./policies"}}},
                tmp_path,
            )
        )


async def test_weights_that_were_trained_as_something_else_are_refused_and_not_filled_with_noise(
    tmp_path, capfd
):
    tiny_model(tmp_path / "policy")
    tiny_model(tmp_path / "reward", "classifier")
    capfd.readouterr()

    [as_reward] = await asked([ModelRequest("score", "policy", (user("Q"), assistant("A")))], "policy")
    [as_chat] = await asked([chat("Hi")], "reward")

    assert "lacks weights that AutoModelForSequenceClassification has: score.weight" in as_reward.message
    assert "lm_head" in as_chat.message
    assert not capfd.readouterr().err


async def test_two_models_of_different_formats_load_and_answer_at_once(tmp_path):
    import asyncio

    tiny_model(tmp_path / "one")
    tiny_model(tmp_path / "two", seed=5)
    [[alone], [other]] = [(await asked([chat("No.", temperature=0)], place))[0] for place in ("one", "two")]

    for _ in range(3):
        both = [
            Transformers(location="one", dtype="float32", device="cpu"),
            Transformers(location="two", dtype="bfloat16", device="cpu"),
        ]
        async with both[0].connect() as a, both[1].connect() as b:
            [first], [second] = await asyncio.gather(
                a.send(chat("No.", temperature=0)), b.send(chat("No.", temperature=0))
            )
        assert first.reply.text == alone.text
        assert second.reply.text.split()[:1] == other.text.split()[:1]


async def test_a_stop_that_is_a_token_of_its_own_ends_the_answer(tmp_path):
    tiny_model(tmp_path / "policy")

    found = await asked(
        [
            chat("No.", tuple(range(24)), max_tokens=24, temperature=3.0, stop=["<s>"]),
            chat("No.", tuple(range(24)), max_tokens=24, temperature=3.0),
        ]
    )

    stopped = [reply for reply in found[0] if reply.finish_reason == "stop"]
    assert len(stopped) > len([reply for reply in found[1] if reply.finish_reason == "stop"])


async def test_a_reward_that_is_no_number_costs_its_own_request(tmp_path):
    import torch
    from transformers import LlamaForSequenceClassification

    folder = tiny_model(tmp_path / "reward", "classifier")
    broken = LlamaForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        broken.score.weight.fill_(float("nan"))
    broken.save_pretrained(folder)

    [lost] = await asked([ModelRequest("score", "reward", (user("Q"), assistant("A")))], "reward")

    assert (lost.kind, lost.code) == ("refused", "not_finite")


def test_fields_stand_where_they_belong(tmp_path):
    recipe = in_process(tmp_path)
    recipe["models"]["policy"]["device"] = "cpu"
    with pytest.raises(RecipeError, match="belongs under run"):
        build(recipe_from_data(recipe, Path(tmp_path)))
    with pytest.raises(RecipeError, match="belongs under models: policy"):
        build(recipe_from_data(in_process(tmp_path, dtype="float16"), tmp_path))
