"""What several tests use: curators that ask a policy how hard a prompt is."""

import json

from tests.support.recipes import a_recipe


def arithmetic(url, folder, curate):
    """Four sums with references, one prompt without."""
    rows = [{"prompt": f"{word} sum?", "references": ["4"]} for word in ("Easy", "Fair", "Hard", "Lost")] + [
        {"prompt": "What do you like?"}
    ]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = a_recipe(url=url)
    recipe["stages"] = [
        {"prompts": {"use": "file", "path": "sums.jsonl"}},
        {"curate": [curate]},
        recipe["stages"][1],
    ]
    return recipe


def policy(body, seen):
    asked = body["messages"][-1]["content"]
    if "Lost" in asked:
        return ""
    right = {"Easy": 8, "Fair": 3, "Hard": 0}.get(asked.split()[0], 0)
    texts = ["It is 4." if i < right else "It is 5." for i in range(body.get("n") or 1)]
    return {
        "choices": [
            {"index": i, "message": {"role": "assistant", "content": t}, "finish_reason": "stop"}
            for i, t in enumerate(texts)
        ],
        "model": body["model"],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    }
