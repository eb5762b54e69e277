"""How far a training is: written by the trainer, read by whoever shows it."""

from dataclasses import dataclass, field


@dataclass
class TrainingProgress:
    """`phase` is what is trained now (the model, or a control), `numbers` the newest of each that the trainer
    measured.
    """

    name: str = "train"
    phase: str = "reading the pairs"
    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    numbers: dict[str, float] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def notify(self, line: str) -> None:
        """What is to be read, now and later."""
        self.notices.append(line)

    def warn(self, line: str) -> None:
        """What is to be read as a warning, once."""
        if (warning := f"warning: {line}") not in self.notices:
            self.notices.append(warning)

    def begin(self, phase: str) -> None:
        """Another training begins."""
        self.phase, self.step, self.steps, self.seconds, self.numbers = phase, 0, 0, 0.0, {}

    def seconds_left(self) -> float | None:
        """Of the training that is at work, at the pace so far."""
        return self.seconds / self.step * (self.steps - self.step) if self.step and self.steps else None
