"""Turns by the names of those who speak, and words that are none (prefgen/text/named_turns.py)."""

import pytest

from prefgen.text.leaks import find_leak, without_leaks

RUN_ONS = [
    "The Nile.\n\nUser: And a lake?\n\nAssistant: Victoria.",
    "The Nile. USER: And a lake? ASSISTANT: Victoria.",
    "The Nile.\n### User: And a lake?\n### Assistant: Victoria.",
    "The Nile.\n\nHuman: And a lake?",
    "The Nile.### Human: And a lake?",
    "The Nile.Human: And a lake?\nAssistant: Victoria.",
    "The Nile.User: And a lake? Assistant: Victoria.",
    "The Nile.user\nAnd a lake?\nassistant\nVictoria.",
    "Rating: 5/5\nAnswer: the Nile\n\nHuman: Thanks",
    "Answer: the Nile\n\nHuman: What is a lake?\n\nAnswer: Water.",
    "The Nile.\n\nUSER: And a lake? ASSISTANT: Victoria.",
    "The Nile.\n\nHuman:",
    "The Nile\n\nHuman: ",
    "The Nile.\n\nUser:\n",
    "The Nile.\n\n### Human:",
    "The Nile.\n\n### Instruction:",
    "The Nile.\n\n**User:**",
    "The Nile.\n \nAssistant:",
    "```\nNile\n```\n\nAssistant:",
    "The Nile.\n\nUser: and Rome?",
    "The Nile.\n\nHuman: And a lake?\n\nClaude: Victoria.\n\nHuman: Thanks",
    "The Nile.\n\nuser\nThanks!",
    "The Nile.\nuser\n",
    "The Nile.user\nThanks!",
    "Is it the Nile?user\nyes",
    "The Nile.user\nAnd the longest?assistant\nThe Nile.",
    "The Nile.\nassistant\nThe Amazon.",
    "The Nile.assistant\nThe Amazon.",
    "The Nile.assistant",
    "The Nile.\nmodel\nThe Nile is long.",
    "The Nile.\n\nmodel\n\nThe Nile is long.",
    "(The Nile.)\nsystem\nYou are helpful.",
    "The Nile.\nHuman: Thanks!",
    "The Nile.\n\nuserAnd the longest?\n\nassistantThe Nile.",
    "The Nile.\n\nuser<module> x\n\nsystem<total_tokens>",
    "The Nile.\n## user\nAnd?\n## assistant\nThe Nile.",
    "春风，|assistant|助时",
    "The Nile.|user|And?",
    "The Nile.\n[USER] thanks\n[ASSISTANT] ok",
    "Le Nil.\n\nUtilisateur : Merci\nAssistant : De rien",
    "Der Nil.\n\nBenutzer: Danke\nAssistent: Gern",
    "The Nile.assistantanalysisThe user asks moreassistantfinalThe Nile.",
    "The Nile.assistantcommentary to=functions.f json{}",
    "commentaryI look.assistantfinalThe Nile.",
    "finalThe Nile.",
    "finalIt is the Nile.",
    "finalIt holds water.",
    "finalThe Nile. finalThe Nile.",
    "So it is\n$ x = 4 $.\nuser\nThanks!",
    "So it is\n$ x $ (by hand)\nuser\nThanks!",
    ">>> I think so.\nuser\nThanks!",
    "finalParis is the capital.",
    "finalWater contains hydrogen and oxygen.",
    "finalParis holds the Louvre.",
    "finalThe Nile holds water.",
    "The Nile.\n\nuserAnd?\n\nuserOr a lake?\n\nassistantVictoria.",
    "The Nile.\n\nuser\nAnd lists?\n\nassistant\nLists are long.\n\nred\nA colour.",
    "The Nile.\n\nuser\nHave lists headings?\n\nred\nA colour.\n\nassistant\nThey do.",
    "The Nile.\n\nuser\nThanks!\n\nbye",
    "The Nile.\n\nuser\nGive me two.\n\nred\nblue",
    "nile\nIt is long.\n\nuser\nThanks!",
    "The Nile.\nsystem\nYou are helpful.\n\nkind\nBe so.",
    "It cost\n$ 5.\nuser\nThanks!",
    "It stands in config.yaml.user\nThanks!",
    "It stands at www.example.com.assistant",
    "They meet at 5 a.m.user\nThanks!",
    "The table is auth.user\nAll logins use it.",
    "| a table |\n\nThe Nile.|user|And?",
]
QUESTIONS = [
    "Name a river.",
    "What is the role of mitochondria?",
    "Explain the stock exchange.",
    "What is petroleum?",
    "What is the difference between a cat and a dog?",
    "Write a Python script that sorts a list.",
    "Describe the scenery.",
    "Parse this JSON.",
    "Tell me a joke.",
    "Tell me a story about a fox.",
    "Which TV plays at 8?",
    "Prepare me for a job interview.",
    "Compare human and machine art.",
]


@pytest.mark.parametrize("asked", QUESTIONS)
@pytest.mark.parametrize("text", RUN_ONS)
def test_a_text_that_runs_on_is_found_whatever_was_asked(text, asked):
    assert find_leak(text, asked) is not None


@pytest.mark.parametrize(
    "standing",
    [
        "A chat between a curious user and an assistant.",
        "Play the role of an assistant.",
        "Talk in dialogue.",
    ],
)
def test_what_was_said_before_asks_for_no_turns(standing):
    assert all(find_leak(text, "Name a river.", standing) for text in RUN_ONS)
    assert without_leaks("Assistant: The Nile.", "Name a river.", standing) == "The Nile."


@pytest.mark.parametrize(
    "asked",
    [
        "Write a dialogue between two friends.",
        "Show me a sample chat log.",
        "Write an interview with a river.",
        "Write a short play about a robot.",
        "Write a movie script.",
        "Give few-shot examples.",
        "Help me write a system prompt.",
        "How should a chatbot greet?",
        "What is RLHF?",
        "Go on.\nHuman: Hi\nAssistant:",
    ],
)
def test_turns_that_were_asked_for_are_none_of_somebody_else(asked):
    assert find_leak("A short one.\n\nUser: Hi!\nAssistant: Hello!", asked) is None


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Elephant: 22 months\n\nHuman: 9 months\n\nMouse: 20 days", "How long is gestation?"),
        ("Cat: Felis catus\n\nHuman: Homo sapiens\n\nDog: Canis lupus", "Name them."),
        ("Cat: Felis\n\nDog: Canis\n\nHuman: Homo sapiens", "Name them."),
        ("Numbers:\n\nHuman: 46\n\nChimp: 48", "How many?"),
        ("They differ.\n\nHuman: 46\nChimp: 48", "How many?"),
        ("Departments\n\nHuman: Resources\n\nMarketing: Ads", "Which?"),
        ("Here is the matrix.\n\nUser: read\nBot: read, write\nAdmin: all", "Who may do what?"),
        (
            "Both have merits.\n\n**Human:** Warm.\n\n**AI:** Fast.\n\nIt depends.",
            "Compare human and AI art.",
        ),
        ("Both have merits.\n\nHuman: Warm.\n\nAI: Fast.\n\nIt depends.", "Compare humans and AIs."),
        ("区别如下。\n\n用户：提问的人。\n助手：回答的人。", "对比用户和助手"),
        (
            "There are three roles:\n\nsystem\nuser\nassistant\n\nEach has a purpose.",
            "Which roles are there?",
        ),
        ("The memory looks like this:\n\nHuman: Hi\nAI: Hello", "How is it kept?"),
        ("The format:\n\n### Instruction:\n{instruction}\n\n### Response:\n", "How is it written?"),
        ("It begins so.\n\n### Instruction:\n{instruction}\n\n### Response:\n", "How is it written?"),
        ("Each text starts with\n\nHuman: ...\n\nAssistant: ...", "How is it written?"),
        ("Name: ____\n\nUser:", "Write a form."),
        ("Manager:\n\nAssistant:", "Write a form."),
        ("Sign here:\n\nUser:", "Write a form."),
        ("Name [x]\n\nUser:", "Write a form."),
        ("It knows one key.\n\nUser: name of who logs in", "Which keys?"),
        ("One asks.\n\nUser: Who?\n\nWe then look it up.", "How does it work?"),
        (
            "INT. LAB\n\nHuman: Who are you?\n\nRobot: I am Unit 7.\n\nHuman: Why?",
            "Write a short sci-fi script.",
        ),
        ("They met.\n\nElf: Hail.\n\nHuman: Who?\n\nElf: Me.\n\nHuman: Ah.", "Write a scene."),
        ("Template 1\n\nUser: [Name]\nIssue: [x]\n\nAssistant: [Agent]\n", "Write a form."),
        ("It has these.\n\nuser\nassistant\nsystem", "Which roles?"),
        ("It has these fields.\nuser\npassword\nhost", "Which fields?"),
        ("password\nuser\n\nThese are all.", "Which fields?"),
        ("The field is\nuser\nand nothing else", "Which field?"),
        ("It fits.\nmodel", "Which word fits, model or system?"),
        ("Read request.user here.", "How do I know who asks?"),
        ("It is request.user", "How do I know who asks?"),
        ("Call it.\nassistant = Assistant()", "How?"),
        ("| id | user |\n|---|---|\n|1|user|", "Show the table."),
        ("a|user|b", "How is it joined?"),
        ("userAgent is a text.\n\nassistantId is a number.", "Which fields?"),
        ("The final assistant analysis is done.", "Go on."),
        ("The assistant finalises it.", "Go on."),
        ("final answer: 5", "What is it?"),
        ("finalScore = 5", "What is it?"),
        ("finalScore is the name.", "What does finalScore mean?"),
        ("finalAmount holds the total after tax.", "What does finalAmount hold?"),
        ("finalTotal is a sum. Print finalTotal.", "Name the variables."),
        ("The props:\n\nuserName is shown.\n\nuserId is the key.", "Which props?"),
        ("It has two.\n\nsystemName is shown.\n\nsystemColor is red.", "Which props?"),
        ("It takes two.\n\nmodel\nIts id (required).\n\nmessages\nWhat was said.", "How is it called?"),
        ("MVC has three parts.\n\nmodel\nThe data.\n\nview\nThe page.", "What is MVC?"),
        ("There are two tables.\n\nuser\n- id: int\n\norder\n- id: int", "Show the schema."),
        ("It has parts.\n\nsystem\n    All.\n    Whole.\n\nkernel\n    Core.\n\nSo it is.", "Explain."),
        ("$ echo $(whoami)\nuser\n$ id -u", "Show a session."),
        (">>> print(role('x'))\nuser\n>>> exit()", "Show a session."),
        ("The class is defined in app.models.assistant", "Where is it?"),
        ("INFO com.shop.user\nStarted", "Show a log."),
        ("It is django.contrib.auth.user\nIt has a name.", "Where is it?"),
        ("|1.|user|Ann|\n|2.|admin|Bob|", "Show the table."),
        ("The table:\n|Hi.|assistant|x|", "Show the table."),
        ("## Roles\n\n## user\n\nWho asks.", "Which roles?"),
    ],
)
def test_words_that_are_no_turns_stay(text, asked):
    assert find_leak(text, asked) is None
    assert without_leaks(text, asked) == text
