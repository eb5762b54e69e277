"""What judges and revisers are shown of a prompt: all that the answering model saw, as material."""

import json
from typing import Any, NamedTuple

from prefgen.kit.templates import render
from prefgen.types import ImagePart, Message, Prompt, Response, TextPart, system, user


class Turn(NamedTuple):
    """A turn as templates show it."""

    role: str
    text: str


def conversation_for_judge(prompt: Prompt) -> list[Turn]:
    """The conversation with its system turns, the tools that were offered, the calls of tools that it holds,
    and a mark where an image stands.
    """
    turns: list[Turn] = []
    image_count = 0
    for message in prompt.messages:
        text, image_count = _text_with_marks(message, image_count)
        turns.append(Turn(message.role, text))
    if prompt.tools:
        tools = "\n".join(json.dumps(tool, ensure_ascii=False, sort_keys=True) for tool in prompt.tools)
        turns.insert(0, Turn("tools", tools))
    return turns


def _text_with_marks(message: Message, image_count: int) -> tuple[str, int]:
    text = message.text
    if not isinstance(message.content, str):
        parts: list[str] = []
        for part in message.content:
            if isinstance(part, ImagePart):
                image_count += 1
                parts.append(f"[image {image_count}]")
            else:
                parts.append(part.text)
        text = "\n".join(parts)
    calls = [f"{call.name}({call.arguments})" for call in message.tool_calls]
    return "\n".join(filter(None, [text, *calls])), image_count


def text_for_judge(response: Response) -> str:
    """What an answer says: its text, or all its turns where they are several, or call tools."""
    if len(response.messages) == 1 and not response.messages[0].tool_calls:
        return response.text
    turns = ((message.role, _text_with_marks(message, 0)[0]) for message in response.messages)
    if len(response.messages) == 1:
        return next(turns)[1]
    return "\n\n".join(f"{role}: {text}" for role, text in turns)


def material_message(text: str, prompt: Prompt) -> Message:
    """A rendered question as the user's turn, followed by the prompt's images in their order."""
    images = [
        part
        for message in prompt.messages
        if not isinstance(message.content, str)
        for part in message.content
        if isinstance(part, ImagePart)
    ]
    return Message(role="user", content=(TextPart(text=text), *images)) if images else user(text)


def judge_messages(template: str, prompt: Prompt, **values: Any) -> list[Message]:
    """The judge's system text, and the rendered question about answers to a prompt."""
    text = render(template, conversation=conversation_for_judge(prompt), **values)
    return [system(render("judges/judge_system.j2")), material_message(text, prompt)]


def reviser_messages(template: str, prompt: Prompt, **values: Any) -> list[Message]:
    """The reviser's system text, and what is to be done with an answer to a prompt."""
    text = render(template, conversation=conversation_for_judge(prompt), **values)
    return [system(render("revisers/reviser_system.j2")), material_message(text, prompt)]
