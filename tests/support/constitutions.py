"""What several tests use: constitutions: what is shipped is whole, and `check` says what is wrong with
one.
"""

import json
from pathlib import Path

ANSWERS = ("Do as you like; it is your choice.", "Please take care of yourself, dear.")


def by_group(body, _):
    """A judge for which liberty prefers the first answer, and every other group the second."""
    text = body["messages"][-1]["content"]
    first = text.index(ANSWERS[0]) < text.index(ANSWERS[1])
    liberty = "adult who decides" in text or "room for views" in text
    label = "A" if first == liberty else "B"
    top = [{"token": label, "logprob": -0.1}, {"token": "AB".replace(label, ""), "logprob": -2.35}]
    choice = {"index": 0, "message": {"role": "assistant", "content": label}, "finish_reason": "stop"}
    return {
        "choices": [choice | {"logprobs": {"content": [{**top[0], "top_logprobs": top}]}}],
        "model": "g",
        "usage": {},
    }


def plural(url, score, **judge):
    from tests.support.recipes import a_recipe

    completions = [{"response": text, "model": name} for text, name in zip(ANSWERS, "ab", strict=True)]
    Path("answers.jsonl").write_text(json.dumps({"prompt": "May I?", "completions": completions}) + "\n")
    return a_recipe(url=url) | {
        "stages": [
            {"prompts": {"use": "records", "path": "answers.jsonl"}},
            {"judge": {"values": {"use": "pairwise", "model": "grader", "constitution": "plural", **judge}}},
            {"pair": {"use": "best_vs_worst", "score": score}},
        ]
    }
