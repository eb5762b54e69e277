"""Carry a conversation on: an assistant answers, and a simulated user asks again, until the wanted number of
turns. (prefgen/synthesizers/multi_turn.py)
"""

from tests.support.synthesizers import a_seed, an, asked_of, listed


async def test_a_conversation_goes_on_and_ends_with_the_user():
    replies = ["It rises and falls.", listed("And on lakes?"), "Hardly.", listed("Why?")]

    [prompt], asked = await asked_of(
        an("multi_turn", turns=2, seeds="s"), a_seed("What is a tide?"), *replies
    )

    assert [(m.role, m.text) for m in prompt.messages] == [
        ("user", "What is a tide?"),
        ("assistant", "It rises and falls."),
        ("user", "And on lakes?"),
        ("assistant", "Hardly."),
        ("user", "Why?"),
    ]
    assert "assistant: It rises and falls." in asked[1]


async def test_a_conversation_that_was_begun_goes_on_from_its_last_turn():
    begun = [
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "What is a tide?"},
    ]

    [prompt], _ = await asked_of(
        an("multi_turn", seeds="s"), a_seed("What is a tide?", messages=begun), "A rise.", listed("Why?")
    )

    assert [m.text for m in prompt.messages] == ["Hi.", "Hello.", "What is a tide?", "A rise.", "Why?"]
