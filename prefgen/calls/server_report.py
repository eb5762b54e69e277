"""What is found out of a server: its models, and for each feature whether it works, in words and as a value
that can be kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from prefgen.text.said_lines import Line, line

State = Literal["works", "fails", "not offered", "not known"]
STYLES: Mapping[State, str] = {
    "works": "green",
    "fails": "bold red",
    "not offered": "yellow",
    "not known": "dim",
}


@dataclass(frozen=True)
class Finding:
    """What was found of one feature: `words` say what the server did, `means` what of prefgen does not work
    with it, `setting` what helps, as it stands in a recipe.
    """

    feature: str
    state: State
    words: str
    means: str = ""
    setting: str = ""

    def said(self) -> Line:
        end = f". {self.means}" if self.means else ""
        helps = f". Give it `{self.setting}`" if self.setting else ""
        return line((f"{self.state:<11}", STYLES[self.state]), f" {self.words}{end}{helps}", hanging=" " * 14)


@dataclass(frozen=True)
class ListedModel:
    """A model of the server's list; `root` is what it was loaded from, `parent` the base of an adapter."""

    id: str
    root: str = ""
    parent: str = ""
    max_model_len: int | None = None

    def said(self) -> str:
        known = [
            f"from {self.root}" if self.root not in ("", self.id) else "",
            f"on {self.parent}" if self.parent else "",
            f"{self.max_model_len:,} tokens" if self.max_model_len else "",
        ]
        told = ", ".join(filter(None, known))
        return f"{self.id} ({told})" if told else self.id


@dataclass(frozen=True)
class Build:
    """What tells two states of a server apart without asking a model: its version, where it says one, what it
    calls itself, and what the model was loaded from.
    """

    version: str = ""
    software: str = ""
    root: str = ""

    def said(self) -> str:
        return " ".join(filter(None, (self.software, self.version))) or "it does not say what it is"


@dataclass
class ServerReport:
    """What was found of one model of a server. `fault` says why nothing could be found out."""

    address: str
    model: str = ""
    build: Build = field(default_factory=Build)
    fingerprint: str = ""
    models: Sequence[ListedModel] = ()
    findings: list[Finding] = field(default_factory=list)
    fault: str = ""
    hints: dict[str, Any] = field(default_factory=dict)
    """Settings of an endpoint that help, by their names, and `alternatives`: how many log-probabilities of a
    token it gives at most.
    """
    routes: Sequence[str] = ()
    """By which it gives rewards."""
    requests: int = 0
    tokens: int = 0

    @property
    def lacks_model(self) -> bool:
        """Whether its list holds others, and not this one."""
        return bool(self.models) and all(each.id != self.model for each in self.models)

    def state_of(self, feature: str) -> State:
        states: list[State] = [each.state for each in self.findings if each.feature == feature]
        return states[0] if states else "not known"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def said_lines(self) -> Iterator[Line]:
        """What was found, a line a feature."""
        yield line((self.address, "bold"), f": model {self.model!r}" if self.model else "")
        if self.build.said() and not self.fault:
            yield line(f"server: {self.build.said()}", indent="  ", hanging="  ")
        if self.models:
            shown = "; ".join(each.said() for each in self.models[:MOST_SHOWN])
            more = len(self.models) - MOST_SHOWN
            end = f"; and {more:,} more" if more > 0 else ""
            yield line(f"models: {shown}{end}", indent="  ", hanging="  ")
        if self.fault:
            yield line(("fails", "bold red"), f"       {self.fault}", indent="  ", hanging=" " * 14)
        for found in self.findings:
            said = found.said()
            yield Line(said.parts, "  ", said.hanging)
        yield line(f"{self.requests:,} requests, {self.tokens:,} tokens", indent="  ")


MOST_SHOWN = 8
"""Models of a server's list that are named."""
