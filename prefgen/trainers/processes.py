"""Several processes train together (torchrun, accelerate): one of them writes and speaks."""

import os


def is_first() -> bool:
    """Whether this is the process that writes; the only one is the first."""
    return os.environ.get("RANK", "0") == "0"


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        from accelerate import PartialState  # pyright: ignore[reportMissingImports]

        PartialState().wait_for_everyone()


def end_together() -> None:
    """What follows the training is the first process's alone, and may take hours: nobody waits for it, and
    what it loads is not taken for a part of a model that all hold.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        import torch.distributed  # pyright: ignore[reportMissingImports]

        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
