"""What was asked, what it cost and what went wrong in this start of a run: the numbers that the panel shows."""

from dataclasses import dataclass, field


@dataclass
class ModelStats:
    """Counts of one model in this start of the run. `cost` is in picodollars, `seconds` the sum of latencies."""

    requests: int = 0
    replayed: int = 0
    in_flight: int = 0
    retries: int = 0
    refused: int = 0
    lost: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: int = 0
    seconds: float = 0.0
    limit: int = 0


@dataclass
class RunStats:
    """Everything that is counted while a run goes on, and what the user should read once."""

    models: dict[str, ModelStats] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def model(self, name: str) -> ModelStats:
        return self.models.setdefault(name, ModelStats())

    def notify(self, line: str) -> None:
        """Something that the user should read once; repeated lines are dropped."""
        if line not in self.notices:
            self.notices.append(line)
