"""The weights of the `transformers` backend, and how they answer: everything that needs torch."""
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false

import importlib
import math
import threading
from collections.abc import Sequence
from typing import Any

import orjson
import torch

from prefgen.backends._generation import Draw, generate
from prefgen.backends.transformers import Transformers, build_responses
from prefgen.errors import RequestFailed
from prefgen.kit.templates import path_beside_recipe
from prefgen.transport.openai_protocol import request_body
from prefgen.transport.openai_replies import reply_of
from prefgen.transport.request import ModelRequest, ModelResponse
from prefgen.types import Message

WEIGHTS_LOCK = threading.Lock()
"""Loading changes torch's default number format for the whole process: no other weights may load or answer
meanwhile.
"""
transformers: Any = importlib.import_module("transformers")
"""By its name: a file of the same name stands beside this one."""


class Weights:
    """One set of weights. What it is loaded as (a language model, a classifier, an encoder) is decided by
    what is first asked of it.
    """

    def __init__(self, settings: Transformers) -> None:
        transformers.logging.disable_progress_bar()
        transformers.logging.set_verbosity_error()
        self._settings = settings
        self._name = str(settings.identity_details()["name"])
        self._device = (
            settings.device if settings.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        )
        with WEIGHTS_LOCK:
            self._tokenizer: Any = _load(settings, transformers.AutoTokenizer, padding_side="left")
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._models: dict[str, Any] = {}

    def answers(self, calls: Sequence[ModelRequest]) -> list[list[ModelResponse] | RequestFailed]:
        """What each call is answered; calls of one endpoint."""
        with WEIGHTS_LOCK:
            return self._answer_calls(calls)

    def _answer_calls(self, calls: Sequence[ModelRequest]) -> list[list[ModelResponse] | RequestFailed]:
        endpoint = calls[0].endpoint
        if endpoint in ("chat", "completion"):
            return self._generate(calls)
        compute = self._embedding if endpoint == "embed" else self._reward
        responses: list[list[ModelResponse] | RequestFailed] = []
        for call in calls:
            try:
                data = compute(call)
            except RequestFailed as error:
                responses.append(error)
                continue
            body = {"model": self._name, "data": data, "usage": {}}
            responses.append([ModelResponse(orjson.dumps(body), reply_of(body, endpoint), self._name)])
        return responses

    def _model(self, class_name: str) -> Any:
        """The weights as `AutoModelFor...`, loaded when they are first wanted."""
        if class_name not in self._models:
            dtype = (
                self._settings.dtype
                if self._settings.dtype == "auto"
                else getattr(torch, self._settings.dtype)
            )
            model, loading_info = _load(
                self._settings, getattr(transformers, class_name), dtype=dtype, output_loading_info=True
            )
            if loading_info["missing_keys"]:
                missing_keys = ", ".join(sorted(loading_info["missing_keys"])[:3])
                raise RequestFailed(
                    "fatal",
                    f"{self._settings.location!r} lacks weights that {class_name} has: {missing_keys}. It "
                    "was trained as something else",
                )
            if self._settings.adapter:
                from peft import PeftModel

                folder = path_beside_recipe(self._settings.adapter)
                model = PeftModel.from_pretrained(
                    model, str(folder) if folder.is_dir() else self._settings.adapter
                )
            self._models[class_name] = model.to(self._device).eval()
        return self._models[class_name]

    # --- texts ----------------------------------------------------------------------------------------------

    def _generate(self, calls: Sequence[ModelRequest]) -> list[list[ModelResponse] | RequestFailed]:
        model = self._model("AutoModelForCausalLM")
        draws: list[tuple[int, Draw]] = []
        responses: list[list[ModelResponse] | RequestFailed] = [[] for _ in calls]
        for number, call in enumerate(calls):
            try:
                ids = self._prompt_ids(call, getattr(model.config, "max_position_embeddings", None))
            except RequestFailed as error:
                responses[number] = error
                continue
            draws += [(number, Draw(ids, call, seed, self._tokenizer)) for seed in call.seeds]
        for start in range(0, len(draws), self._settings.batch_size):
            batch = [draw for _, draw in draws[start : start + self._settings.batch_size]]
            generate(model, self._tokenizer, batch, device=self._device, name=self._name)
        for number, draw in draws:
            call_responses = responses[number]
            assert not isinstance(call_responses, RequestFailed)
            tokens = (len(draw.prompt_ids), len(draw.new_ids))
            call_responses += build_responses([draw.choice()], self._name, [tokens], draw.call.endpoint)
        return responses

    def _prompt_ids(self, call: ModelRequest, max_length: int | None) -> list[int]:
        if call.endpoint == "completion":
            starts_with_bos = bool(self._tokenizer.bos_token) and call.text.startswith(
                self._tokenizer.bos_token
            )
            ids = self._tokenizer(call.text, add_special_tokens=not starts_with_bos)["input_ids"]
        else:
            if not self._tokenizer.chat_template:
                raise RequestFailed(
                    "fatal",
                    f"{self._name} has no chat template: it is a base model, which completes text and does "
                    "not chat",
                )
            messages = request_body(call, {}, schema_as_text=True)["messages"]
            template_options = call.sampling.get("chat_template_kwargs") or {}
            text = self._tokenizer.apply_chat_template(
                messages,
                tools=list(call.tools) or None,
                tokenize=False,
                add_generation_prompt=not call.opened,
                continue_final_message=call.opened,
                **template_options,
            )
            ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        if max_length is not None and len(ids) + 1 > max_length:
            raise RequestFailed(
                "refused",
                f"the prompt has {len(ids):,} tokens, and the model takes {max_length:,}",
                code="context_length_exceeded",
            )
        return ids or [self._tokenizer.eos_token_id]

    # --- numbers --------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def _reward(self, call: ModelRequest) -> list[dict[str, Any]]:
        model = self._model("AutoModelForSequenceClassification")
        if model.config.num_labels != 1:
            raise RequestFailed(
                "fatal", f"{self._name} has {model.config.num_labels} outputs: a reward model has one"
            )
        if model.config.pad_token_id is None:
            model.config.pad_token_id = self._tokenizer.pad_token_id
        inputs = self._encode_conversation(call)
        max_length = getattr(model.config, "max_position_embeddings", None)
        if max_length is not None and inputs["input_ids"].shape[1] > max_length:
            tokens = inputs["input_ids"].shape[1]
            raise RequestFailed(
                "refused",
                f"the text has {tokens:,} tokens, and the model takes {max_length:,}",
                code="context_length_exceeded",
            )
        reward = float(model(**inputs.to(self._device)).logits[0, 0].float())
        if not math.isfinite(reward):
            raise RequestFailed("refused", f"the reward is {reward}", code="not_finite")
        return [{"score": reward}]

    def _encode_conversation(self, call: ModelRequest) -> Any:
        """The conversation as the classifier reads it: in its chat template, or as two texts; of a ranker in
        its own template.
        """
        prompt_messages, response_message = call.messages[:-1], call.messages[-1]
        if call.endpoint == "rank":
            prompt = "\n\n".join(m.text for m in prompt_messages[:-1])
            values = {"prompt": prompt, "first": prompt_messages[-1].text, "second": response_message.text}
            text = self._settings.pair_template
            for name, value in values.items():
                text = text.replace("{" + name + "}", value.replace("<|", "< |"))
            return self._tokenizer(text, return_tensors="pt")
        if self._tokenizer.chat_template:
            text = self._tokenizer.apply_chat_template(
                [_plain_message(m) for m in call.messages], tokenize=False
            )
            return self._tokenizer(text, add_special_tokens=False, return_tensors="pt")
        return self._tokenizer(
            "\n\n".join(m.text for m in prompt_messages), response_message.text, return_tensors="pt"
        )

    @torch.inference_mode()
    def _embedding(self, call: ModelRequest) -> list[dict[str, Any]]:
        """Mean of the last layer over a text's tokens, of length 1."""
        model = self._model("AutoModel")
        max_length = getattr(model.config, "max_position_embeddings", None)
        data: list[dict[str, Any]] = []
        for start in range(0, len(call.inputs), self._settings.batch_size):
            texts = list(call.inputs[start : start + self._settings.batch_size])
            inputs = self._tokenizer(
                texts,
                padding=True,
                truncation=max_length is not None,
                max_length=max_length,
                return_tensors="pt",
            )
            hidden = model(**inputs.to(self._device)).last_hidden_state.float()
            mask = inputs["attention_mask"].unsqueeze(-1).to(hidden)
            mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
            if not torch.isfinite(mean).all():
                raise RequestFailed("refused", "an embedding is not finite", code="not_finite")
            vectors = torch.nn.functional.normalize(mean, dim=1).cpu().tolist()
            data += [{"index": start + i, "embedding": vector} for i, vector in enumerate(vectors)]
        return data


def _plain_message(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.text}


def _load(settings: Transformers, auto_class: Any, **options: Any) -> Any:
    """What `auto_class` reads at the model's place. Raises RequestFailed in one line that says where was
    looked.
    """
    folder = path_beside_recipe(settings.location)
    location = str(folder) if folder.is_dir() else settings.location
    try:
        return auto_class.from_pretrained(location, revision=settings.revision, **options)
    except (OSError, ValueError) as error:
        where = (
            "the folder" if folder.is_dir() else "no folder of that name lies beside the recipe, and the Hub"
        )
        message = " ".join(str(error).split())[:200]
        raise RequestFailed(
            "fatal", f"{settings.location!r} cannot be loaded: {where} has no such model ({message})"
        ) from None
