"""What several tests use: what repeats within a record, or looks as if it did: equal answers, equal requests
of several plug-ins, short hashes, stale files.
"""

import asyncio
from collections.abc import Sequence

from prefgen import Ask, Plugin, Prompt, Response, Score, judge


@judge("test_task_group")
class InATaskGroup(Plugin):
    """Asks in a TaskGroup, and turns every exception into one of its own when told so."""

    model: str
    wraps: bool = False

    async def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Score]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(ask(self.model, f"Rate {r.text}")) for r in responses]
        except BaseException as wrong:
            if self.wraps:
                raise ValueError("it went wrong") from wrong
            raise
        return [
            Score(response_id=r.id, aspect="a", value=float(len(t.result().text) % 2), scale=(0, 1))
            for r, t in zip(responses, tasks, strict=True)
        ]
