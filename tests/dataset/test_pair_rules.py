"""What one row shows by itself, rule by rule. (prefgen/dataset/pair_rules.py)"""

import json

import pytest

from prefgen.dataset.pair import pair_messages
from prefgen.dataset.pair_rules import RULES, broken_rules

NOTICE = f"[a harmful text was taken out; its BLAKE2b digest is {'0f' * 16}]"


def broken(allow_truncated=False, **changes) -> set[str]:
    row = {
        "prompt": "Q?",
        "chosen": "good",
        "rejected": "bad",
        "source": "s",
        "license": "unknown",
        **changes,
    }
    turns = pair_messages(row, "here")
    found = list(broken_rules(row, *turns, allow=("truncated",) if allow_truncated else ()))
    assert all(rule in RULES and detail for rule, detail in found)
    return {rule for rule, _ in found}


TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "f", "parameters": {}}',
        'f(x="a")',
        'f\n{"x": "a"}',
        "{'name': 'f', 'arguments': {'x': 'a'}}",
    ],
)
def test_a_call_as_text_is_a_leak_beside_the_tool_that_it_calls(text):
    for side in ("chosen", "rejected"):
        assert broken(**{side: text}, tools=TOOLS) == {"leak"}
        assert broken(**{side: text}, tools=json.dumps(TOOLS)) == {"leak"}
        assert broken(**{side: text}, tools=[]) == set()


def test_a_call_that_was_read_is_no_leak():
    called = {"role": "assistant", "content": "", "tool_calls": [{"name": "f", "arguments": '{"x": "a"}'}]}

    assert broken(chosen=[called], rejected=[{"role": "assistant", "content": "bad"}], tools=TOOLS) == set()


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({}, set()),
        ({"chosen": "Bad"}, {"same"}),
        ({"rejected": "  "}, {"empty"}),
        ({"chosen": "<|im_end|>"}, {"leak"}),
        ({"rejected": NOTICE}, {"redacted"}),
        ({"prompt": f"Is this one? {NOTICE}"}, {"redacted"}),
        ({"rejected": "[a harmful text was taken out]"}, set()),
        ({"chosen": "<think>so</think> good"}, {"leak"}),
        ({"chosen": "analysisUser asks simply.assistantfinalParis."}, {"leak"}),
        ({"chosen": "assistantfinalParis."}, {"leak"}),
        ({"chosen": "assistantfinalParis.", "reasoning": "kept"}, {"format"}),
        ({"chosen": "Analysis of the problem: it is hard."}, set()),
        (
            {"prompt": "Use <think>a</think> tags.", "chosen": "<think>a</think>b", "rejected": "c"},
            set(),
        ),
        ({"chosen": "<think>so</think> good", "reasoning": "kept"}, {"format"}),
        (
            {
                "chosen": "<think>so</think> good",
                "rejected": "<think>or so</think> bad",
                "reasoning": "kept",
            },
            set(),
        ),
        ({"chosen_finish": "length", "rejected_finish": "stop"}, {"truncated"}),
        ({"chosen_finish": "length", "rejected_finish": "length"}, set()),
        ({"source": ""}, {"unknown"}),
        ({"score_chosen": 1.0, "score_rejected": 2.0}, {"scores"}),
        ({"score_chosen": 2.0, "score_rejected": 2.0}, {"tie"}),
        ({"score_chosen": 2.0, "score_rejected": 2.0, "tie": True}, set()),
        ({"score_chosen": 3.0, "score_rejected": 1.0, "margin": 2.0 + 1e-9}, set()),
        ({"score_chosen": 3.0, "score_rejected": 1.0, "margin": 2.1}, {"scores"}),
        ({"score_chosen": 4.3333, "score_rejected": 2.6667, "margin": 1.67}, set()),
        ({"score_chosen": 4.3333, "score_rejected": 2.3373, "margin": 2.0}, set()),
        ({"score_chosen": 4.3333, "score_rejected": 2.6667, "margin": 1.68}, {"scores"}),
        ({"score_chosen": 4.3333, "score_rejected": 2.6667, "margin": 2}, {"scores"}),
        ({"score_chosen": 3.0}, {"scores"}),
        ({"margin": float("nan")}, {"scores"}),
        ({"score_chosen": True, "score_rejected": 1.0}, {"scores"}),
        ({"weight": -0.1}, {"scores"}),
        ({"chosen_probability": 1.01}, {"scores"}),
        (
            {
                "prompt": [{"role": "assistant", "content": "x"}],
                "chosen": [{"role": "assistant", "content": "a"}],
                "rejected": [{"role": "assistant", "content": "b"}],
            },
            {"turns"},
        ),
    ],
)
def test_rules(changes, rules):
    assert broken(**changes) == rules


def test_a_truncated_side_can_be_allowed():
    assert broken(allow_truncated=True, chosen_finish="length", rejected_finish="stop") == set()
