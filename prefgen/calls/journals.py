"""Which journal a reply lives in."""

from dataclasses import dataclass

from prefgen.calls.journal import Journal
from prefgen.calls.models import ModelSpec


@dataclass(frozen=True)
class Journals:
    """The project's journal, the one for simulated replies (which never reach the project's), and the one
    that remembers passed stages.
    """

    project: Journal
    simulated: Journal
    progress: Journal

    def of(self, spec: ModelSpec) -> Journal:
        return self.simulated if spec.simulated else self.project
