"""What several tests use: samplers that vary one thing: temperature, system prompt, a reward model's
choice.
"""

from prefgen.types import Prompt

PROMPT = Prompt.of("Say hello.")
