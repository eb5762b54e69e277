"""curves.png: what metrics.jsonl says, to look at."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefgen.report.plots import Plot

CURVES = "curves.png"
PANELS = (
    ("loss", {"training": ("loss",), "held out": ("eval_loss",)}),
    (
        "share of pairs ranked as labelled",
        {
            "training": ("rewards/accuracies", "accuracy"),
            "held out": ("eval_rewards/accuracies", "eval_accuracy"),
        },
    ),
    (
        "margin of the rewards",
        {"training": ("rewards/margins", "margin"), "held out": ("eval_rewards/margins", "eval_margin")},
    ),
    ("KL from the reference on held-out answers, nats a token", {"held out": ("eval_kl",)}),
    (
        "log-probability of an answer",
        {
            "chosen, held out": ("eval_logps/chosen",),
            "rejected, held out": ("eval_logps/rejected",),
            "chosen, training": ("logps/chosen",),
            "rejected, training": ("logps/rejected",),
        },
    ),
)


def draw_curves(metrics: Path, lengths: Mapping[str, Any], out: Path) -> None:
    """Write the picture; numbers that a trainer does not have are left out."""
    rows = [json.loads(row) for row in metrics.read_text(encoding="utf-8").splitlines()]
    picture = Plot(3, 2)
    for title, series in PANELS:
        picture.lines(
            title,
            "step",
            {
                name: [
                    (line["step"], line[key]) for line in rows for key in keys if line.get(key) is not None
                ]
                for name, keys in series.items()
            },
        )
    labels = {
        "chosen": "chosen (mean)",
        "rejected": "rejected (mean)",
        "most": "99 % of sides",
        "longest": "longest",
        "max_length": "max_length",
    }
    picture.bars(
        "tokens of prompt and answer",
        "tokens",
        {label: float(lengths[name]) for name, label in labels.items()},
    )
    picture.save(out)
