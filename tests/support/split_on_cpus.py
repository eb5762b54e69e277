"""prefgen where the processes hold parts of one model (FSDP), on CPUs. torch splits weights there as on GPUs;
accelerate does not ask it to, and makes copies without a word, so that it is told of the backend here. Run as
a program it is the command line.
"""

import sys


def split_weights() -> None:
    """From here on accelerate splits weights, in this process."""
    import torch
    from accelerate import state
    from accelerate.utils import DistributedType

    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    state.PartialState._prepare_backend = lambda *_: ("gloo", DistributedType.MULTI_GPU)
    state.PartialState.set_device = lambda self: setattr(self, "device", torch.device("cpu"))


def assert_weights_were_split() -> None:
    """That accelerate has done so."""
    from accelerate.state import AcceleratorState
    from accelerate.utils import DistributedType

    assert AcceleratorState().distributed_type == DistributedType.FSDP


if __name__ == "__main__":
    from prefgen.cli import main

    split_weights()
    sys.argv[0] = "prefgen"
    main()
    assert_weights_were_split()
