"""The weights of the `transformers` backend, and how they answer: everything that needs torch."""
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false

import importlib
import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import torch

from prefgen.backends.transformers import Transformers, served
from prefgen.errors import RequestFailed
from prefgen.kit.templates import beside_recipe
from prefgen.roles import ModelRequest, ModelResponse
from prefgen.transport.openai_protocol import reply_of, request_body
from prefgen.types import Message

ONE_AT_A_TIME = threading.Lock()
"""Loading changes torch's default number format for the whole process: no other weights may load or answer meanwhile."""
transformers: Any = importlib.import_module("transformers")
"""By its name: a file of the same name stands beside this one."""
NEW_TOKENS = 512
"""Of a call that says nothing."""


class Weights:
    """One set of weights. What it is loaded as (a language model, a classifier, an encoder) is decided by what is first asked of it."""

    def __init__(self, settings: Transformers) -> None:
        transformers.logging.disable_progress_bar()
        transformers.logging.set_verbosity_error()
        self._settings = settings
        folder = beside_recipe(settings.location)
        self._place = str(folder) if folder.is_dir() else settings.location
        self._name = str(settings.described()["name"])
        self._device = (
            settings.device if settings.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        )
        with ONE_AT_A_TIME:
            self._tokenizer: Any = self._loaded(transformers.AutoTokenizer, padding_side="left")
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._models: dict[str, Any] = {}

    def _loaded(self, kind: Any, **options: Any) -> Any:
        """What `kind` reads at the model's place. Raises Fault in one line that says where was looked."""
        try:
            return kind.from_pretrained(self._place, revision=self._settings.revision, **options)
        except (OSError, ValueError) as wrong:
            where = (
                "the folder"
                if self._place != self._settings.location
                else "no folder of that name lies beside the recipe, and the Hub"
            )
            said = " ".join(str(wrong).split())[:200]
            raise RequestFailed(
                "fatal", f"{self._settings.location!r} cannot be loaded: {where} has no such model ({said})"
            ) from None

    def answers(self, calls: Sequence[ModelRequest]) -> list[list[ModelResponse] | RequestFailed]:
        """What each call is answered; calls of one endpoint."""
        with ONE_AT_A_TIME:
            return self._answers(calls)

    def _answers(self, calls: Sequence[ModelRequest]) -> list[list[ModelResponse] | RequestFailed]:
        endpoint = calls[0].endpoint
        if endpoint in ("chat", "completion"):
            return self._written(calls)
        reward = self._embedding if endpoint == "embed" else self._reward
        found: list[list[ModelResponse] | RequestFailed] = []
        for call in calls:
            try:
                data = reward(call)
            except RequestFailed as fault:
                found.append(fault)
                continue
            whole = {"model": self._name, "data": data, "usage": {}}
            found.append([ModelResponse(orjson.dumps(whole), reply_of(whole, endpoint), self._name)])
        return found

    def _model(self, kind: str) -> Any:
        """The weights as `AutoModelFor...`, loaded when they are first wanted."""
        if kind not in self._models:
            dtype = (
                self._settings.dtype
                if self._settings.dtype == "auto"
                else getattr(torch, self._settings.dtype)
            )
            model, found = self._loaded(getattr(transformers, kind), dtype=dtype, output_loading_info=True)
            if found["missing_keys"]:
                lacking = ", ".join(sorted(found["missing_keys"])[:3])
                raise RequestFailed(
                    "fatal",
                    f"{self._settings.location!r} lacks weights that {kind} has: {lacking}. It was trained as something else",
                )
            if self._settings.adapter:
                from peft import PeftModel

                folder = beside_recipe(self._settings.adapter)
                model = PeftModel.from_pretrained(
                    model, str(folder) if folder.is_dir() else self._settings.adapter
                )
            self._models[kind] = model.to(self._device).eval()
        return self._models[kind]

    # --- texts -----------------------------------------------------------------------------------------------------

    def _written(self, calls: Sequence[ModelRequest]) -> list[list[ModelResponse] | RequestFailed]:
        model = self._model("AutoModelForCausalLM")
        rows: list[_Row] = []
        found: list[list[ModelResponse] | RequestFailed] = [[] for _ in calls]
        for i, call in enumerate(calls):
            try:
                ids = self._prompt_ids(call, getattr(model.config, "max_position_embeddings", None))
            except RequestFailed as fault:
                found[i] = fault
                continue
            rows += [_Row(i, ids, call, seed, self._tokenizer) for seed in call.seeds]
        for at in range(0, len(rows), self._settings.batch_size):
            self._write(model, rows[at : at + self._settings.batch_size])
        for row in rows:
            answer = found[row.of]
            assert not isinstance(answer, RequestFailed)
            answer += served([row.choice()], self._name, [(len(row.prompt), len(row.new))], row.call.endpoint)
        return found

    def _prompt_ids(self, call: ModelRequest, longest: int | None) -> list[int]:
        if call.endpoint == "completion":
            begun = bool(self._tokenizer.bos_token) and call.text.startswith(self._tokenizer.bos_token)
            ids = self._tokenizer(call.text, add_special_tokens=not begun)["input_ids"]
        else:
            if not self._tokenizer.chat_template:
                raise RequestFailed(
                    "fatal",
                    f"{self._name} has no chat template: it is a base model, which completes text and does not chat",
                )
            messages = request_body(call, {}, schema_as_text=True)["messages"]
            more = call.sampling.get("chat_template_kwargs") or {}
            text = self._tokenizer.apply_chat_template(
                messages, tools=list(call.tools) or None, tokenize=False, add_generation_prompt=True, **more
            )
            ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        if longest is not None and len(ids) + 1 > longest:
            raise RequestFailed(
                "refused",
                f"the prompt has {len(ids):,} tokens, and the model takes {longest:,}",
                code="context_length_exceeded",
            )
        return ids or [self._tokenizer.eos_token_id]

    @torch.inference_mode()
    def _write(self, model: Any, rows: "Sequence[_Row]") -> None:
        """Write all rows, a token at a time, until each has ended."""
        width = max(len(row.prompt) for row in rows)
        pad = self._tokenizer.pad_token_id
        ids = torch.tensor(
            [[pad] * (width - len(row.prompt)) + row.prompt for row in rows], device=self._device
        )
        mask = torch.tensor(
            [[0] * (width - len(row.prompt)) + [1] * len(row.prompt) for row in rows], device=self._device
        )
        places = (mask.cumsum(1) - 1).clamp(min=0)
        ends = _end_ids(model, self._tokenizer)
        longest = getattr(model.config, "max_position_embeddings", None) or math.inf
        out = model(input_ids=ids, attention_mask=mask, position_ids=places, use_cache=True)
        for row, logits in zip(rows, out.logits, strict=True):
            if row.call.echo:
                row.read_prompt(logits[width - len(row.prompt) :].float().cpu())
        while True:
            last = out.logits[:, -1].float().cpu()
            if not torch.isfinite(last).any(dim=1).all() or torch.isnan(last).any():
                raise RequestFailed(
                    "fatal",
                    f"{self._name} gives no numbers but NaN: are its weights damaged, or its number format too small?",
                )
            step = [row.next(logits, ends, longest) for row, logits in zip(rows, last, strict=True)]
            if all(row.finish for row in rows):
                return
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], 1)
            places = places[:, -1:] + 1
            ids = torch.tensor([[token] for token in step], device=self._device)
            out = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=places,
                past_key_values=out.past_key_values,
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
        inputs = self._encoded(call)
        longest = getattr(model.config, "max_position_embeddings", None)
        if longest is not None and inputs["input_ids"].shape[1] > longest:
            tokens = inputs["input_ids"].shape[1]
            raise RequestFailed(
                "refused",
                f"the text has {tokens:,} tokens, and the model takes {longest:,}",
                code="context_length_exceeded",
            )
        reward = float(model(**inputs.to(self._device)).logits[0, 0].float())
        if not math.isfinite(reward):
            raise RequestFailed("refused", f"the reward is {reward}", code="not_finite")
        return [{"score": reward}]

    def _encoded(self, call: ModelRequest) -> Any:
        """The conversation as the classifier reads it: in its chat template, or as two texts; of a ranker in its own template."""
        asked, answered = call.messages[:-1], call.messages[-1]
        if call.endpoint == "rank":
            prompt = "\n\n".join(m.text for m in asked[:-1])
            values = {"prompt": prompt, "first": asked[-1].text, "second": answered.text}
            text = self._settings.pair_template
            for name, value in values.items():
                text = text.replace("{" + name + "}", value.replace("<|", "< |"))
            return self._tokenizer(text, return_tensors="pt")
        if self._tokenizer.chat_template:
            text = self._tokenizer.apply_chat_template([_plain(m) for m in call.messages], tokenize=False)
            return self._tokenizer(text, add_special_tokens=False, return_tensors="pt")
        return self._tokenizer("\n\n".join(m.text for m in asked), answered.text, return_tensors="pt")

    @torch.inference_mode()
    def _embedding(self, call: ModelRequest) -> list[dict[str, Any]]:
        """Mean of the last layer over a text's tokens, of length 1."""
        model = self._model("AutoModel")
        longest = getattr(model.config, "max_position_embeddings", None)
        found: list[dict[str, Any]] = []
        for at in range(0, len(call.inputs), self._settings.batch_size):
            texts = list(call.inputs[at : at + self._settings.batch_size])
            inputs = self._tokenizer(
                texts, padding=True, truncation=longest is not None, max_length=longest, return_tensors="pt"
            )
            hidden = model(**inputs.to(self._device)).last_hidden_state.float()
            mask = inputs["attention_mask"].unsqueeze(-1).to(hidden)
            mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
            if not torch.isfinite(mean).all():
                raise RequestFailed("refused", "an embedding is not finite", code="not_finite")
            vectors = torch.nn.functional.normalize(mean, dim=1).cpu().tolist()
            found += [{"index": at + i, "embedding": vector} for i, vector in enumerate(vectors)]
        return found


class _Row:
    """One draw on its way: its tokens so far, its own generator, and how it ended."""

    def __init__(
        self, of: int, prompt: list[int], call: ModelRequest, seed: int | None, tokenizer: Any
    ) -> None:
        self.of = of
        self.prompt = prompt
        self.call = call
        self.new: list[int] = []
        self.finish: str | None = None
        self._tokenizer = tokenizer
        self._generator = torch.Generator().manual_seed(seed if seed is not None else 0)
        self._logprobs: list[dict[str, Any]] = []
        self._text = ""
        stop = call.sampling.get("stop")
        self._stops = [one for one in ([stop] if isinstance(stop, str) else list(stop or ())) if one]
        special = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
        self._ends = {special[one] for one in self._stops if one in special}

    def next(self, logits: torch.Tensor, ends: set[int], longest: float) -> int:
        """The next token (the last one again for a row that has ended)."""
        if self.finish:
            return self.prompt[-1]
        token = self._drawn(logits, self.call.sampling)
        if token in ends or token in self._ends:
            self.finish = "stop"
            return token
        if self.call.logprobs:
            self._logprobs.append(self._place(token, logits))
        self.new.append(token)
        self._text = self._tokenizer.decode(self.new, skip_special_tokens=True)
        cut = min((at for at in (self._text.find(stop) for stop in self._stops) if at >= 0), default=-1)
        if cut >= 0:
            self._text, self.finish = self._text[:cut], "stop"
        elif (
            len(self.new) >= self.call.sampling.get("max_tokens", NEW_TOKENS)
            or len(self.prompt) + len(self.new) >= longest
        ):
            self.finish = "length"
        return token

    def _drawn(self, logits: torch.Tensor, sampling: Mapping[str, Any]) -> int:
        penalty = sampling.get("repetition_penalty") or 1.0
        if penalty != 1.0:
            seen = torch.tensor(sorted({*self.prompt, *self.new}))
            values = logits[seen]
            logits = logits.scatter(0, seen, torch.where(values > 0, values / penalty, values * penalty))
        counts = (
            torch.bincount(torch.tensor(self.new, dtype=torch.long), minlength=logits.shape[0])
            if self.new
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
        odds = torch.softmax(logits / temperature, 0)
        if (top_k := sampling.get("top_k") or 0) > 0:
            odds = odds.where(odds >= odds.topk(min(top_k, odds.shape[0])).values[-1], 0.0)
        if (least := sampling.get("min_p") or 0.0) > 0:
            odds = odds.where(odds >= least * odds.max(), 0.0)
        if (top_p := sampling.get("top_p") or 1.0) < 1:
            ordered, order = odds.sort(descending=True)
            ordered[ordered.cumsum(0) - ordered > top_p * ordered.sum()] = 0.0
            odds = torch.zeros_like(odds).scatter(0, order, ordered)
        return int(torch.multinomial(odds, 1, generator=self._generator))

    def _place(self, token: int, logits: torch.Tensor) -> dict[str, Any]:
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
                self._place(token, before) for token, before in zip(self.prompt[1:], logits[:-1], strict=True)
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
        found: dict[str, Any] = {"index": 0, "text": text, "finish_reason": finish}
        if self.call.logprobs:
            found["logprobs"] = {
                "tokens": [place["token"] for place in self._logprobs],
                "token_logprobs": [place["logprob"] for place in self._logprobs],
                "top_logprobs": [
                    {one["token"]: one["logprob"] for one in place["top_logprobs"]}
                    for place in self._logprobs
                ],
            }
        return found


def _end_ids(model: Any, tokenizer: Any) -> set[int]:
    """Tokens that end an answer."""
    wanted = model.generation_config.eos_token_id if model.generation_config is not None else None
    found = {wanted} if isinstance(wanted, int) else set(wanted or ())
    return found | {tokenizer.eos_token_id}


def _plain(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.text}
