"""Why vLLM ended, by logs as its versions write them (prefgen/serving/vllm_log.py)."""

import pytest

from prefgen.serving.vllm_log import cause_of_failure, is_port_taken

WORKER = "(Worker pid=7) ERROR 12-01 01:25:11 [multiproc_executor.py:953] "
ENGINE = "(EngineCore pid=5) ERROR 12-01 01:25:12 [core.py:10] "
LAST = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("vllm: error: unrecognized arguments: --no-such-flag 3", "unrecognized arguments: --no-such-flag 3"),
        (
            f"{WORKER}Traceback (most recent call last):\n{WORKER}    raise ValueError(\n"
            f"{WORKER}ValueError: Available memory on node 0 is less\n{LAST}",
            "Available memory on node 0 is less",
        ),
        (
            f"{ENGINE}RuntimeError: Worker failed\n{WORKER}RuntimeError: Cannot find any weights\n{LAST}",
            "Cannot find any weights",
        ),
        (
            "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n"
            "  Value error, User-specified max_model_len (9) is greater [type=value_error]\n"
            "    For further information visit https://errors.pydantic.dev/2.14/v/value_error",
            "User-specified max_model_len (9) is greater",
        ),
        (
            "ValueError: Couldn't instantiate the tokenizer from one of: \n(1) a library file, \n"
            "(2) a slow tokenizer",
            "Couldn't instantiate the tokenizer from one of: (1) a library file, (2) a slow tokenizer",
        ),
        (
            "\x1b[1;36m(EngineCore_DP0 pid=1)\x1b[0;0m ERROR 11-02 10:00:00 [core.py:708] ValueError: Free "
            f"memory on device is less\n{LAST}",
            "Free memory on device is less",
        ),
        (
            "(VllmWorker rank=1 pid=24) ERROR 07-01 10:00:00 [multiproc_executor.py:1] "
            "torch.OutOfMemoryError: CUDA out of memory\n"
            f"{ENGINE}Exception: WorkerProc initialization failed due to an exception in a background "
            "process. See stack trace for root cause.",
            "OutOfMemoryError: CUDA out of memory",
        ),
        (
            "ERROR 07-24 08:26:01 multiproc_worker_utils.py:226] ValueError: Model architectures ['X'] are "
            "not supported",
            "Model architectures ['X'] are not supported",
        ),
        ("[rank0]: torch.distributed.DistNetworkError: address in use", "DistNetworkError: address in use"),
        (f"{WORKER}AssertionError\n{LAST}", "AssertionError"),
        ("/usr/bin/python: No module named vllm", "No module named vllm"),
        (
            "huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1)\nCannot access "
            "gated repo for url x.",
            "GatedRepoError: 401 Client Error. (Request ID: Root=1) Cannot access gated repo for url x.",
        ),
        ("prefgen: cannot start vllm: No such file", "cannot start vllm: No such file"),
    ],
)
def test_the_cause_is_quoted_and_not_what_follows_from_it(log, cause):
    assert cause_of_failure(log, 1) == cause


def test_lines_of_another_level_are_no_part_of_a_cause():
    log = f"{WORKER}ValueError: too long\n(Worker pid=7) INFO 12-01 01:25:11 [x.py:1] all is well"

    assert cause_of_failure(log, 1) == "too long"


def test_a_signal_is_named_beside_whatever_was_written():
    assert cause_of_failure("", -9) == (
        "it was ended by SIGKILL (out of memory?); the last that it wrote: it wrote nothing"
    )
    assert cause_of_failure("ValueError: something", -9) == (
        "it was ended by SIGKILL (out of memory?): something"
    )
    assert "SIGSEGV" in cause_of_failure("Fatal Python error: Segmentation fault", -11)


@pytest.mark.parametrize("log", ["\x00\xff", "(", "ERROR", "(Worker pid=", "\r\r\n", "Error:" * 100_000])
def test_any_log_gives_one_line(log):
    said = cause_of_failure(log, 1)

    assert said
    assert "\n" not in said
    assert len(said) < 600


def test_a_taken_port_is_told_apart():
    assert is_port_taken("OSError: [Errno 98] Address already in use")
    assert not is_port_taken("ValueError: something else")
