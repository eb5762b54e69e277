"""THE table of what models and their chat templates mark a text with: where reasoning stands, where a turn
begins and ends, where a tool is called.

One place to add a model family to. What is made of the marks is `prefgen.text.reasoning` (which part is the
answer) and `prefgen.text.leaks` (which of them are left over in one).
"""

REASONING_TAGS = (
    "think", "thinking", "thought", "thoughts", "reasoning", "seed:think", "longcat_think", "mm:think",
    "think_fast", "think_slow", "think_faster", "antthinking", "ant_thinking",
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
    ("Here is my thought process:", "Here is my response:"),  # Granite
    ("Here's my thought process:", "Here's my response:"),
    ("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"),  # Apriel
    ("Thinking...", "...done thinking."),  # what Ollama prints
)
"""(before, after) reasoning, as models of other families write them."""
ANSWER_MARKS = (
    ("<answer>", "</answer>"), ("<response>", "</response>"), ("<solution>", "</solution>"),
    ("<output>", "</output>"), ("<final_answer>", "</final_answer>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"), ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<|begin_of_box|>", "<|end_of_box|>"),
)  # fmt: skip
"""(before, after) the whole of what follows the reasoning."""

END_TOKENS = (
    "</s>", "<eos>", "<end_of_turn>", "<turn|>", "<end_of_utterance>", "<eoh>", "<eoa>", "<eom>", "<eop>",
    "<EOT>", "<EOS_TOKEN>", "<｜end▁of▁sentence｜>", "<|end▁of▁sentence|>", "[|endofturn|]", "[EOS]", 
    "[e~[", "<pad>", "[PAD]", "<unk>", "<|endoftext|", "&lt;|im_end|&gt;", "&lt;|endoftext|&gt;",
    "&lt;|eot_id|&gt;", "&lt;/s&gt;", "<seed:eos>", "]<]minimax[>[", "<EOS>", "[EOT]", "<eod>",
)  # fmt: skip
"""What ends a turn or fills a batch, beside every `<|word|>` that `TURN_TOKENS` does not name."""
TURN_TOKENS = (
    "<|im_start|>", "<|start_header_id|>", "<|end_header_id|>", "<|header_start|>", "<|header_end|>",
    "<|begin_of_text|>", "<|user|>", "<|assistant|>", "<|system|>", "<|human|>", "<|bot|>", "<|im_user|>",
    "<|im_assistant|>", "<|im_system|>", "<|im_middle|>", "<|im_sep|>", "<|start|>", "<|message|>",
    "<|channel|>", "<|START_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>", "<|USER_TOKEN|>", "<|SYSTEM_TOKEN|>",
    "<|start_of_role|>", "<|end_of_role|>", "<|user_start|>", "<|assistant_start|>", "<|system_start|>",
    "<|prompter|>", "<start_of_turn>", "<|turn>", "<bos>", "<BOS_TOKEN>", "<s>", "[INST]", "[/INST]",
    "<<SYS>>", "<</SYS>>", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[|assistant|]", "[|user|]", "[|system|]",
    "[gMASK]", "<sop>", "<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<extra_id_0>",
     "]~b]", "]~!b[",
)  # fmt: skip
"""What begins a turn, or a text."""
CALL_TOKENS = (
    "<tool_call>", "<tool_calls>", "<function_call>", "<function_calls>", "<function=", "<invoke name=",
    "[TOOL_CALLS]", "<|python_tag|>", "<|tool_call|>", "<|tool_calls|>", "<|tool_calls_section_begin|>",
    "<|tool_call_begin|>", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<|START_ACTION|>",
    "<|tool_call>", "<seed:tool_call>", "<minimax:tool_call>", "<longcat_tool_call>", "<|call|>",
    "<|plugin|>", "<|action_start|>",
)  # fmt: skip
"""What begins a call of a tool that nobody has read as one."""
USER_NAMES = ("user", "human", "prompter")
ASSISTANT_NAMES = ("assistant", "model", "bot", "ai", "chatbot", "gpt")
"""What templates of words call the two who speak."""
