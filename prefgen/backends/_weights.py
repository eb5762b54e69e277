"""The weights of the `transformers` backend, and how they answer: everything that needs torch."""
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false

import importlib
import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import torch

from prefgen.backends.transformers import Transformers, build_responses
from prefgen.errors import RequestFailed
from prefgen.kit.templates import path_beside_recipe
from prefgen.transport.openai_protocol import reply_of, request_body
from prefgen.transport.request import ModelRequest, ModelResponse
from prefgen.types import Message

WEIGHTS_LOCK = threading.Lock()
"""Loading changes torch's default number format for the whole process: no other weights may load or answer
meanwhile.
"""
transformers: Any = importlib.import_module("transformers")
"""By its name: a file of the same name stands beside this one."""
DEFAULT_MAX_TOKENS = 512
"""Of a call that says nothing."""


class Weights:
    """One set of weights. What it is loaded as (a language model, a classifier, an encoder) is decided by
    what is first asked of it.
    """

    def __init__(self, settings: Transformers) -> None:
        transformers.logging.disable_progress_bar()
        transformers.logging.set_verbosity_error()
        self._settings = settings
        folder = path_beside_recipe(settings.location)
        self._model_path = str(folder) if folder.is_dir() else settings.location
        self._name = str(settings.identity_details()["name"])
        self._device = (
            settings.device if settings.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        )
        with WEIGHTS_LOCK:
            self._tokenizer: Any = self._load(transformers.AutoTokenizer, padding_side="left")
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._models: dict[str, Any] = {}

    def _load(self, auto_class: Any, **options: Any) -> Any:
        """What `auto_class` reads at the model's place. Raises RequestFailed in one line that says where was
        looked.
        """
        try:
            return auto_class.from_pretrained(self._model_path, revision=self._settings.revision, **options)
        except (OSError, ValueError) as error:
            where = (
                "the folder"
                if self._model_path != self._settings.location
                else "no folder of that name lies beside the recipe, and the Hub"
            )
            message = " ".join(str(error).split())[:200]
            raise RequestFailed(
                "fatal",
                f"{self._settings.location!r} cannot be loaded: {where} has no such model ({message})",
            ) from None

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
            model, loading_info = self._load(
                getattr(transformers, class_name), dtype=dtype, output_loading_info=True
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

    # --- texts -----------------------------------------------------------------------------------------------------

    def _generate(self, calls: Sequence[ModelRequest]) -> list[list[ModelResponse] | RequestFailed]:
        model = self._model("AutoModelForCausalLM")
        rows: list[_Row] = []
        responses: list[list[ModelResponse] | RequestFailed] = [[] for _ in calls]
        for i, call in enumerate(calls):
            try:
                ids = self._prompt_ids(call, getattr(model.config, "max_position_embeddings", None))
            except RequestFailed as error:
                responses[i] = error
                continue
            rows += [_Row(i, ids, call, seed, self._tokenizer) for seed in call.seeds]
        for start in range(0, len(rows), self._settings.batch_size):
            self._generate_batch(model, rows[start : start + self._settings.batch_size])
        for row in rows:
            row_responses = responses[row.call_index]
            assert not isinstance(row_responses, RequestFailed)
            row_responses += build_responses(
                [row.choice()], self._name, [(len(row.prompt_ids), len(row.new_ids))], row.call.endpoint
            )
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
                add_generation_prompt=True,
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

    @torch.inference_mode()
    def _generate_batch(self, model: Any, rows: "Sequence[_Row]") -> None:
        """Write all rows, a token at a time, until each has ended."""
        width = max(len(row.prompt_ids) for row in rows)
        pad_id = self._tokenizer.pad_token_id
        ids = torch.tensor(
            [[pad_id] * (width - len(row.prompt_ids)) + row.prompt_ids for row in rows], device=self._device
        )
        mask = torch.tensor(
            [[0] * (width - len(row.prompt_ids)) + [1] * len(row.prompt_ids) for row in rows],
            device=self._device,
        )
        position_ids = (mask.cumsum(1) - 1).clamp(min=0)
        end_ids = _end_ids(model, self._tokenizer)
        max_length = getattr(model.config, "max_position_embeddings", None) or math.inf
        output = model(input_ids=ids, attention_mask=mask, position_ids=position_ids, use_cache=True)
        for row, logits in zip(rows, output.logits, strict=True):
            if row.call.echo:
                row.read_prompt(logits[width - len(row.prompt_ids) :].float().cpu())
        while True:
            last_logits = output.logits[:, -1].float().cpu()
            if not torch.isfinite(last_logits).any(dim=1).all() or torch.isnan(last_logits).any():
                raise RequestFailed(
                    "fatal",
                    f"{self._name} gives no numbers but NaN: are its weights damaged, or its number format "
                    "too small?",
                )
            tokens = [
                row.next_token(logits, end_ids, max_length)
                for row, logits in zip(rows, last_logits, strict=True)
            ]
            if all(row.finish for row in rows):
                return
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], 1)
            position_ids = position_ids[:, -1:] + 1
            ids = torch.tensor([[token] for token in tokens], device=self._device)
            output = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=position_ids,
                past_key_values=output.past_key_values,
                use_cache=True,
            )

    # --- numbers ---------------------------------------------------------------------------------------------------

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


class _Row:
    """One draw on its way: its tokens so far, its own generator, and how it ended."""

    def __init__(
        self, call_index: int, prompt_ids: list[int], call: ModelRequest, seed: int | None, tokenizer: Any
    ) -> None:
        self.call_index = call_index
        self.prompt_ids = prompt_ids
        self.call = call
        self.new_ids: list[int] = []
        self.finish: str | None = None
        self._tokenizer = tokenizer
        self._generator = torch.Generator().manual_seed(seed if seed is not None else 0)
        self._logprobs: list[dict[str, Any]] = []
        self._text = ""
        stop = call.sampling.get("stop")
        self._stop_texts = [
            stop_text for stop_text in ([stop] if isinstance(stop, str) else list(stop or ())) if stop_text
        ]
        special_ids = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
        self._stop_ids = {
            special_ids[stop_text] for stop_text in self._stop_texts if stop_text in special_ids
        }

    def next_token(self, logits: torch.Tensor, end_ids: set[int], max_length: float) -> int:
        """The next token (the last one again for a row that has ended)."""
        if self.finish:
            return self.prompt_ids[-1]
        token = self._sample_token(logits, self.call.sampling)
        if token in end_ids or token in self._stop_ids:
            self.finish = "stop"
            return token
        if self.call.logprobs:
            self._logprobs.append(self._token_logprobs(token, logits))
        self.new_ids.append(token)
        self._text = self._tokenizer.decode(self.new_ids, skip_special_tokens=True)
        stop_position = min(
            (position for position in (self._text.find(stop) for stop in self._stop_texts) if position >= 0),
            default=-1,
        )
        if stop_position >= 0:
            self._text, self.finish = self._text[:stop_position], "stop"
        elif (
            len(self.new_ids) >= self.call.sampling.get("max_tokens", DEFAULT_MAX_TOKENS)
            or len(self.prompt_ids) + len(self.new_ids) >= max_length
        ):
            self.finish = "length"
        return token

    def _sample_token(self, logits: torch.Tensor, sampling: Mapping[str, Any]) -> int:
        penalty = sampling.get("repetition_penalty") or 1.0
        if penalty != 1.0:
            seen_ids = torch.tensor(sorted({*self.prompt_ids, *self.new_ids}))
            values = logits[seen_ids]
            logits = logits.scatter(0, seen_ids, torch.where(values > 0, values / penalty, values * penalty))
        counts = (
            torch.bincount(torch.tensor(self.new_ids, dtype=torch.long), minlength=logits.shape[0])
            if self.new_ids
            else None
        )
        if counts is not None:
            logits = (
                logits
                - (sampling.get("frequency_penalty") or 0.0) * counts
                - (sampling.get("presence_penalty") or 0.0) * (counts > 0)
            )
        temperature = sampling.get("temperature", 1.0)
        if temperature == 0:
            return int(logits.argmax())
        probabilities = torch.softmax(logits / temperature, 0)
        if (top_k := sampling.get("top_k") or 0) > 0:
            probabilities = probabilities.where(
                probabilities >= probabilities.topk(min(top_k, probabilities.shape[0])).values[-1], 0.0
            )
        if (min_p := sampling.get("min_p") or 0.0) > 0:
            probabilities = probabilities.where(probabilities >= min_p * probabilities.max(), 0.0)
        if (top_p := sampling.get("top_p") or 1.0) < 1:
            sorted_probabilities, order = probabilities.sort(descending=True)
            sorted_probabilities[
                sorted_probabilities.cumsum(0) - sorted_probabilities > top_p * sorted_probabilities.sum()
            ] = 0.0
            probabilities = torch.zeros_like(probabilities).scatter(0, order, sorted_probabilities)
        return int(torch.multinomial(probabilities, 1, generator=self._generator))

    def _token_logprobs(self, token: int, logits: torch.Tensor) -> dict[str, Any]:
        """A token's log-probability and the likeliest alternatives, before temperature and truncation."""
        logprobs = torch.log_softmax(logits, 0)
        top = logprobs.topk(min(self.call.logprobs, logprobs.shape[0]))
        return {
            "token": self._tokenizer.decode([token]),
            "logprob": float(logprobs[token]),
            "top_logprobs": [
                {"token": self._tokenizer.decode([int(i)]), "logprob": float(v)}
                for v, i in zip(top.values, top.indices, strict=True)
            ],
        }

    def read_prompt(self, logits: torch.Tensor) -> None:
        """Log-probabilities of the prompt's own tokens, from the second on."""
        if self.call.logprobs:
            self._logprobs = [
                self._token_logprobs(token, token_logits)
                for token, token_logits in zip(self.prompt_ids[1:], logits[:-1], strict=True)
            ]

    def choice(self) -> dict[str, Any]:
        """The draw as a choice of the OpenAI protocol."""
        text, finish = self._text, self.finish or "length"
        if self.call.endpoint == "chat":
            logprobs = {"content": self._logprobs} if self.call.logprobs else None
            return {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": finish,
                "logprobs": logprobs,
            }
        if self.call.echo:
            text = self.call.text + text
        completion: dict[str, Any] = {"index": 0, "text": text, "finish_reason": finish}
        if self.call.logprobs:
            completion["logprobs"] = {
                "tokens": [entry["token"] for entry in self._logprobs],
                "token_logprobs": [entry["logprob"] for entry in self._logprobs],
                "top_logprobs": [
                    {alternative["token"]: alternative["logprob"] for alternative in entry["top_logprobs"]}
                    for entry in self._logprobs
                ],
            }
        return completion


def _end_ids(model: Any, tokenizer: Any) -> set[int]:
    """Tokens that end an answer."""
    configured_ids = model.generation_config.eos_token_id if model.generation_config is not None else None
    ids = {configured_ids} if isinstance(configured_ids, int) else set(configured_ids or ())
    return ids | {tokenizer.eos_token_id}


def _plain_message(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.text}
