"""What vLLM says is what transformers says: log-probabilities, rewards, embeddings, adapters."""

from contextlib import AsyncExitStack, asynccontextmanager
from itertools import chain
from pathlib import Path

import pytest

from prefgen.backends.transformers import Transformers
from prefgen.backends.vllm import VLLM
from prefgen.errors import RecipeError
from prefgen.serving.vllm_command import Serve
from prefgen.transport.request import ModelHooks, ModelRequest, RunPlace
from prefgen.types import assistant, user
from tests.support.tiny import tiny_model
from tests.vllm.conftest import ON_CPU

pytestmark = pytest.mark.filterwarnings("ignore")
TOLERANCE = 1e-4


def a_plugin(place: Path, **settings) -> VLLM:
    return VLLM(location=str(place), serve=Serve(**ON_CPU, max_model_len=256), **settings)


@asynccontextmanager
async def served(tmp_path: Path, *plugins: VLLM):
    """The models of these plug-ins, in one run."""
    servers = {}
    async with AsyncExitStack() as connections:
        models = [await connections.enter_async_context(plugin.connect()) for plugin in plugins]
        for number, model in enumerate(models):
            model.check_access()
            model.join_run(RunPlace(tmp_path, f"m{number}", servers=servers))
        yield models


def here(place: Path, **settings):
    """The same model by transformers, in this process."""
    return Transformers(location=str(place), dtype="float32", device="cpu", **settings).connect()


async def answer(model, request: ModelRequest):
    if isinstance(model, ModelHooks):
        model.check_request(request)
        await model.load()
    [response] = await model.send(request)
    return response.reply


def a_chat(name: str, logprobs: int = 5) -> ModelRequest:
    sampling = {"temperature": 0, "max_tokens": 6}
    return ModelRequest("chat", name, (user("Name three birds."),), sampling=sampling, logprobs=logprobs)


def numbers(tokens) -> list[float]:
    """The log-probabilities of what was said, and of the alternatives to each token, best first."""
    alternatives = [sorted((choice.logprob for choice in token.top), reverse=True) for token in tokens]
    return [token.logprob for token in tokens] + list(chain.from_iterable(alternatives))


def is_equal(reply, expected) -> None:
    """vLLM counts the token that ends an answer too."""
    said = len(expected.logprobs)
    assert 2 <= said <= len(reply.logprobs) <= said + 1
    assert numbers(reply.logprobs[:said]) == pytest.approx(numbers(expected.logprobs), abs=TOLERANCE)


def an_adapter(base: Path, folder: Path, seed: int) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    config = LoraConfig(
        r=4,
        lora_alpha=32,
        target_modules=["q_proj", "v_proj"],
        init_lora_weights=False,
        task_type="CAUSAL_LM",
    )
    get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config).save_pretrained(
        folder
    )
    return folder


async def test_log_probabilities_of_a_model_and_its_adapters(tmp_path, models):
    base = models / "tiny"
    one, two = (an_adapter(base, tmp_path / f"adapter{seed}", seed) for seed in (1, 2))
    replies = []

    async with served(
        tmp_path, a_plugin(base), a_plugin(base, adapter=str(one)), a_plugin(base, adapter=str(two))
    ) as all_three:
        assert len({model.turn_key for model in all_three}) == 1
        for model in all_three:
            replies.append(await answer(model, a_chat("tiny")))

    assert len(list((tmp_path / "servers").glob("*.log"))) == 1
    assert len({str(numbers(reply.logprobs)) for reply in replies}) == 3
    for adapter, reply in zip((None, one, two), replies, strict=True):
        settings = {"adapter": str(adapter)} if adapter else {}
        async with Transformers(
            location=str(base), dtype="float32", device="cpu", **settings
        ).connect() as loaded:
            is_equal(reply, await answer(loaded, a_chat("tiny")))


async def test_rewards(tmp_path, models):
    request = ModelRequest(
        "score", "tiny-reward", (user("Name three birds."), assistant("Wren, robin, owl."))
    )

    async with served(tmp_path, a_plugin(models / "tiny-reward", score_route="classify")) as [model]:
        reward = float((await answer(model, request)).text)

    async with Transformers(
        location=str(models / "tiny-reward"), dtype="float32", device="cpu"
    ).connect() as loaded:
        expected = float((await answer(loaded, request)).text)
    assert reward == pytest.approx(expected, abs=TOLERANCE)
    assert abs(reward) > 0.01


async def test_an_adapter_of_another_base_is_refused_before_the_start(tmp_path, models):
    other = tiny_model(tmp_path / "other", hidden=64)
    adapter = an_adapter(other, tmp_path / "adapter", 1)

    with pytest.raises(RecipeError, match="it is of another model"):
        async with served(tmp_path, a_plugin(models / "tiny", adapter=str(adapter))):
            pass

    assert not (tmp_path / "servers").exists()
