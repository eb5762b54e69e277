"""THE table of what models and their chat templates mark a text with: where reasoning stands, where a turn
begins and ends, where a tool is called.

One place to add a model family to. What is made of the marks is `prefgen.text.reasoning` (which part is the
answer) and `prefgen.text.leaks` (which of them are left over in one).
"""

REASONING_TAGS = (
    "think", "thinking", "thought", "thoughts", "reasoning", "seed:think", "longcat_think", "mm:think",
    "think_fast", "think_slow", "think_faster", "antthinking", "ant_thinking", "reasoning_content",
    "inner_thoughts",
)  # fmt: skip
"""Names of XML-like tags, <think> and </think>, in any case."""
REASONING_MARKS = (
    ("[THINK]", "[/THINK]"),  # Magistral
    ("◁think▷", "◁/think▷"),  # Kimi
    ("<|begin_of_thought|>", "<|end_of_thought|>"),  # Sky-T1, OpenThinker
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
    ("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ("<unused94>thought", "<unused95>"),  # MedGemma
    ("<|channel>thought", "<channel|>"),  # Gemma 4
    ("<|thinking|>", "<|/thinking|>"),
    ("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"),  # Apriel
    ("Thinking...", "...done thinking."),  # what Ollama prints
)
"""(before, after) reasoning, as models of other families write them."""
REASONING_WORDS = ((r"Here(?: is|['’]s) my thought process:", r"Here(?: is|['’]s) my response:"),)  # Granite
"""Patterns of the sentences that stand before and after reasoning, bold or not, in any combination."""
REASONING_DRESS = (
    r"\*Thinking(?:\.\.\.|…)\*",  # Poe; then Open WebUI, Dify
    r"<details[^<>]{0,200}>\s*<summary>\s*(?:Thinking\W*|Thought(?:s| process| for [^<]{1,30})?)</summary>",
    r"<details type=\"reasoning\"",
    r"&lt;think(?:ing)?&gt;", r"<think\s*/>", r"<thinking_process>", r"<thi(?:nk?)?\s*\Z",
)  # fmt: skip
"""Patterns of how gateways show reasoning, at the start of a text: where it ends is not told."""
ANSWER_MARKS = (
    ("<answer>", "</answer>"), ("<response>", "</response>"), ("<solution>", "</solution>"),
    ("<output>", "</output>"), ("<final_answer>", "</final_answer>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"), ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<|begin_of_box|>", "<|end_of_box|>"),
)  # fmt: skip
"""(before, after) the whole of what follows the reasoning."""

END_TOKENS = (
    "</s>", "<eos>", "<end_of_turn>", "<turn|>", "<end_of_utterance>", "<eoh>", "<eoa>", "<eom>", "<eop>",
    "<EOT>", "<EOS_TOKEN>", "<｜end▁of▁sentence｜>", "<|end▁of▁sentence|>", "[|endofturn|]", "[e~[",
    "<|endoftext|", "&lt;|im_end|&gt;", "&lt;|endoftext|&gt;", "&lt;|eot_id|&gt;", "&lt;/s&gt;",
    "<seed:eos>", "]<]minimax[>[", "<eod>", "<EOD>", "<end_of_text>", "<eot_id>", "<im_end>", "</im_end>",
    "</longcat_s>", "<_end>", "[END FINAL RESPONSE]", "<end_of_sentence>", "<|tool_response>",
    "<tool_response|>", "<tool_call|>", "<|tool>", "<tool|>", "<end_function_call>",
    "<start_function_response>", "<end_function_response>", "<start_function_declaration>",
    "<end_function_declaration>", "<start_of_image>", "<end_of_image>", "[IMG_BREAK]", "[IMG_END]",
)  # fmt: skip
"""What ends a turn, beside every `<|word|>` that `TURN_TOKENS` does not name and the shapes."""
END_SHAPES = (
    r"<reserved_\d+>", r"<SPECIAL_\d+>", r"<unused\d+>", r"<extra_id_[1-9]\d*>", r"\[UNUSED_TOKEN_\d+\]",
    r"\[control_\d+\]", r"<\|plamo:\w+\|>", r"<｜hy_[^<>\s]{1,40}｜>",
)  # fmt: skip
"""Patterns of tokens that vocabularies hold by number."""
WORD_MARKS = (
    "[EOS]", "[EOT]", "<EOS>", "<pad>", "[PAD]", "<unk>", "<sep>", "<escape>", "[CALL_ID]", "[IMG]",
)  # fmt: skip
"""What ends a turn or fills a batch, and is also how people write so: found, but never cut."""
ANY_TOKENS = (
    r"<\|/?[\w▁:./\"-]{1,60}\|>", r"<\|[\w\"-]{1,60}>", r"<[\w\"-]{1,60}\|>", r"<｜[^<>｜\s]{1,60}｜>",
    r"<0x[\dA-F]{2}>",
)  # fmt: skip
"""Patterns of what looks like a token of any vocabulary, and like its bytes: found, but never cut."""
TURN_TOKENS = (
    "<|im_start|>", "<|start_header_id|>", "<|end_header_id|>", "<|header_start|>", "<|header_end|>",
    "<|begin_of_text|>", "<|user|>", "<|assistant|>", "<|system|>", "<|human|>", "<|bot|>", "<|im_user|>",
    "<|im_assistant|>", "<|im_system|>", "<|im_middle|>", "<|im_sep|>", "<|start|>", "<|message|>",
    "<|channel|>", "<|START_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>", "<|USER_TOKEN|>", "<|SYSTEM_TOKEN|>",
    "<|start_of_role|>", "<|end_of_role|>", "<|user_start|>", "<|assistant_start|>", "<|system_start|>",
    "<|prompter|>", "<start_of_turn>", "<|turn>", "<bos>", "<BOS_TOKEN>", "<s>", "[INST]", "[/INST]",
    "<<SYS>>", "<</SYS>>", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[|assistant|]", "[|user|]", "[|system|]",
    "[gMASK]", "<sop>", "<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<extra_id_0>",
    "[|Human|]", "[|Assistant|]", "<role>HUMAN</role>", "<role>ASSISTANT</role>",
    "]~b]", "]~!b[", "<seed:bos>", "<longcat_s>", "<beginning_of_sentence>", "[|AI|]", "<_user>",
    "<_bot>", "<_system>",
)  # fmt: skip
"""What begins a turn, or a text."""
CALL_TOKENS = (
    "<tool_call>", "<tool_calls>", "<function_call>", "<function_calls>", "<function=", "<invoke name=",
    "[TOOL_CALLS]", "<|python_tag|>", "<|tool_call|>", "<|tool_calls|>", "<|tool_calls_section_begin|>",
    "<|tool_call_begin|>", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<|START_ACTION|>",
    "<|tool_call>", "<seed:tool_call>", "<minimax:tool_call>", "<longcat_tool_call>", "<|call|>",
    "<|plugin|>", "<|action_start|>", "[TOOL_REQUEST]", "<tool_use>", "｜DSML｜", "functools[{",
    "<xai:function_call name=", "✿FUNCTION✿:", "<TOOLCALL>",
    "<start_function_call>", "<tool_response>", "<co: ", "</co: ", "[ARGS]{",
    "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CONTENT]",
    "[MODEL_SETTINGS]", "[/MODEL_SETTINGS]",
)  # fmt: skip
"""What begins a call of a tool that nobody has read as one, and what prompts hold of tools and sources."""
USER_NAMES = ("user", "human", "prompter")
ASSISTANT_NAMES = ("assistant", "model", "bot", "ai", "chatbot", "gpt")
"""What templates of words call the two who speak."""
