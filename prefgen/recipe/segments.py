"""From stages to segments: what stands between two curators, the rounds of synthesizers, and the steps that
ask for a curator.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from prefgen.errors import RecipeError
from prefgen.plugins.plugin import FromSeeds, Plugin
from prefgen.recipe.identity import stage_identity
from prefgen.recipe.load import LoadedRecipe, Where
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
    """Stages between two curators: `curators` thin its input first, then `stages` run for each record.

    A round of synthesizers is a segment of its own: the seeds of `synthesizers` join its input, and what is
    written is the next one's input. `identity` covers everything up to the segment's end.
    """

    curators: Sequence[tuple[str, Plugin]]
    stages: Sequence[Stage]
    identity: str
    synthesizers: Sequence[StagePlugin] = ()
    round: int = 0


def segments_of(
    stages: Sequence[StageSpec], loaded: LoadedRecipe, models: Mapping[str, BuiltModel]
) -> tuple[Sequence[StagePlugin], list[Segment], list[tuple[str, str]]]:
    """(sources, segments, the identity of each stage)."""
    if stages[0].kind != "prompts":
        raise RecipeError("the first stage must be `prompts`", loaded.place(stages[0].path))
    previous_identity = ""
    identities: list[tuple[str, str]] = []
    for stage in stages:
        if stage.kind == "prompts" and identities:
            raise RecipeError(
                "`prompts` can only be the first stage; name several sources in it", loaded.place(stage.path)
            )
        previous_identity = stage_identity(stage.kind, stage.plugins, previous_identity, models)
        identities.append((stage.label, previous_identity))
    sources = [p for p in stages[0].plugins if not isinstance(p.plugin, FromSeeds)]
    synthesizers = [p for p in stages[0].plugins if isinstance(p.plugin, FromSeeds)]
    leading_stages = list(takewhile(lambda stage: stage.kind == "curate", stages[1:]))
    round_curators = [
        (p, label, identity)
        for stage, (label, identity) in zip(leading_stages, identities[1:], strict=False)
        for p in stage.plugins
    ]
    segments = _round_segments(
        synthesizers, round_curators, identities[0], identities[len(leading_stages)][1]
    )
    builder = _SegmentBuilder(segments, identities[0][1])
    for stage, (label, identity) in zip(stages[1:], identities[1:], strict=True):
        for stage_plugin in stage.plugins if stage.kind == "curate" else ():
            builder.add_curator(stage_plugin, label, identity)
        if stage.kind != "curate":
            kind: Any = stage.kind  # the builder of stages knows no others
            builder.add_stage(Stage(kind, label, stage.plugins, identity), identity)
    return sources, builder.finish(), identities


class _SegmentBuilder:
    """Segments as their curators and steps come; a curator that asks a model ends the one before it with a
    stage that asks.
    """

    def __init__(self, segments: list[Segment], last_identity: str) -> None:
        self._segments = segments
        self._last_identity = last_identity
        self._curators: list[tuple[str, Plugin]] = []
        self._stages: list[Stage] = []

    def add_curator(self, stage_plugin: StagePlugin, label: str, identity: str) -> None:
        plugin: Plugin = stage_plugin.plugin
        annotates = callable(getattr(plugin, "annotate", None))
        if annotates and (
            type(plugin).output_column is Plugin.output_column or plugin.operates_on != "prompts"
        ):
            raise RecipeError(
                f"curator {stage_plugin.name!r} annotates prompts: it needs `output_column`, the name of "
                "their column, and operates on prompts"
            )
        if plugin.output_column():
            self._stages.append(
                Stage("annotate", label, (stage_plugin,), content_id("weigh", self._last_identity, identity))
            )
        if self._stages:
            self._close_segment()
        self._curators.append((stage_plugin.name, stage_plugin.plugin))
        self._last_identity = identity

    def add_stage(self, stage: Stage, identity: str) -> None:
        self._stages.append(stage)
        self._last_identity = identity

    def _close_segment(self) -> None:
        self._segments.append(
            Segment(
                tuple(self._curators),
                tuple(self._stages),
                content_id("segment", self._last_identity, len(self._segments)),
            )
        )
        self._curators, self._stages = [], []

    def finish(self) -> list[Segment]:
        if self._stages or self._curators or not self._segments or self._segments[-1].synthesizers:
            self._close_segment()
        return self._segments


def _round_segments(
    synthesizers: Sequence[StagePlugin],
    round_curators: Sequence[tuple[StagePlugin, str, str]],
    prompts_stage: tuple[str, str],
    curated_identity: str,
) -> list[Segment]:
    """A segment for each round of the synthesizers; between two rounds the curators that follow the prompts
    thin what there is.
    """
    label, identity = prompts_stage
    segments: list[Segment] = []
    for round_number in range(max((p.plugin.rounds for p in synthesizers), default=0)):
        round_synthesizers = [p for p in synthesizers if p.plugin.rounds > round_number]
        round_identity = content_id("round", round_number, curated_identity if round_number else identity)
        builder = _SegmentBuilder([], round_identity)
        for stage_plugin, curator_label, curator_identity in round_curators if round_number else ():
            builder.add_curator(stage_plugin, curator_label, curator_identity)
        builder.add_stage(Stage("synthesize", label, round_synthesizers, round_identity), round_identity)
        *earlier_segments, last_segment = builder.finish()
        segments += [
            *earlier_segments,
            replace(last_segment, synthesizers=round_synthesizers, round=round_number),
        ]
    return segments
