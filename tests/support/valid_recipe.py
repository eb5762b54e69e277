"""What several tests use: recipes: what is wrong is said with its place and the nearest name; what is the
same has the same identity.
"""

import textwrap

from prefgen.recipe.build import build
from prefgen.recipe.load import load_recipe

GOOD = """\
name: r
models:
  writer: {use: simulated}
  grader: {use: simulated, temperature: 0}
stages:
  - prompts: {use: inline, prompts: [Hello]}
  - sample: {use: each, model: writer, n: 2}
  - judge:
      quality: {use: ultrafeedback, model: grader}
  - pair: {use: best_vs_worst, score: quality}
"""


def built(text: str, tmp_path, sets=()):
    path = tmp_path / "r.yaml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return build(load_recipe(path, sets))
