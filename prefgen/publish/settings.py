"""A recipe's `publish:`, and what the command line says in its place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from prefgen.dataset.bad_rows import OnBadRows
from prefgen.dataset.read_run import read_recipe
from prefgen.publish.redaction import Harmful
from prefgen.publish.version import parse_version
from prefgen.recipe.schema import Strict
from prefgen.recipe.validate import parse_section


class PublishSettings(Strict):
    """A recipe's `publish:`, and what the command line overrides."""

    section = "publish"
    renamed_fields: ClassVar[Mapping[str, str]] = {
        "max_repeated_chosen": "canned",
        "allow_truncated": "allow_cut",
    }

    repo: str | None = Field(
        default=None, pattern=r"^[\w.-]+/[\w.-]+$", description="Where: owner/name on the Hub."
    )
    private: bool | None = Field(
        default=None,
        description="Default: private where rows come from harmful texts or a part is private, else public.",
    )
    version: str | None = Field(
        default=None,
        description="Default: the recipe's, or, where that is taken, the next one after what changed.",
    )
    bump: Literal["auto", "major", "minor", "patch"] = Field(
        default="auto", description="Which number a change moves; auto: as the diff says."
    )
    test: float = Field(default=0.05, ge=0, lt=1, description="Share of the prompts in the test split.")
    seed: int = Field(default=0, description="Seed of the splits.")
    harmful: Harmful = Field(
        default="redact",
        description="Texts that prompts were made from: taken out, their rows left out, or published.",
    )

    max_repeated_chosen: float = Field(
        default=0.05, gt=0, le=1, description="The gate: greatest share of one chosen answer."
    )
    allow_truncated: bool = Field(
        default=False, description="The gate: allow pairs with one side cut by the token limit."
    )
    allow: tuple[Literal["truncated", "leak", "format"], ...] = Field(
        default=(),
        description=(
            "Rules of `check` that rows may break on purpose, as texts about chat templates do with `leak`."
        ),
    )
    on_bad_rows: OnBadRows = Field(
        default="drop",
        description="Rows that break a rule: left out of the release and listed, or nothing is published.",
    )

    def allowed_rules(self) -> tuple[str, ...]:
        """Every rule that rows may break."""
        return (*self.allow, *(("truncated",) if self.allow_truncated else ()))

    @field_validator("version")
    @classmethod
    def _check_version(cls, version: str | None) -> str | None:
        if version is not None:
            parse_version(version)
        return version


def read_publish_settings(run: Path, overrides: Mapping[str, Any]) -> PublishSettings:
    """What the recipe of a run says under `publish`, and `overrides` in its place. Raises RecipeError."""
    return parse_section(PublishSettings, "publish", read_recipe(run).get("publish"), overrides)
