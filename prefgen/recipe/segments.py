"""From stages to segments: what stands between two curators, the rounds of synthesizers, and the steps that ask for a curator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from prefgen.errors import RecipeError
from prefgen.plugins.registry import FromSeeds, Plugin
from prefgen.recipe.identity import stage_identity
from prefgen.recipe.load import Loaded, Where
from prefgen.recipe.models import BuiltModel
from prefgen.stages.stage import Stage, StagePlugin
from prefgen.types import content_id


@dataclass(frozen=True)
class StageSpec:
    kind: str
    label: str
    plugins: Sequence[StagePlugin]
    path: Where


@dataclass(frozen=True)
class Segment:
    """Stages between two curators: `curators` thin its input first, then `steps` run for each record.

    A round of synthesizers is a segment of its own: the seeds of `seeding` join its input, and what is written is the next one's input.
    `identity` covers everything up to the segment's end.
    """

    curators: Sequence[tuple[str, Plugin]]
    stages: Sequence[Stage]
    identity: str
    synthesizers: Sequence[StagePlugin] = ()
    round: int = 0


def segments_of(
    stages: Sequence[StageSpec], loaded: Loaded, models: Mapping[str, BuiltModel]
) -> tuple[Sequence[StagePlugin], list[Segment], list[tuple[str, str]]]:
    """(sources, segments, the identity of each stage)."""
    if stages[0].kind != "prompts":
        raise RecipeError("the first stage must be `prompts`", loaded.place(stages[0].path))
    before = ""
    identities: list[tuple[str, str]] = []
    for stage in stages:
        if stage.kind == "prompts" and identities:
            raise RecipeError(
                "`prompts` can only be the first stage; name several sources in it", loaded.place(stage.path)
            )
        before = stage_identity(stage.kind, stage.plugins, before, models)
        identities.append((stage.label, before))
    sources = [p for p in stages[0].plugins if not isinstance(p.plugin, FromSeeds)]
    written = [p for p in stages[0].plugins if isinstance(p.plugin, FromSeeds)]
    leading = list(takewhile(lambda stage: stage.kind == "curate", stages[1:]))
    between = [
        (p, label, identity)
        for stage, (label, identity) in zip(leading, identities[1:], strict=False)
        for p in stage.plugins
    ]
    segments = _rounds(written, between, identities[0], identities[len(leading)][1])
    made = _Segments(segments, identities[0][1])
    for stage, (label, identity) in zip(stages[1:], identities[1:], strict=True):
        for plugged in stage.plugins if stage.kind == "curate" else ():
            made.add_curator(plugged, label, identity)
        if stage.kind != "curate":
            made.add_stage(Stage(stage.kind, label, stage.plugins, identity), identity)  # pyright: ignore[reportArgumentType]
    return sources, made.finish(), identities


class _Segments:
    """Segments as their curators and steps come; a curator that asks a model ends the one before it with a step that asks."""

    def __init__(self, segments: list[Segment], reached: str) -> None:
        self._segments = segments
        self._reached = reached
        self._curators: list[tuple[str, Plugin]] = []
        self._stages: list[Stage] = []

    def add_curator(self, plugged: StagePlugin, label: str, identity: str) -> None:
        plugin: Plugin = plugged.plugin
        if hasattr(plugin, "annotate") and (
            type(plugin).output_column is Plugin.output_column or plugin.operates_on != "prompts"
        ):
            raise RecipeError(
                f"curator {plugged.name!r} annotates prompts: it needs `output_column`, the name of their column, and operates on prompts"
            )
        if plugin.output_column():
            self._stages.append(
                Stage("annotate", label, (plugged,), content_id("weigh", self._reached, identity))
            )
        if self._stages:
            self._close()
        self._curators.append((plugged.name, plugged.plugin))
        self._reached = identity

    def add_stage(self, step: Stage, identity: str) -> None:
        self._stages.append(step)
        self._reached = identity

    def _close(self) -> None:
        self._segments.append(
            Segment(
                tuple(self._curators),
                tuple(self._stages),
                content_id("segment", self._reached, len(self._segments)),
            )
        )
        self._curators, self._stages = [], []

    def finish(self) -> list[Segment]:
        if self._stages or self._curators or not self._segments or self._segments[-1].synthesizers:
            self._close()
        return self._segments


def _rounds(
    written: Sequence[StagePlugin],
    between: Sequence[tuple[StagePlugin, str, str]],
    prompts: tuple[str, str],
    curated: str,
) -> list[Segment]:
    """A segment for each round of the synthesizers; between two rounds the curators that follow the prompts thin what there is."""
    label, identity = prompts
    segments: list[Segment] = []
    for number in range(max((p.plugin.rounds for p in written), default=0)):
        seeding = [p for p in written if p.plugin.rounds > number]
        of_this = content_id("round", number, curated if number else identity)
        thinned = _Segments([], of_this)
        for plugged, its_label, its_identity in between if number else ():
            thinned.add_curator(plugged, its_label, its_identity)
        thinned.add_stage(Stage("synthesize", label, seeding, of_this), of_this)
        *before, last = thinned.finish()
        segments += [*before, replace(last, seeding=seeding, round=number)]
    return segments
