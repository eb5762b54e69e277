"""What a plug-in is: its own configuration, and hooks with defaults for the few that need more than their
role's one method.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from prefgen.errors import RecipeError
from prefgen.types import Prompt, Record
from prefgen.version import read_renamed


class Plugin(BaseModel):
    """What every plug-in is: a frozen set of fields that refuses unknown ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    role: ClassVar[str]
    name: ClassVar[str]
    texts: ClassVar[tuple[str, ...]] = ()
    """Files under prompts/ or constitutions/ that the plug-in reads: part of its stage's identity."""
    cost: ClassVar[str] = ""
    """What it asks of models about a prompt, in words."""
    renamed_fields: ClassVar[Mapping[str, str]] = {}
    """{field: what an earlier version called it}: the old name is still read, and stays in the stage's
    identity.
    """
    later_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that came after a release: in the stage's identity only where they say something."""
    file_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that hold paths of files, relative to the recipe: what is in them is part of the identity."""
    source_files: ClassVar[tuple[str, ...]] = ()
    """Fields of a source that hold paths of files, relative to the recipe. What is in them is no part of the
    identity, since prompts are known by what they say; their digests stand in the manifest.
    """
    code_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that name Python code: a recipe that gives them is code, and `--no-plugins` refuses it."""
    identity_fields: ClassVar[tuple[str, ...]] = ()
    """Fields of a backend that decide what is said: they stand with the model, not under `run`, and are part
    of keys.
    """
    moved_to_models: ClassVar[Mapping[str, str]] = {}
    """{field: the one that holds it where a recipe of an earlier version says it under `run: endpoints:`}: it
    is part of keys since, and that of such a recipe is not.
    """
    selector_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that choose responses, `{model: [...]}` among other things: names under `models` are made those
    that rows show.
    """
    libraries: ClassVar[tuple[str, ...]] = ()
    """Installed packages whose version is part of what the plug-in asks."""
    default_responses: ClassVar[Mapping[str, str]] = {}
    """Which responses it is shown where the recipe does not say (`responses:`); empty: the stage's default.
    """
    operates_on: ClassVar[Literal["prompts", "pairs"]] = "prompts"
    """Which rows a curator sees: all prompts, or all pairs (then it follows a pair stage)."""
    brings_responses: ClassVar[bool] = True
    """Whether the records of a source may hold responses, whose models no recipe names."""
    loads_weights: ClassVar[bool] = False
    """Whether a backend reads a model's weights into this process."""
    self_hosted: ClassVar[bool] = False
    """Whether a backend's models run on the user's own machines: their tokens have no list price."""
    asks_nobody: ClassVar[bool] = False
    """Whether what a backend says is made here, for nothing: by rules, not by a model."""
    source_function: ClassVar[Callable[..., Any] | None] = None
    """The function that the plug-in was made of, if it was."""

    @model_validator(mode="before")
    @classmethod
    def _read_earlier_names(cls, fields: Any) -> Any:
        return read_renamed(fields, cls.renamed_fields, getattr(cls, "name", cls.__name__))

    # pydantic has a deprecated method of this name
    def validate(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Read what lies beside the recipe. Raises RecipeError for whatever can be known to be wrong before
        anything is asked.
        """

    def identity_values(self) -> dict[str, Any]:
        """The fields as the stage's identity holds them: under the names that they had first, and without
        later ones at their defaults, so that no new version changes it.
        """
        defaults = {
            name for name in self.later_fields if getattr(self, name) == type(self).model_fields[name].default
        }
        values = self.model_dump(mode="json", exclude=defaults)
        return {self.renamed_fields.get(name, name): value for name, value in values.items()}

    def models_used(self) -> tuple[str, ...]:
        """The names of the recipe's models that this plug-in asks."""
        names: list[str] = []
        for field in ("model", "models"):
            value = getattr(self, field, None)
            if isinstance(value, str):
                names.append(value)
            elif value is not None:
                names.extend(value)
        return tuple(names)

    def models_scoring(self) -> tuple[str, ...]:
        """Those of them that it asks for rewards."""
        return ()

    def why_no_rewards(self) -> str:
        """Why a backend's model cannot be asked for rewards; empty where it may be, as far as is known."""
        return ""

    def required_judges(self) -> tuple[str, ...]:
        """Judges of earlier stages (or judge.aspect) that the plug-in reads."""
        return ()

    def most_responses(self) -> int | None:
        """How many answers a sampler gives a prompt at most; None where its fields do not tell."""
        return None

    def separate_aspects(self) -> tuple[str, ...]:
        """Aspects of a judge that are never merged unless a recipe names them."""
        return ()

    def rated_scales(self) -> Mapping[str, tuple[float, float]]:
        """{aspect: its lowest and highest rating} that a judge gives; empty where only its verdicts tell."""
        return {}

    def explain(self, record: Record) -> str:
        """Why a pairer made no pair of a record: one of a closed list of reasons, for the yield table."""
        return "no_pair"

    def output_column(self) -> str:
        """The column that a curator's `annotate(prompt, ask)` fills before it sees the table; empty: it asks
        nothing.

        None stands where a reply was lost. Numbers stay in the prompt's metadata. Vectors are there as
        `prefgen.text.vectors.pack_vector` writes them, and only for the curator.
        """
        return ""

    def reference_rows(self) -> Iterable[tuple[str, Prompt]]:
        """(place, prompt) of rows that a curator compares with (benchmark items): annotated too, and not of
        the set.
        """
        return ()

    def rewrite(self, prompt: Prompt) -> Prompt:
        """The prompt as a curator changes it before the table is made (a new text has a new id)."""
        return prompt

    def identity_details(self) -> Mapping[str, Any]:
        """What keys hold of a backend's model beside its name: a digest of its weights, where they are in
        this process.
        """
        return {}


class FromSeeds(Plugin):
    """The fields of every synthesizer: what its seeds are made of. The engine makes them, and hands in one at
    a time.
    """

    seeds: str | None = Field(
        default=None, description="A file of texts to start from, relative to the recipe: one seed a row."
    )
    column: str | None = Field(
        default=None,
        description="The column of that file. Default: messages, prompt, instruction, question or text.",
    )
    count: int | None = Field(
        default=None,
        ge=1,
        description="Seeds a round. Default: one for each row, or 10 where there is no file.",
    )
    shots: int = Field(
        default=0, ge=0, description="Further rows that each seed brings along as examples (`seed.shots`)."
    )
    rounds: int = Field(
        default=1, ge=1, description="Rounds; each sees in its pool what the curators left of those before."
    )
    target: int | None = Field(
        default=None,
        ge=1,
        description=(
            "Prompts that are wanted of it, after the curators: rounds end when there are so many, and "
            "what is over goes."
        ),
    )
    quotas: Mapping[str, int] = Field(
        default={},
        description=(
            "{category: prompts that are wanted of it}, like `target`: a category that has enough gets no "
            "more seeds."
        ),
    )
    seed: int = Field(
        default=0,
        description="Seed of the draws: which rows, which examples, and whatever the synthesizer draws.",
    )

    file_fields = ("seeds",)
    seed_kind: ClassVar[str] = ""
    """What a row of `seeds` is to a synthesizer that cannot do without; empty: it can."""

    @field_validator("quotas")
    @classmethod
    def _check_quotas(cls, quotas: Mapping[str, int]) -> Mapping[str, int]:
        for category, quota in quotas.items():
            if quota < 0:
                raise ValueError(f"a quota is 0 or more, found {quota} for {category!r}")
        return quotas

    def validate(self) -> None:
        if self.seed_kind and self.seeds is None:
            raise RecipeError(f"{self.name} needs `seeds`: a file with {self.seed_kind} a row")
