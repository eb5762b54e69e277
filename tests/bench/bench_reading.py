"""What it costs to read a reply: a row of docs/bench.md each, in microseconds (the least of seven runs).

python tests/bench/bench_reading.py
"""

import json
import timeit
from collections.abc import Callable

from prefgen.calls.usable_reply import usable_reply, without_leftovers
from prefgen.kit.aspect_replies import read_ratings
from prefgen.kit.reply_labels import label_in_text
from prefgen.transport.openai_replies import reply_of
from prefgen.types import Reply, user

TEXT = "This is an answer of some words that goes on for a while. " * 5
ANSWER = {
    "model": "mock",
    "choices": [{"message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
}
REASONS = (
    "Text A names the capital and gives the date of its founding. Text B is polite, but it does not answer "
    "the question that was asked. It also repeats the request at length. Text A is more helpful overall."
)
ASPECTS = ("instruction_following", "honesty", "truthfulness", "helpfulness")
RATINGS = {
    f"text_{number}": {aspect: {"rationale": "It is all right.", "rating": 4} for aspect in ASPECTS}
    for number in (1, 2, 3, 4)
}


def microseconds(read: Callable[[], object], times: int) -> float:
    return min(timeit.repeat(read, number=times, repeat=7)) / times * 1e6


def main() -> None:
    reply, asked = reply_of(ANSWER, "chat"), [user("Why?")]
    judged = Reply(text=json.dumps(RATINGS), finish_reason="stop")
    rows: dict[str, tuple[Callable[[], object], int]] = {
        "a server's reply": (lambda: reply_of(ANSWER, "chat"), 5000),
        "is it whole, and does it hold nothing else": (
            lambda: without_leftovers(usable_reply(reply), "strip", asked),
            5000,
        ),
        "sixteen ratings of a judge": (lambda: read_ratings(judged, ASPECTS, 4), 1000),
        "a label alone, as it is asked for": (lambda: label_in_text("A", "AB"), 1000),
        "a label behind its reasons": (lambda: label_in_text(f"{REASONS}\n\nAnswer: A", "AB"), 100),
    }
    for name, (read, times) in rows.items():
        print(f"| {name} | {microseconds(read, times):.1f} us |")


if __name__ == "__main__":
    main()
