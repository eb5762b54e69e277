"""What several tests use: where records come from: files of every kind, bad rows with their place, datasets
with responses.
"""

from prefgen.engine.curator_tables import curator_table
from prefgen.types import Prompt, Record


def a_table(*prompts):
    return curator_table([Record(prompt=Prompt.of(text, occurrence=i)) for i, text in enumerate(prompts)])
