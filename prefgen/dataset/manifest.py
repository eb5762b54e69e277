"""A run's manifest: what it made, of what, what it cost and who answered. One value, which also reads what
earlier versions wrote.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from prefgen.errors import RecipeError, first_problem
from prefgen.stats.order_flips import NO_WINNERS, OrderMatrix
from prefgen.types import Value
from prefgen.version import __version__, with_present_names


class ManifestPart(Value):
    """A part of a manifest; what another version wrote beside it is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=(), populate_by_name=True)
    renamed_fields: ClassVar[Mapping[str, str]] = {}
    """{field: what an earlier version called it}."""

    @model_validator(mode="before")
    @classmethod
    def _read_earlier_names(cls, fields: Any) -> Any:
        return with_present_names(fields, cls.renamed_fields)


class StageCost(ManifestPart):
    """What one stage asked one model for the whole dataset."""

    stage: str
    model: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


class RunCost(ManifestPart):
    """`paid_usd` in this folder, `full_usd` if it were made anew."""

    renamed_fields: ClassVar[Mapping[str, str]] = {
        "full_usd": "new_usd",
    }

    paid_usd: float = 0.0
    full_usd: float = 0.0
    by_stage: tuple[StageCost, ...] = ()


class ServedBy(ManifestPart):
    """Who answered, how often, and when first and last (UTC)."""

    backend: str
    host: str
    model: str
    fingerprint: str
    replies: int
    first: str
    last: str


class OrderEffect(ManifestPart):
    """Of the `pairs` of answers that a judge saw in both orders, whatever became of them, in how many the
    other order has another winner (a tie is a half).
    """

    pairs: int
    flipped: float
    winners: tuple[int, ...] = ()
    """By who wins in the one order and in the other: OrderMatrix.counts; none of earlier versions."""

    @property
    def matrix(self) -> OrderMatrix | None:
        return OrderMatrix(self.winners) if len(self.winners) == len(NO_WINNERS) else None

    def in_words(self, judge: str) -> str:
        """How often the orders differ, and which place the judge prefers, as far as that is known."""
        differ = (
            f"in {self.flipped / max(1, self.pairs):.1%} of the {self.pairs:,} pairs of answers that {judge} "
            "saw in both orders the winners differ (a tie counts as a half)"
        )
        return f"{differ}; {self.matrix.bias()}" if self.matrix else differ


class JournalDigest(ManifestPart):
    """Which replies a dataset rests on: how many, and a digest of their keys."""

    replies: int
    digest: str


class RunYield(ManifestPart):
    """What became of every prompt, overall and by group."""

    renamed_fields: ClassVar[Mapping[str, str]] = {
        "prompts_by_outcome": "prompts_by_fate",
        "dropped_by_curators": "curated_away",
        "high_loss_groups": "heavy_losses",
        "licenses": "licences",
    }

    prompts: int = 0
    responses: int = 0
    pairs: int = 0
    prompts_by_outcome: Mapping[str, int] = Field(default_factory=dict)
    dropped_by_curators: Mapping[str, int] = Field(default_factory=dict)
    failures: Mapping[str, int] = Field(default_factory=dict)
    example_failure: str | None = None
    flags: Mapping[str, int] = Field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Mapping[str, int]]] = Field(default_factory=dict)
    high_loss_groups: tuple[str, ...] = ()
    licenses: Mapping[str, int] = Field(default_factory=dict)


class Manifest(ManifestPart):
    """`complete` says that records/ and pairs/ are whole. Digests are of what their names say; times
    are UTC.
    """

    renamed_fields: ClassVar[Mapping[str, str]] = {
        "finished_at": "written",
        "stage_fingerprints": "identities",
        "code_version": "code",
        "models_without_price": "unpriced",
        "order_effects": "flips",
        "template_digests": "texts",
        "journal_digest": "journal",
        "unvalidated_judges": "unmeasured",
    }

    name: str
    version: str = "0.1.0"
    complete: bool = False
    stopped: str | None = None
    simulated: bool = False
    row_digest: str | None = None
    finished_at: str | None = None
    seed: int = 0
    stage_fingerprints: tuple[tuple[str, str], ...] = ()
    """(label, identity) of each stage, in the recipe's order."""
    code_version: str = ""
    models: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    served_by: tuple[ServedBy, ...] = ()
    cost: RunCost = RunCost()
    attempts: Mapping[str, int] = Field(default_factory=dict)
    yields: RunYield = Field(default=RunYield(), validation_alias="yield", serialization_alias="yield")
    prompts: Mapping[str, Any] | None = None
    """How varied the prompts are, where some were written."""
    description: str = ""
    judges: tuple[str, ...] = ()
    models_without_price: tuple[str, ...] = ()
    order_effects: Mapping[str, OrderEffect] = Field(default_factory=dict)
    template_digests: Mapping[str, str] = Field(default_factory=dict)
    journal_digest: JournalDigest | None = None
    source_files: Mapping[str, str] = Field(default_factory=dict)
    """{path as the recipe has it: SHA-256} of the files that prompts were read from."""
    unvalidated_judges: tuple[str, ...] = ()
    libraries: Mapping[str, str] = Field(default_factory=dict)

    @classmethod
    def read(cls, fields: Any, where: str) -> Self:
        """The manifest that a JSON object is. Raises RecipeError for anything else."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            place, problem = first_problem(error)
            if newer := _newer_version(fields):
                why = f"manifest.json was written by prefgen {newer}, and this is {__version__}: use that one"
                raise RecipeError(why, where) from None
            raise RecipeError(
                f"manifest.json is not one that a run wrote ({place or 'manifest'}: {problem}); delete "
                "it, and run the recipe again: it is written anew from the journal",
                where,
            ) from None

    @classmethod
    def read_if_ours(cls, fields: Any) -> Self | None:
        """The manifest that a JSON object is, and None for another program's: a dataset of the Hub may hold
        any manifest.json.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError:
            return None

    def as_json(self) -> dict[str, Any]:
        """As manifest.json holds it."""
        return self.model_dump(mode="json", by_alias=True)


def _newer_version(fields: Any) -> str | None:
    """The version of prefgen that wrote a manifest, where it is newer than this one."""
    libraries = fields.get("libraries") if isinstance(fields, Mapping) else None
    written = libraries.get("prefgen") if isinstance(libraries, Mapping) else None
    if not isinstance(written, str):
        return None
    return written if _numbers(written) > _numbers(__version__) else None


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers at the beginning of each part: (0, 3, 1) of 0.3.1rc2."""
    return tuple(int(part) for part in re.findall(r"(?:^|\.)(\d+)", version))
