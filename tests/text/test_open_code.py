"""Fences that stay open: a forgotten one, or an answer that was cut (prefgen/text/spoken_marks.py)."""

import pytest

from prefgen.text.leaks import Leaked, find_leak, without_leaks
from prefgen.text.reasoning import split_reasoning

CODE = [
    "```python\nTEMPLATE = '''<s>[INST] {q} [/INST] {a}</s>",
    "Do it so:\n\n```python\nimport re\nout = re.sub(r'<think>.*?</think>\n",
    "In XML:\n\n```xml\n<thinking>\nfoo\n</thinking>\n<answer>\n",
    "```python\ndef test():\n    assert strip('<think>a</think>b') == 'b'\n    assert strip('a</think>b')",
    "```python\nCASE = '''\n<think>\nhm\n</think>\n\nb'''\n",
    "1. Write:\n\n   ```jinja\n   <|im_start|>{{ role }}\n   {{ content }}<|im_end|>\n   {% endfor",
    "> ```\n> </s> or <|im_end|>\n> and more",
    '```json\n{"tools": "<tool_call>"\n<tool_call>\n',
    "```yaml\nstop:\n  - </s>\n  - <|im_end|>\n",
    "So:\n\n```\nUser: Hi.\nAssistant: Hello.\n",
]
DOUBTFUL = [
    "```html\n<p>Old: 5</s>",
    "```python\ntext = 'hi</s>",
    "```python\nprint(1)\n<|im_end|>",
    "```python\nprint(1)\n<|im_",
    "```python\nprint(1)\n<|im_end|>\n<|im_start|>user\nThanks",
    '```\nFROM qwen\nTEMPLATE """<|im_start|>user\n{{ .Prompt }}<|im_end|>\n"""\nPARAMETER stop <|im_end|>',
    "```python\nprint(1)\n\nHuman: And a lake?\n\nAssistant: Victoria.",
    "Draft:\n```python\nprint(1)\n</think>\n\nThe Nile.",
    "Draft: \n```python\nprint(1)</think>The Nile.",
]


@pytest.mark.parametrize("text", CODE)
def test_what_stands_in_an_open_fence_is_code(text):
    assert split_reasoning(text) == (None, text)
    assert find_leak(text) is None


@pytest.mark.parametrize("text", DOUBTFUL)
def test_in_an_open_fence_nothing_is_cut(text):
    assert split_reasoning(text) == (None, text)
    with pytest.raises(Leaked):
        without_leaks(text)


@pytest.mark.parametrize(
    "thought", ["Draft:\n```python\nprint(1)\n", "Draft: ```python\nprint(1)", "Draft:\n```python\nx = 1  "]
)
def test_a_thought_that_leaves_a_fence_open_ends_where_it_is_closed(thought):
    assert split_reasoning(f"<think>{thought}</think>\n\nThe Nile.") == (thought.strip(), "The Nile.")


@pytest.mark.parametrize("text", ["Put ``` there. It helps.", "``` opens code. It helps.", "~~~\nThe end."])
def test_a_fence_that_is_spoken_about_opens_none(text):
    assert without_leaks(f"{text}<|im_end|>") == text
