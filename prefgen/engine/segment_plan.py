"""What each segment of a pipeline does, as those who work on its records need to know it."""

from prefgen.engine.record_work import SegmentPlan
from prefgen.recipe.build import Pipeline
from prefgen.tables import Table


def plan_of(pipeline: Pipeline, segment: int, pool: Table | None) -> SegmentPlan:
    """The plan of segment number `segment`; `pool` holds what its synthesizers are told of, if it has any."""
    first = next((stage for stage in pipeline.stages if stage.kind == "sample"), None)
    first_sampler = (first.label, first.plugins[0].name) if first else None
    return SegmentPlan(segment, pipeline.segments[segment].stages, first_sampler, pool)
