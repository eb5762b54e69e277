"""Which columns of a row hold what it asks, for every reader. (prefgen/dataset/asked.py, column_names.py)"""

import json

import pytest

from prefgen.dataset.columns import prompt_messages
from prefgen.dataset.pair import NotAPair, pair_messages, text_of, validated_pair
from prefgen.dataset.pair_formats import to_pair_row
from prefgen.errors import RecipeError
from prefgen.sources.file import File
from prefgen.sources.records import Records

SIDES = {"chosen": "yes", "rejected": "no"}


def said(role: str, text: str) -> dict:
    return {"role": role, "content": text}


U, A = (lambda text: said("user", text)), (lambda text: said("assistant", text))


def asked(row: dict, folder, **columns: str) -> list[str]:
    """What each reader takes for the prompt: that of pairs, of records with answers, and of prompts alone."""
    (folder / "d.jsonl").write_text(json.dumps(row))
    pair = pair_messages(to_pair_row(row, columns, "row"), "row")[0]
    [record] = Records(path="d.jsonl", columns=columns).read(folder)
    prompt_columns = {k: v for k, v in columns.items() if k not in ("chosen", "rejected")}
    [alone] = File(path="d.jsonl", columns=prompt_columns).read(folder)
    return [
        " | ".join(f"{turn['role'][0]}:{turn['content']}" for turn in pair),
        *(" | ".join(f"{m.role[0]}:{m.text}" for m in r.prompt.messages) for r in (record, alone)),
    ]


def is_one_line(row: dict, folder, words: str, **columns: str) -> None:
    """No reader takes the row."""
    (folder / "d.jsonl").write_text(json.dumps(row))
    for read in (
        lambda: validated_pair(to_pair_row(row, columns, "row"), "row"),
        lambda: list(Records(path="d.jsonl", columns=columns).read(folder)),
    ):
        with pytest.raises(RecipeError, match=words) as caught:
            read()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "columns", "prompt"),
    [
        ({"ask": "Sum.", "in": "LONG"}, {"prompt": "ask", "input": "in"}, "u:Sum.\n\nLONG"),
        ({"instruction": "Sum.", "input": "LONG"}, {"prompt": "instruction"}, "u:Sum.\n\nLONG"),
        ({"Instruction": "Sum.", "Input": "LONG"}, {"prompt": "Instruction"}, "u:Sum.\n\nLONG"),
        ({"Instruction": "Sum.", " input ": "LONG"}, {}, "u:Sum.\n\nLONG"),
        ({"System": "Be rude", "prompt": "Q"}, {}, "s:Be rude | u:Q"),
        ({" system": "Be rude", "Prompt": "Q"}, {}, "s:Be rude | u:Q"),
        ({"prompt": "Sum.", "input": "LONG"}, {"input": "input"}, "u:Sum.\n\nLONG"),
        ({"prompt": "Sum.", "input": "LONG"}, {"prompt": "prompt"}, "u:Sum."),
        ({"prompt": "Sum this: LONG", "input": "LONG"}, {}, "u:Sum this: LONG"),
        ({"instruction": "A", "question": "B"}, {"prompt": "question"}, "u:B"),
        ({"instruction": "A", "question": "A"}, {}, "u:A"),
        ({"instruction": "A", "input": "B", "text": "A B C"}, {}, "u:A\n\nB"),
        ({"prompt": "A\n\nB", "instruction": "A", "input": "B"}, {}, "u:A\n\nB"),
        ({"prompt": "q1", "messages": [U("q0"), A("a0"), U("q1")]}, {}, "u:q0 | a:a0 | u:q1"),
        ({"prompt": "q", "messages": [U("q"), A("yes")]}, {}, "u:q"),
        ({"query": "Q", "history": [["h", "i"]]}, {}, "u:h | a:i | u:Q"),
        ({"q": "Q", "h": [["h", "i"]]}, {"prompt": "q", "history": "h"}, "u:h | a:i | u:Q"),
        ({"conversations": [{"from": "human", "value": "Q"}]}, {}, "u:Q"),
        ({"messages": None, "input": "Q"}, {}, "u:Q"),
        ({"instruction": "Q", "input": "nan", "system": "N/A", "history": []}, {}, "u:Q"),
        ({"instruction": "Q", "input": "<noinput>", "context": "None"}, {}, "u:Q"),
        ({"instruction": "Q", "input": "No input"}, {}, "u:Q"),
    ],
)
def test_all_readers_are_asked_the_same(row, columns, prompt, tmp_path):
    assert asked({**row, **SIDES}, tmp_path, **columns) == [prompt] * 3


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"instruction": "Answer yes or no.", "question": "Is the sky blue?"}, "instruction and question"),
        ({"prompt": "q0", "messages": [U("q0"), A("a0"), U("q1")]}, "messages and prompt ask"),
        ({"prompt": "q", "conversations": [U("other")]}, "conversations and prompt ask"),
        ({"question": "Who?", "context": "Doc says Bob"}, "context stands beside question"),
        ({"prompt": "Summarize.", "input": "LONG TEXT"}, "input stands beside prompt"),
        ({"prompt": "Q", "system": "S", "System": "T"}, "two columns of one name"),
        ({"image": "http://x/a.png", "question": "What is it?"}, "image stands in a column"),
        ({"images": ["a.png"], "prompt": "What is it?"}, "images stands in a column"),
        ({"functions": [{"name": "f"}], "prompt": "What is it?"}, "functions is an earlier name"),
        ({"prompt": [{**U("What?"), "images": ["a.png"]}]}, "a message has 'images'"),
        ({"prompt": [U("Q"), A("Sure, ")]}, "ends with a turn of the assistant|not end with a user turn"),
        ({"prompt": "\n\nHuman: Q\n\nAssistant: Sure,"}, "turn of the assistant|not end with a user turn"),
        ({"prompt": "nan"}, "what a table writes for nothing"),
        ({"prompt": "q", "chosen": "#NAME?"}, "what a table writes for nothing"),
        ({"prompt": "q", "rejected": "NaN"}, "what a table writes for nothing"),
        ({"prompt": [said("system", "S"), A("hi"), U("u")]}, "after a system turn comes a user's"),
    ],
)
def test_what_would_be_left_out_is_one_line(row, words, tmp_path):
    is_one_line({**SIDES, **row}, tmp_path, words)


WHOLE = {"chosen": [U("q"), A("x")], "rejected": [U("q"), A("y")]}


@pytest.mark.parametrize(
    "beside",
    [
        {"prompt": "q"},
        {"prompt": [U("q")]},
        {"prompt": "q", "messages": [U("q"), A("x")]},
        {"instruction": "q"},
        {"input": "q", "text": "anything"},
        {"chat_history": [U("q")]},
        {"prompt": "q", "chat_history": ["q"]},
    ],
)
def test_what_stands_beside_whole_conversations_says_the_same(beside):
    prompt, chosen, rejected = validated_pair(to_pair_row({**WHOLE, **beside}, {}, "row"), "row")
    assert [text_of(turns) for turns in (prompt, chosen, rejected)] == ["q", "x", "y"]


@pytest.mark.parametrize(
    "beside",
    [
        {"question": "ANOTHER"},
        {"prompt": "ANOTHER"},
        {"prompt": [U("q"), A("z")]},
        {"messages": [U("ANOTHER"), A("x")]},
        {"history": [["h", "i"]]},
        {"context": "Doc says Bob"},
    ],
)
def test_what_stands_beside_whole_conversations_and_says_else_is_refused(beside):
    with pytest.raises(RecipeError, match="row: .*(do not answer the|hold the whole conversation)"):
        validated_pair(to_pair_row({**WHOLE, **beside}, {}, "row"), "row")


def test_sides_that_begin_with_the_assistant_yield_no_prompt():
    sides = {s: [A("hi"), U("u"), A(s)] for s in ("chosen", "rejected")}

    whole = validated_pair(to_pair_row({"messages": [U("q0")], "system": "S", **sides}, {}, "row"), "row")
    assert [turn["content"] for turn in whole[0]] == ["S", "q0"]
    with pytest.raises(NotAPair, match="there is no prompt"):
        validated_pair(to_pair_row({"system": "S", **sides}, {}, "row"), "row")


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        ([U("q"), A("x"), U("A?"), A("z")], [U("q"), A("x"), U("B?"), A("w")]),
        ([U("q"), A("x"), U("more"), A("z")], [U("q"), A("x")]),
    ],
)
def test_turns_of_the_user_within_the_sides_are_the_same(chosen, rejected):
    with pytest.raises(NotAPair, match="turns of the user within"):
        validated_pair({"chosen": chosen, "rejected": rejected}, "row")


@pytest.mark.parametrize("sides", [{"from": "gpt", "value": "x"}, 5, [5], {}])
@pytest.mark.parametrize("conversations", [None, 5, [], "q"])
def test_any_conversation_of_llama_factory_is_read_or_one_line(conversations, sides):
    row = {"conversations": conversations, "chosen": sides, "rejected": {"from": "gpt", "value": "y"}}
    if conversations == "q" and isinstance(sides, dict) and sides:
        assert text_of(validated_pair(to_pair_row(row, {}, "row"), "row")[1]) == "x"
        return
    with pytest.raises(RecipeError, match="^row: "):
        validated_pair(to_pair_row(row, {}, "row"), "row")


@pytest.mark.parametrize(("role", "is_prompt"), [("user", True), ("prompter", True), ("assistant", False)])
def test_a_text_of_the_assistant_is_no_prompt(role, is_prompt):
    row = {"message_id": "2", "text": "I am the answer", "role": role}
    if is_prompt:
        assert prompt_messages(row, {}, "row")[0].text == "I am the answer"
    else:
        with pytest.raises(RecipeError, match="row: the text is the assistant's"):
            prompt_messages(row, {}, "row")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"prompt": "Q", "system_message": "S"}, "call it system"),
        ({"prompt": "Q", "custom_system_prompt": "S"}, "call it system"),
        ({"prompt": "Q", "system_prompts": ["S", "T"]}, "call it system"),
        ({"prompt": "Q", "developer_message": "S"}, "call it system"),
        ({"prompt": "Q", "chat_template_kwargs": {"custom_instructions": "S"}}, "put what it says into the"),
        ({"prompt": "Q", "chat_template_kwargs": '{"xml_tools": ["x"]}'}, "put what it says into the system"),
        ({"prompt": "Q", "chat_history": [U("a"), A("b")]}, "put its turns before"),
        ({"prompt": "Q", " Previous_Turns": [["a", "b"]]}, "put its turns before"),
        ({"prompt": "Q", "available_tools": [{"name": "f"}]}, "tools=available_tools"),
        ({"question": "Q", "passage": "Long."}, "input=passage"),
        ({"question": "Q", "documents": ["Long."]}, "write them into the prompt"),
        ({"query": "Q", "document": "Long."}, "input=document"),
        ({"question": "Q", "choices": ["x", "y"]}, "write them into the prompt"),
        ({"question": "Q", "options": {"A": "x", "B": "y"}}, "write them into the prompt"),
        ({"question": "Q", "options": {"A": 4, "B": 5}}, "write them into the prompt"),
        ({"question": "What is 2+2?", "choices": [4, 5]}, "write them into the prompt"),
        ({"question": "Is it 14 or 45?", "choices": ["4", "5"]}, "write them into the prompt"),
        ({"question": "4 or 5?", "options": ["A. 4", "B. 5"]}, "write them into the prompt"),
        ({"question": "A) 5 B) 4", "options": ["A. 4", "B. 5"]}, "write them into the prompt"),
        ({"question": "Q", "choices": {"text": ["x"], "label": ["A"]}}, "write them into the prompt"),
        ({"prompt": "Bananas?", "chat_history": [["a", "b"]]}, "put its turns before"),
        ({"prompt": "Hi", "chat_history": [U("Hi"), A("Hi")]}, "put its turns before"),
        ({"prompt": "b then a", "chat_history": ["a", "b"]}, "put its turns before"),
        ({"prompt": "Summarise.", "document": "Long."}, "input=document"),
        ({"prompt": "Which?", "options": ["x", "y"]}, "write them into the prompt"),
        ({"messages": "Which?", "choices": ["x", "y"]}, "write them into the prompt"),
        ({"instruction": "Say it.", "passages": ["x", "y"]}, "write them into the prompt"),
        ({"prompt": "Q", "sys_prompt": "S"}, "call it system"),
        ({"prompt": "Q", "sys": "S"}, "call it system"),
        ({"prompt": "Q", "system-msg": "S"}, "call it system"),
        ({"instruction": "Say it.", "text": "yes or no"}, "input=text"),
        ({"instruction": "Translate.", "text": "Hallo."}, "input=text"),
        ({"question": "Who wrote it?", "document": "Who wrote it?\n\nA man in 1897."}, "input=document"),
        ({"question": "What is light?", "passage": "FAQ. What is light? It is ..."}, "input=passage"),
        ({"prompt": "Hi", "system_message": "You are rude. Say Hi backwards."}, "call it system"),
        ({"prompt": "What is the weather?", "available_tools": [{"name": "weather"}]}, "tools="),
        ({"prompt": "Use search.", "available_tools": ["search"]}, "tools=available_tools"),
        ({"prompt": "Q", "systemMessage": "S"}, "call it system"),
        ({"prompt": "Q", "chatHistory": [["a", "b"]]}, "put its turns before"),
        ({"prompt": "Q", "Chat history": [["a", "b"]]}, "put its turns before"),
        ({"prompt": "Q", "available-tools": ["f"]}, "tools=available_tools"),
    ],
)
def test_what_is_certainly_asked_is_not_dropped(row, words, tmp_path):
    is_one_line({**row, **SIDES}, tmp_path, f"would be lost: .*{words}")
    (tmp_path / "d.jsonl").write_text(json.dumps(row))
    with pytest.raises(RecipeError, match="would be lost"):
        list(File(path="d.jsonl").read(tmp_path))

    name = next(iter(row))
    assert asked({**row, **SIDES}, tmp_path, prompt=name) == [f"u:{row[name]}"] * 3


@pytest.mark.parametrize(
    ("row", "prompt"),
    [
        ({"prompt": "Q", "chat_history": [], "system_message": None, "available_tools": "n/a"}, "u:Q"),
        (
            {"prompt": "Q", "developer": "Ann", "chat_template_kwargs": {"enable_thinking": True, "a": []}},
            "u:Q",
        ),
        ({"prompt": "Q", "chat_template_kwargs": {"custom_instructions": "", "xml_tools": None}}, "u:Q"),
        ({"prompt": "Q", "chat_template_kwargs": '{"thinking_budget": 512, "enable_thinking": true}'}, "u:Q"),
        ({"question": "Read: Long. Why?", "passage": "Long."}, "u:Read: Long. Why?"),
        ({"question": "x or y?", "choices": ["x", "y"]}, "u:x or y?"),
        (
            {"question": "2+2?\n(A) 4\n(B) 5", "choices": {"text": ["4", "5"], "label": ["A", "B"]}},
            "u:2+2?\n(A) 4\n(B) 5",
        ),
        ({"question": "2+2? A) 4 B) 5", "options": ["A. 4", "B. 5"]}, "u:2+2? A) 4 B) 5"),
        ({"question": "2+2? A) 4 B) 5", "options": '{"A": 4, "B": 5}'}, "u:2+2? A) 4 B) 5"),
        ({"question": "是甲还是乙？", "choices": ["甲", "乙"]}, "u:是甲还是乙？"),
        ({"question": "Q", "options": {"shuffle": True}, "choices": [None, ""]}, "u:Q"),
        ({"prompt": "Q", "previous_turns": 0}, "u:Q"),
        (
            {"prompt": "I said Hi, you said Ho: Q", "chat_history": [["Hi", "Ho"]]},
            "u:I said Hi, you said Ho: Q",
        ),
        ({"instruction": "Q", "text": "yes"}, "u:Q"),
        (
            {"prompt": [U("q0"), A("a0"), U("q1")], "chat_history": [U("q0"), A("a0")]},
            "u:q0 | a:a0 | u:q1",
        ),
        (
            {"prompt": [U("q0"), A("a0"), U("q1")], "chat_history": [{"from": "human", "value": "q0"}]},
            "u:q0 | a:a0 | u:q1",
        ),
        ({"prompt": "x or y? d", "choices": ["x", "y"], "document": "d", "text": "t"}, "u:x or y? d"),
        ({"instruction": "Translate.", "text": "### Instruction: Translate. ### Response:"}, "u:Translate."),
    ],
)
def test_what_the_prompt_holds_is_not_asked_twice(row, prompt, tmp_path):
    assert asked({**row, **SIDES}, tmp_path) == [prompt] * 3


@pytest.mark.parametrize(
    "history",
    [[U("q1"), A("a0")], [U("q0"), A("q0")], [U("q0"), A("a")], [U("q0"), A("a0"), U("q")], [["a0", "q0"]]],
)
def test_a_history_of_other_turns_than_the_prompts_is_not_dropped(history, tmp_path):
    row = {**SIDES, "prompt": [U("q0"), A("a0"), U("q1")], "chat_history": history}
    is_one_line(row, tmp_path, "put its turns before")


def test_a_system_turn_of_the_sides_is_not_asked_twice():
    sides = {side: [said("system", "S"), U("q"), A(side)] for side in SIDES}

    read = validated_pair(to_pair_row({**sides, "system_message": "S"}, {}, "row"), "row")
    assert [turn["content"] for turn in read[0]] == ["S", "q"]
    for lost in ("Be rude", "chosen"):
        with pytest.raises(RecipeError, match="call it system"):
            to_pair_row({**sides, "system_message": lost}, {}, "row")
    with pytest.raises(RecipeError, match="call it system"):
        to_pair_row({**sides, "rejected": [U("q"), A("no")], "system_message": "S"}, {}, "row")


STEPS = {"prompt": "Q", "chosen": "so yes", "rejected": "so no"}


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ({"initial_reason_steps": "Step 1: a."}, "initial_reason_steps is what the answers begin with"),
        ({"response_prefix": "Well, "}, "response_prefix is what the answers begin with"),
        ({"full_chosen": "Step 1: a. so yes", "full_rejected": "b"}, "chosen=full_chosen"),
        ({"rejected_full": "Step 1: a. so no"}, "rejected=rejected_full"),
    ],
)
def test_answers_do_not_begin_in_the_middle(beside, words, tmp_path):
    is_one_line({**STEPS, **beside}, tmp_path, words)


def test_answers_that_are_whole_are_let_be(tmp_path):
    whole = {"full_chosen": "Step 1: a. so yes", "full_rejected": "Step 1: a. so no"}
    steps = {**STEPS, **whole, "initial_reason_steps": "Step 1: a."}
    mapped = {"chosen": "full_chosen", "rejected": "full_rejected"}

    assert asked(steps, tmp_path, **mapped)[0] == "u:Q"
    assert (
        asked({**STEPS, "full_chosen": "so yes", "chosen_full": "[INST] Q [/INST] so yes"}, tmp_path)[0]
        == "u:Q"
    )


@pytest.mark.parametrize(
    "name", ["systemPrompt", "SystemPrompt", "system-prompt", "System prompt", "SYSTEM_PROMPT"]
)
def test_a_known_column_is_known_in_every_spelling(name, tmp_path):
    row = {"prompt": "Q", name: "Be brief.", **SIDES}

    assert set(asked(row, tmp_path)) == {"s:Be brief. | u:Q"}
    with pytest.raises(RecipeError, match="two columns of one name"):
        to_pair_row({**row, "system_prompt": "Be long."}, {}, "row")


def test_tools_that_stand_there_twice_are_there_once():
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]

    row = to_pair_row(
        {"prompt": "Q", "tools": tools, "available_tools": json.dumps(tools), **SIDES}, {}, "row"
    )

    assert row["tools"]
