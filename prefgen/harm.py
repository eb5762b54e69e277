"""Prompts that were made from harmful texts: how they are marked, so that no such text can come out as the preferred one.

A prompt's metadata holds `harm` (the category), `source_digest` and `source_text`; its harmless look-alike holds `twin_of`.
"""

import hashlib
from typing import Any

from prefgen.types import Prompt, Record, Response

SOURCE = "source"
"""The `principle` of a response that is the harmful text itself."""
BENIGN = "benign_twin"
"""The category of a harmless look-alike."""


def marks_of(text: str, category: str) -> dict[str, Any]:
    """The metadata of a prompt that was made from a harmful text."""
    return {"harm": category, "source_digest": hashlib.blake2b(text.encode(), digest_size=16).hexdigest(), "source_text": text}


def source_of(prompt: Prompt) -> Response | None:
    """The harmful text as a response to the prompt that was made from it; None for other prompts, and where there is no text."""
    text = prompt.metadata.get("source_text")
    if not isinstance(text, str) or not text.strip():
        return None
    return Response.of(prompt, text, principle=SOURCE, origin="human")


def is_harmful(record: Record, response_id: str) -> bool:
    """Whether a response is the harmful text that its prompt was made from, by its mark or by what it says."""
    text = record.prompt.metadata.get("source_text")
    response = next((r for r in record.responses if r.id == response_id), None)
    if text is None or response is None:
        return False
    return response.principle == SOURCE or " ".join(response.text.split()) == " ".join(str(text).split())
