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
EXAMPLES = 3
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
    return _Checker(canned, allow_cut).over(rows)


class _Checker:
    def __init__(self, canned: float, allow_cut: bool) -> None:
        self._canned = canned
        self._allow_cut = allow_cut
        self.report = CheckReport()
        self._chosen: Counter[bytes] = Counter()
        self._preferred: set[tuple[bytes, bytes]] = set()
        self._texts: dict[bytes, str] = {}
        self._edges: dict[tuple[str, str], set[tuple[bytes, bytes]]] = defaultdict(set)
        self._splits: dict[bytes, set[str]] = defaultdict(set)
        self._asked: dict[bytes, tuple[str, str, str]] = {}
        self._features: list[tuple[bytes, list[float], str, str]] = []
        self._longer = 0

    def over(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> CheckReport:
        prompts: set[bytes] = set()
        for where, row in rows:
            self.report.rows += 1
            sides = self._form(where, row)
            if sides is None:
                continue
            prompt, chosen, rejected = sides
            asked = _digest(json.dumps(prompt, sort_keys=True))
            prompts.add(asked)
            self._texts_of(where, row, prompt, chosen, rejected)
            self._scores(where, row)
            self._origin(where, row)
            self._relations(where, row, asked, _text(chosen), _text(rejected))
            if row.get("split") is not None:
                self._asked.setdefault(
                    asked, (str(row["split"]), where, prompt if isinstance(prompt, str) else _text(prompt))
                )
        self.report.prompts = len(prompts)
        self._whole_set()
        return self.report

    def _broken(self, rule: str, where: str, found: str) -> None:
        finding = self.report.findings.setdefault(rule, Finding())
        finding.count += 1
        if len(finding.examples) < EXAMPLES:
            finding.examples.append(f"{where}: {found}")

    def _form(self, where: str, row: Mapping[str, Any]) -> tuple[Any, Any, Any] | None:
        chosen, rejected, prompt = row.get("chosen"), row.get("rejected"), row.get("prompt")
        if chosen is None or rejected is None:
            self._broken("form", where, f"no chosen or no rejected (columns: {', '.join(row)})")
            return None
        if isinstance(chosen, str) and isinstance(rejected, str):
            if prompt is None:
                self._broken("form", where, "chosen is text and there is no prompt")
                return None
            if not isinstance(prompt, str) and not _is_conversation(prompt):
                self._broken(
                    "form", where, f"the prompt is neither text nor a list of messages: {str(prompt)[:60]!r}"
                )
                return None
            asked = prompt if isinstance(prompt, str) else [dict(turn) for turn in prompt]
            if not isinstance(prompt, str):
                self._turns(where, asked, ())
            return (
                asked,
                [{"role": "assistant", "content": chosen}],
                [{"role": "assistant", "content": rejected}],
            )
        if not all(_is_conversation(side) for side in (chosen, rejected)) or (
            prompt is not None and not (isinstance(prompt, str) or _is_conversation(prompt))
        ):
            self._broken(
                "form",
                where,
                "chosen and rejected are neither both text nor both lists of messages with content",
            )
            return None
        if prompt is None or isinstance(prompt, str):  # TRL's implicit prompt: the common beginning
            if list(chosen[:-1]) != list(rejected[:-1]):
                self._broken("turns", where, "chosen and rejected do not answer the same prompt")
                return None
            prompt, chosen, rejected = chosen[:-1], chosen[-1:], rejected[-1:]
        self._turns(where, prompt, (chosen, rejected))
        return list(prompt), list(chosen), list(rejected)

    def _turns(self, where: str, prompt: Any, sides: Sequence[Any]) -> None:
        roles = [turn.get("role") for turn in prompt]
        if not roles or roles[-1] not in ("user", "tool"):
            self._broken(
                "turns",
                where,
                f"the prompt does not end with a user turn (roles: {', '.join(map(str, roles)) or 'none'})",
            )
        elif set(roles) - {"system", "user", "assistant", "tool"} or "system" in roles[1:]:
            self._broken("turns", where, f"roles are not valid: {', '.join(map(str, roles))}")
        elif any(a == b == "user" for a, b in itertools.pairwise(roles)):
            self._broken("turns", where, "two user turns follow each other")
        for side in sides:
            if not side or side[0].get("role") != "assistant":
                self._broken("turns", where, "a side is not the assistant's turn")

    def _texts_of(self, where: str, row: Mapping[str, Any], prompt: Any, chosen: Any, rejected: Any) -> None:
        first, second = _text(chosen), _text(rejected)
        try:
            (first + second + (prompt if isinstance(prompt, str) else _text(prompt))).encode()
        except UnicodeEncodeError:
            self._broken("form", where, "a text is not valid Unicode (a lone surrogate)")
        if not first.strip() or not second.strip():
            self._broken("empty", where, f"{'chosen' if not first.strip() else 'rejected'} is empty")
        elif _normal(first) == _normal(second):
            self._broken("same", where, f"both are {first[:60]!r}")
        for name, text in (("chosen", first), ("rejected", second)):
            leak = TEMPLATE_TOKENS.search(text) or JUDGE_TEXT.search(text)
            if leak is None and row.get("reasoning") != "kept":
                leak = REASONING.search(text)
            if leak:
                self._broken("leak", where, f"{name} holds {leak[0]!r}")
        cut = [row.get("chosen_finish") == "length", row.get("rejected_finish") == "length"]
        if cut[0] != cut[1] and not self._allow_cut:
            self._broken(
                "cut", where, f"{'chosen' if cut[0] else 'rejected'} alone was cut by the token limit"
            )

    def _scores(self, where: str, row: Mapping[str, Any]) -> None:
        high, low, margin = row.get("score_chosen"), row.get("score_rejected"), row.get("margin")
        for name in NUMBERS:
            if not is_number(row.get(name)):
                self._broken("scores", where, f"{name} is {row[name]!r}")
                return
        probability = row.get("chosen_probability")
        if probability is not None and not 0 <= probability <= 1:
            self._broken("scores", where, f"chosen_probability is {probability}")
        if (row.get("weight") or 0) < 0:
            self._broken("scores", where, f"weight is {row['weight']}")
        if (high is None) != (low is None):
            self._broken("scores", where, "one side has a score and the other has none")
        if high is None or low is None:
            return
        if high < low:
            self._broken("scores", where, f"chosen scores {high} and rejected {low}")
        elif margin is not None and abs(high - low - margin) > 1e-6 * max(1.0, abs(high), abs(low)):
            self._broken("scores", where, f"margin is {margin}, the difference is {high - low}")
        elif high == low and not row.get("tie"):
            self._broken("tie", where, f"both score {high}")

    def _origin(self, where: str, row: Mapping[str, Any]) -> None:
        ours = [name for name in ("source", "licence", "chosen_model", "rejected_model") if name in row]
        for name in ours:
            if not row[name]:
                self._broken(
                    "unknown", where, f"{name} is {row[name]!r}; write 'unknown' where it is not known"
                )
        if not ours and "no columns say source, licence or models" not in self.report.notes:
            self.report.notes.append("no columns say source, licence or models")

    def _relations(
        self, where: str, row: Mapping[str, Any], asked: bytes, chosen: str, rejected: str
    ) -> None:
        better, worse = _digest(_normal(chosen)), _digest(_normal(rejected))
        edges = self._edges[asked.hex(), str(row.get("rule") or "")]
        if (better, worse) in edges:
            self._broken("twice", where, "the same pair stands before")
        elif (worse, better) in edges:
            self._broken("contradiction", where, "the same pair stands before the other way round")
        edges.add((better, worse))
        split = row.get("split")
        if split is not None:
            self._splits[asked].add(str(split))
            if len(self._splits[asked]) > 1:
                self._broken(
                    "splits", where, f"its prompt stands in {', '.join(sorted(self._splits[asked]))}"
                )
        if (
            asked,
            better,
        ) not in self._preferred:  # an answer that several rules choose for one prompt counts once
            self._preferred.add((asked, better))
            self._chosen[better] += 1
        self._texts.setdefault(better, chosen[:120])
        self._longer += len(chosen) > len(rejected)
        difference = [a - b for a, b in zip(_visible(chosen), _visible(rejected), strict=True)]
        self._features.append(
            (asked, difference, str(row.get("chosen_model") or ""), str(row.get("rejected_model") or ""))
        )

    def _whole_set(self) -> None:
        for (asked, rule), edges in self._edges.items():
            if len(edges) > 2 and _has_cycle(edges):
                self._broken(
                    "contradiction",
                    f"prompt {asked[:12]}",
                    f"a cycle of preferences{f' in rule {rule!r}' if rule else ''}",
                )
        self._near_duplicates()
        pairs = len(self._features)
        if pairs:
            self.report.longer_chosen = self._longer / pairs
        if pairs >= 20:
            [(digest, count)] = self._chosen.most_common(1)
            answers = len(self._preferred)
            self.report.canned_share, self.report.canned_text = count / answers, self._texts[digest]
            if count / answers > self._canned and answers >= 20:
                self._broken(
                    "canned",
                    f"{count:,} of {answers:,} chosen answers",
                    f"it is always {self._texts[digest]!r}",
                )
        if pairs >= 50:
            self.report.probe_auc = probe_auc(self._features)
        else:
            self.report.notes.append(f"{pairs} pairs are too few for the shortcut probe (50)")

    def _near_duplicates(self) -> None:
        """Prompts of a later split that are nearly the same as one of an earlier split."""
        splits = list(dict.fromkeys(split for split, _, _ in self._asked.values()))
        if len(splits) < 2:
            return
        index = MinHashIndex()
        for split in splits:
            here = [
                (index.hashed(text), where, asked)
                for asked, (its, where, text) in self._asked.items()
                if its == split
            ]
            for hashed, where, asked in here:
                near = index.nearest(hashed)
                if near is not None and len(self._splits[asked]) == 1:
                    other, there, text = self._asked[bytes.fromhex(near[1])]
                    self._broken(
                        "splits",
                        where,
                        f"its prompt is nearly that of {there} in {other} (similarity {near[0]:.2f}): {text[:60]!r}",
                    )
            for hashed, _, asked in here:
                index.add(asked.hex(), hashed)


def _is_conversation(side: Any) -> bool:
    return (
        isinstance(side, Sequence)
        and not isinstance(side, str)
        and len(side) > 0
        and all(
            isinstance(turn, Mapping)
            and isinstance(turn.get("content"), str)
            and isinstance(turn.get("role"), str)
            for turn in side
        )
    )


def _text(side: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(str(turn.get("content") or "") for turn in side)


def _normal(text: str) -> str:
    return " ".join(text.split()).casefold()


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).digest()


def _visible(text: str) -> list[float]:
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
    fold = np.array([asked[0] % folds for asked, *_ in features])
    right = []
    for k in range(folds):
        train, test = x[fold != k], x[fold == k]
        if not len(train) or not len(test):
            continue
        w = np.zeros(x.shape[1])
        for _ in range(rounds):  # ridge-regularised gradient ascent; the labels are all "first side chosen"
            w += 0.5 * (train.T @ (1 / (1 + np.exp(np.clip(train @ w, -30, 30)))) / len(train) - 0.01 * w)
        scores = test @ w
        right.append((np.sum(scores > 1e-12) + 0.5 * np.sum(np.abs(scores) <= 1e-12), len(test)))
    return float(sum(r for r, _ in right) / sum(n for _, n in right))


def _has_cycle(edges: set[tuple[bytes, bytes]]) -> bool:
    """Whether a directed graph has a cycle of three or more (contradicted pairs are counted on their own)."""
    below: dict[bytes, list[bytes]] = defaultdict(list)
    incoming: Counter[bytes] = Counter()
    nodes = {n for edge in edges for n in edge}
    for better, worse in edges:
        if (worse, better) not in edges:
            below[better].append(worse)
            incoming[worse] += 1
    ready = [n for n in nodes if not incoming[n]]
    seen = 0
    while ready:
        node = ready.pop()
        seen += 1
        for other in below[node]:
            incoming[other] -= 1
            if not incoming[other]:
                ready.append(other)
    return seen < len(nodes)
