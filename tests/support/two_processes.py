"""Run as each of several processes, by torchrun or `accelerate launch`: trainings one after the other, as a
file of JSON says: [{"data": file, "out": folder, "settings": {...}}]. With `split` each process holds a part
of the weights.
"""

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    import torch

    from prefgen.trainers import run
    from prefgen.trainers.settings import TrainSettings
    from tests.support.split_on_cpus import assert_weights_were_split, split_weights

    splits = "split" in sys.argv
    if splits:
        split_weights()
    torch.set_num_threads(1)
    run.can_draw = lambda: False  # pictures take longer than such trainings
    for job in json.loads(Path(sys.argv[1]).read_text()):
        run.run_training([job["data"]], TrainSettings(**job["settings"]), Path(job["out"]))
    if splits:
        assert_weights_were_split()
