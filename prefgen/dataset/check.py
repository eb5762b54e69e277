"""Proving what a preference dataset claims: the invariants of a pair, over any dataset's rows.

Every rule counts the rows that break it and keeps a few examples. Rules that only a share of the dataset can break (one canned answer,
a shortcut) are reported with their numbers. Rows stream by; what is kept of each is a few hashes and numbers.
"""

import hashlib
import itertools
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefgen.dataset.pair import NUMBERS, is_number
from prefgen.text.near_duplicates import MinHashIndex

RULES = {
    "form": "the row has prompt, chosen and rejected as text or as lists of messages",
    "same": "chosen and rejected differ, also after normalising white space and case",
    "empty": "chosen and rejected hold text",
    "turns": "the prompt ends with the last user turn; chosen and rejected are the assistant's next turn; roles are valid",
    "scores": "scores are finite, chosen scores at least as much as rejected, margin is their difference, probabilities are within 0 to 1, "
    "no weight is below 0",
    "tie": "equal scores make a pair only where the row says that it is a tie",
    "cut": "not one side alone was cut off by the token limit",
    "leak": "no judge's text, chat-template token or undeclared reasoning inside a response",
    "contradiction": "within a prompt and rule, no pair is contradicted by another, and there is no cycle",
    "twice": "each pair stands once",
    "splits": "no prompt stands in two splits, nor one that is nearly the same (MinHash, similarity 0.8)",
    "unknown": "source, licence and models are known, or say that they are unknown",
    "canned": "no single answer makes up more than the allowed share of chosen",
}
MAX_EXAMPLES = 3
TEMPLATE_TOKENS = re.compile(
    r"<\|(?:im_start|im_end|endoftext|eot_id|start_header_id|end_header_id|begin_of_text|assistant|user|system|end)\|>"
    r"|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</s>"
)
JUDGE_TEXT = re.compile(r"^</?text \d+>$|^#{2,4} Output for Text \d+|^Rating: ?[1-5]\s*$", re.MULTILINE)
REASONING = re.compile(r"</?(?:think|thinking|reasoning)>")


@dataclass
class Finding:
    """How many rows break a rule, and examples of where and what was found."""

    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass
class CheckReport:
    """What was proven of a dataset. `probe_auc` is the share of held-out pairs that length, format and model name alone tell apart."""

    rows: int = 0
    prompts: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)
    canned_share: float = 0.0
    canned_text: str = ""
    probe_auc: float | None = None
    longer_chosen: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.findings and self.rows > 0

    def as_json(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "rows": self.rows,
            "prompts": self.prompts,
            "broken": {
                rule: {"rows": f.count, "what": RULES[rule], "examples": f.examples}
                for rule, f in self.findings.items()
            },
            "canned_share": self.canned_share,
            "probe_auc": self.probe_auc,
            "longer_chosen": self.longer_chosen,
            "notes": self.notes,
        }


def check_rows(
    rows: Iterable[tuple[str, Mapping[str, Any]]], *, canned: float = 0.05, allow_cut: bool = False
) -> CheckReport:
    """Check rows, each with the words that say where it stands."""
    return _Checker(canned, allow_cut).check(rows)


class _Checker:
    def __init__(self, max_repeated_chosen: float, allow_truncated: bool) -> None:
        self._max_repeated_chosen = max_repeated_chosen
        self._allow_truncated = allow_truncated
        self.report = CheckReport()
        self._chosen_counts: Counter[bytes] = Counter()
        self._distinct_chosen: set[tuple[bytes, bytes]] = set()
        self._chosen_texts: dict[bytes, str] = {}
        self._edges: dict[tuple[str, str], set[tuple[bytes, bytes]]] = defaultdict(set)
        self._splits: dict[bytes, set[str]] = defaultdict(set)
        self._prompts: dict[bytes, tuple[str, str, str]] = {}
        self._features: list[tuple[bytes, list[float], str, str]] = []
        self._longer_count = 0

    def check(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> CheckReport:
        prompt_digests: set[bytes] = set()
        for where, row in rows:
            self.report.rows += 1
            pair = self._read_pair(where, row)
            if pair is None:
                continue
            prompt, chosen, rejected = pair
            prompt_digest = _digest(json.dumps(prompt, sort_keys=True))
            prompt_digests.add(prompt_digest)
            self._check_texts(where, row, prompt, chosen, rejected)
            self._check_scores(where, row)
            self._check_origin(where, row)
            self._check_relations(where, row, prompt_digest, _text_of(chosen), _text_of(rejected))
            if row.get("split") is not None:
                self._prompts.setdefault(
                    prompt_digest,
                    (str(row["split"]), where, prompt if isinstance(prompt, str) else _text_of(prompt)),
                )
        self.report.prompts = len(prompt_digests)
        self._check_whole_set()
        return self.report

    def _add_finding(self, rule: str, where: str, detail: str) -> None:
        finding = self.report.findings.setdefault(rule, Finding())
        finding.count += 1
        if len(finding.examples) < MAX_EXAMPLES:
            finding.examples.append(f"{where}: {detail}")

    def _read_pair(self, where: str, row: Mapping[str, Any]) -> tuple[Any, Any, Any] | None:
        chosen, rejected, prompt = row.get("chosen"), row.get("rejected"), row.get("prompt")
        if chosen is None or rejected is None:
            self._add_finding("form", where, f"no chosen or no rejected (columns: {', '.join(row)})")
            return None
        if isinstance(chosen, str) and isinstance(rejected, str):
            if prompt is None:
                self._add_finding("form", where, "chosen is text and there is no prompt")
                return None
            if not isinstance(prompt, str) and not _is_conversation(prompt):
                self._add_finding(
                    "form", where, f"the prompt is neither text nor a list of messages: {str(prompt)[:60]!r}"
                )
                return None
            plain_prompt = prompt if isinstance(prompt, str) else [dict(turn) for turn in prompt]
            if not isinstance(prompt, str):
                self._check_turns(where, plain_prompt, ())
            return (
                plain_prompt,
                [{"role": "assistant", "content": chosen}],
                [{"role": "assistant", "content": rejected}],
            )
        if not all(_is_conversation(side) for side in (chosen, rejected)) or (
            prompt is not None and not (isinstance(prompt, str) or _is_conversation(prompt))
        ):
            self._add_finding(
                "form",
                where,
                "chosen and rejected are neither both text nor both lists of messages with content",
            )
            return None
        if prompt is None or isinstance(prompt, str):  # TRL's implicit prompt: the common beginning
            if list(chosen[:-1]) != list(rejected[:-1]):
                self._add_finding("turns", where, "chosen and rejected do not answer the same prompt")
                return None
            prompt, chosen, rejected = chosen[:-1], chosen[-1:], rejected[-1:]
        self._check_turns(where, prompt, (chosen, rejected))
        return list(prompt), list(chosen), list(rejected)

    def _check_turns(self, where: str, prompt: Any, sides: Sequence[Any]) -> None:
        roles = [turn.get("role") for turn in prompt]
        if not roles or roles[-1] not in ("user", "tool"):
            self._add_finding(
                "turns",
                where,
                f"the prompt does not end with a user turn (roles: {', '.join(map(str, roles)) or 'none'})",
            )
        elif set(roles) - {"system", "user", "assistant", "tool"} or "system" in roles[1:]:
            self._add_finding("turns", where, f"roles are not valid: {', '.join(map(str, roles))}")
        elif any(a == b == "user" for a, b in itertools.pairwise(roles)):
            self._add_finding("turns", where, "two user turns follow each other")
        for side in sides:
            if not side or side[0].get("role") != "assistant":
                self._add_finding("turns", where, "a side is not the assistant's turn")

    def _check_texts(
        self, where: str, row: Mapping[str, Any], prompt: Any, chosen: Any, rejected: Any
    ) -> None:
        chosen_text, rejected_text = _text_of(chosen), _text_of(rejected)
        try:
            (chosen_text + rejected_text + (prompt if isinstance(prompt, str) else _text_of(prompt))).encode()
        except UnicodeEncodeError:
            self._add_finding("form", where, "a text is not valid Unicode (a lone surrogate)")
        if not chosen_text.strip() or not rejected_text.strip():
            self._add_finding(
                "empty", where, f"{'chosen' if not chosen_text.strip() else 'rejected'} is empty"
            )
        elif _normalize(chosen_text) == _normalize(rejected_text):
            self._add_finding("same", where, f"both are {chosen_text[:60]!r}")
        for name, text in (("chosen", chosen_text), ("rejected", rejected_text)):
            leak = TEMPLATE_TOKENS.search(text) or JUDGE_TEXT.search(text)
            if leak is None and row.get("reasoning") != "kept":
                leak = REASONING.search(text)
            if leak:
                self._add_finding("leak", where, f"{name} holds {leak[0]!r}")
        truncated = [row.get("chosen_finish") == "length", row.get("rejected_finish") == "length"]
        if truncated[0] != truncated[1] and not self._allow_truncated:
            self._add_finding(
                "cut", where, f"{'chosen' if truncated[0] else 'rejected'} alone was cut by the token limit"
            )

    def _check_scores(self, where: str, row: Mapping[str, Any]) -> None:
        chosen_score, rejected_score, margin = (
            row.get("score_chosen"),
            row.get("score_rejected"),
            row.get("margin"),
        )
        for name in NUMBERS:
            if not is_number(row.get(name)):
                self._add_finding("scores", where, f"{name} is {row[name]!r}")
                return
        probability = row.get("chosen_probability")
        if probability is not None and not 0 <= probability <= 1:
            self._add_finding("scores", where, f"chosen_probability is {probability}")
        if (row.get("weight") or 0) < 0:
            self._add_finding("scores", where, f"weight is {row['weight']}")
        if (chosen_score is None) != (rejected_score is None):
            self._add_finding("scores", where, "one side has a score and the other has none")
        if chosen_score is None or rejected_score is None:
            return
        if chosen_score < rejected_score:
            self._add_finding("scores", where, f"chosen scores {chosen_score} and rejected {rejected_score}")
        elif margin is not None and abs(chosen_score - rejected_score - margin) > 1e-6 * max(
            1.0, abs(chosen_score), abs(rejected_score)
        ):
            self._add_finding(
                "scores", where, f"margin is {margin}, the difference is {chosen_score - rejected_score}"
            )
        elif chosen_score == rejected_score and not row.get("tie"):
            self._add_finding("tie", where, f"both score {chosen_score}")

    def _check_origin(self, where: str, row: Mapping[str, Any]) -> None:
        origin_columns = [
            name for name in ("source", "licence", "chosen_model", "rejected_model") if name in row
        ]
        for name in origin_columns:
            if not row[name]:
                self._add_finding(
                    "unknown", where, f"{name} is {row[name]!r}; write 'unknown' where it is not known"
                )
        if not origin_columns and "no columns say source, licence or models" not in self.report.notes:
            self.report.notes.append("no columns say source, licence or models")

    def _check_relations(
        self, where: str, row: Mapping[str, Any], prompt_digest: bytes, chosen: str, rejected: str
    ) -> None:
        chosen_digest, rejected_digest = _digest(_normalize(chosen)), _digest(_normalize(rejected))
        edges = self._edges[prompt_digest.hex(), str(row.get("rule") or "")]
        if (chosen_digest, rejected_digest) in edges:
            self._add_finding("twice", where, "the same pair stands before")
        elif (rejected_digest, chosen_digest) in edges:
            self._add_finding("contradiction", where, "the same pair stands before the other way round")
        edges.add((chosen_digest, rejected_digest))
        split = row.get("split")
        if split is not None:
            self._splits[prompt_digest].add(str(split))
            if len(self._splits[prompt_digest]) > 1:
                self._add_finding(
                    "splits", where, f"its prompt stands in {', '.join(sorted(self._splits[prompt_digest]))}"
                )
        if (
            prompt_digest,
            chosen_digest,
        ) not in self._distinct_chosen:  # an answer that several rules choose for one prompt counts once
            self._distinct_chosen.add((prompt_digest, chosen_digest))
            self._chosen_counts[chosen_digest] += 1
        self._chosen_texts.setdefault(chosen_digest, chosen[:120])
        self._longer_count += len(chosen) > len(rejected)
        difference = [
            a - b for a, b in zip(_format_features(chosen), _format_features(rejected), strict=True)
        ]
        self._features.append(
            (
                prompt_digest,
                difference,
                str(row.get("chosen_model") or ""),
                str(row.get("rejected_model") or ""),
            )
        )

    def _check_whole_set(self) -> None:
        for (prompt_digest, rule), edges in self._edges.items():
            if len(edges) > 2 and _has_cycle(edges):
                self._add_finding(
                    "contradiction",
                    f"prompt {prompt_digest[:12]}",
                    f"a cycle of preferences{f' in rule {rule!r}' if rule else ''}",
                )
        self._check_near_duplicates()
        pair_count = len(self._features)
        if pair_count:
            self.report.longer_chosen = self._longer_count / pair_count
        if pair_count >= 20:
            [(digest, count)] = self._chosen_counts.most_common(1)
            answer_count = len(self._distinct_chosen)
            self.report.canned_share, self.report.canned_text = (
                count / answer_count,
                self._chosen_texts[digest],
            )
            if count / answer_count > self._max_repeated_chosen and answer_count >= 20:
                self._add_finding(
                    "canned",
                    f"{count:,} of {answer_count:,} chosen answers",
                    f"it is always {self._chosen_texts[digest]!r}",
                )
        if pair_count >= 50:
            self.report.probe_auc = probe_auc(self._features)
        else:
            self.report.notes.append(f"{pair_count} pairs are too few for the shortcut probe (50)")

    def _check_near_duplicates(self) -> None:
        """Prompts of a later split that are nearly the same as one of an earlier split."""
        splits = list(dict.fromkeys(split for split, _, _ in self._prompts.values()))
        if len(splits) < 2:
            return
        index = MinHashIndex()
        for split in splits:
            prompts = [
                (index.minhash(text), where, prompt_digest)
                for prompt_digest, (prompt_split, where, text) in self._prompts.items()
                if prompt_split == split
            ]
            for signature, where, prompt_digest in prompts:
                match = index.nearest(signature)
                if match is not None and len(self._splits[prompt_digest]) == 1:
                    other_split, other_where, text = self._prompts[bytes.fromhex(match[1])]
                    self._add_finding(
                        "splits",
                        where,
                        f"its prompt is nearly that of {other_where} in {other_split} (similarity {match[0]:.2f}): {text[:60]!r}",
                    )
            for signature, _, prompt_digest in prompts:
                index.add(prompt_digest.hex(), signature)


def _is_conversation(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and len(value) > 0
        and all(
            isinstance(turn, Mapping)
            and isinstance(turn.get("content"), str)
            and isinstance(turn.get("role"), str)
            for turn in value
        )
    )


def _text_of(messages: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(str(turn.get("content") or "") for turn in messages)


def _normalize(text: str) -> str:
    return " ".join(text.split()).casefold()


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).digest()


def _format_features(text: str) -> list[float]:
    """What a reader sees of a text without reading it: length and format."""
    lines = text.count("\n") + 1
    return [
        math.log1p(len(text)),
        math.log1p(lines),
        math.log1p(len(re.findall(r"^\s*(?:[-*•]|\d+[.)])\s", text, re.MULTILINE))),
        math.log1p(len(re.findall(r"^#+ |\*\*", text, re.MULTILINE))),
        float("```" in text),
        float(text.rstrip().endswith("?")),
    ]


def probe_auc(
    features: Sequence[tuple[bytes, list[float], str, str]], *, folds: int = 5, rounds: int = 200
) -> float:
    """Share of held-out pairs that a logistic probe orders rightly (0.5 is chance), cross-validated with prompts kept together.

    The probe sees differences of length and format, and which models wrote the two sides.
    """
    import numpy as np

    models = sorted({m for _, _, a, b in features for m in (a, b)})
    x = np.array([[*d, *((m == a) - (m == b) for m in models)] for _, d, a, b in features], dtype=np.float64)
    x /= np.maximum(x.std(axis=0), 1e-9)
    fold_of_pair = np.array([prompt_digest[0] % folds for prompt_digest, *_ in features])
    fold_results = []
    for k in range(folds):
        train, test = x[fold_of_pair != k], x[fold_of_pair == k]
        if not len(train) or not len(test):
            continue
        w = np.zeros(x.shape[1])
        for _ in range(rounds):  # ridge-regularised gradient ascent; the labels are all "first side chosen"
            w += 0.5 * (train.T @ (1 / (1 + np.exp(np.clip(train @ w, -30, 30)))) / len(train) - 0.01 * w)
        scores = test @ w
        fold_results.append((np.sum(scores > 1e-12) + 0.5 * np.sum(np.abs(scores) <= 1e-12), len(test)))
    return float(sum(r for r, _ in fold_results) / sum(n for _, n in fold_results))


def _has_cycle(edges: set[tuple[bytes, bytes]]) -> bool:
    """Whether a directed graph has a cycle of three or more (contradicted pairs are counted on their own)."""
    successors: dict[bytes, list[bytes]] = defaultdict(list)
    incoming_counts: Counter[bytes] = Counter()
    nodes = {n for edge in edges for n in edge}
    for better, worse in edges:
        if (worse, better) not in edges:
            successors[better].append(worse)
            incoming_counts[worse] += 1
    roots = [n for n in nodes if not incoming_counts[n]]
    visited_count = 0
    while roots:
        node = roots.pop()
        visited_count += 1
        for successor in successors[node]:
            incoming_counts[successor] -= 1
            if not incoming_counts[successor]:
                roots.append(successor)
    return visited_count < len(nodes)
