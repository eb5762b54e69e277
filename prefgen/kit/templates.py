"""Rendering the texts that lie outside Python: prompts/*.j2 and constitutions/*.yaml.

A file of the same name beside the recipe (`prompts/judges/ultrafeedback.j2`) wins over the shipped one.
Templates run in jinja2's sandbox and an undefined name is an error. What models wrote is hostile: templates
fence it with the `fence` filter, which also defuses look-alikes of the fence inside the text.
"""

import hashlib
import re
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from prefgen.errors import RecipeError

_recipe_folder: ContextVar[Path | None] = ContextVar("prefgen_recipe_folder", default=None)


def shipped(folder: str) -> Path:
    """The folder `prompts`, `constitutions` or `pipelines`: inside an installed wheel, or at the top of a
    checkout.
    """
    package_folder = Path(__file__).parent.parent
    installed_folder = package_folder / "shipped" / folder
    return installed_folder if installed_folder.is_dir() else package_folder.parent / folder


def set_recipe_folder(folder: Path | None) -> None:
    """From here on (in this task and those it starts), texts in `folder` win over the shipped ones; files are
    read afresh.
    """
    _recipe_folder.set(folder)
    _load_template.cache_clear()
    _render_cached.cache_clear()


def text_file(folder: str, name: str) -> Path:
    """Where the text `name` of `prompts` or `constitutions` is; raises RecipeError when nowhere."""
    recipe_folder = _recipe_folder.get()
    candidates = [recipe_folder / folder / name] if recipe_folder else []
    candidates.append(shipped(folder) / name)
    for path in candidates:
        if path.is_file():
            return path
    raise RecipeError(
        f"there is no {folder}/{name} (looked in {', '.join(str(c.parent) for c in candidates)})"
    )


def path_beside_recipe(path: str) -> Path:
    """A path that a recipe gives, relative to the folder that it lies in."""
    folder = _recipe_folder.get()
    return folder / path if folder else Path(path)


def text_digest(folder: str, name: str) -> str:
    """A digest of a text's content: part of the identity of a stage."""
    return hashlib.blake2b(
        text_file(folder, name).read_bytes().replace(b"\r\n", b"\n"), digest_size=8
    ).hexdigest()


def render(name: str, /, **values: Any) -> str:
    """Render `prompts/<name>`; blocks and surrounding blank lines are trimmed."""
    try:
        return _load_template(name, _recipe_folder.get()).render(values)
    except jinja2.TemplateError as error:
        path, line = text_file("prompts", name), getattr(error, "lineno", None)
        raise RecipeError(f"{error}", f"{path}:{line}" if line else str(path)) from error


def render_once(name: str, /, **values: Any) -> str:
    """Like `render`, for values that are hashable and come again and again: rendered once a recipe's
    folder.
    """
    return _render_cached(name, _recipe_folder.get(), **values)


@lru_cache(maxsize=512)
def _render_cached(name: str, _folder: Path | None, /, **values: Any) -> str:
    return render(name, **values)


def render_text(template: str, values: Mapping[str, Any]) -> str:
    """Render a template given as text (a recipe's own wording)."""
    try:
        return _environment().from_string(template).render(values)
    except jinja2.TemplateError as error:
        raise RecipeError(f"template {template[:60]!r}: {error}") from error


@lru_cache(maxsize=256)
def _load_template(name: str, folder: Path | None) -> jinja2.Template:
    """Read and compiled once, so that a file that changes during a run does not change what is asked."""
    path = text_file("prompts", name)
    template = _environment().from_string(path.read_text(encoding="utf-8").replace("\r\n", "\n").strip())
    # looked at in each rendering: a chain of mappings takes ten times as long
    template.globals = dict(template.globals)
    return template


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        newline_sequence="\n",
    )
    environment.filters["fence"] = fence
    environment.filters["cell"] = cell
    return environment


def cell(text: str) -> str:
    """A text as one cell of a markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


_FENCE_TAG = re.compile(r"<(?=/?\s*(?:text|prompt|reference|conversation)\b)", re.IGNORECASE)


def fence(text: str, tag: str = "text", number: int | str | None = None) -> str:
    """Hostile text between `<text 1>` and `</text 1>`; a look-alike of the fence inside it loses its angle
    bracket.
    """
    label = tag if number is None else f"{tag} {number}"
    return f"<{label}>\n{_FENCE_TAG.sub('‹', text)}\n</{label}>"
