"""What an HTTP status means. (prefgen/transport/failures.py)"""

import pytest

from prefgen.transport.failures import failure_of_status


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "refused"), (401, "fatal"), (402, "fatal"), (403, "denied"), (404, "denied"), (405, "denied"),
        (407, "fatal"), (410, "denied"), (424, "server"), (498, "busy"),
        (408, "server"), (409, "server"), (413, "refused"), (422, "refused"), (425, "server"), (429, "rate"),
        (451, "denied"), (500, "server"), (502, "server"), (503, "busy"), (504, "server"), (529, "busy"),
    ],
)  # fmt: skip
def test_each_status_is_of_one_kind(status, kind):
    assert failure_of_status(status, "no").kind == kind


def test_a_quota_that_is_used_up_is_no_rate():
    assert failure_of_status(429, "no", "insufficient_quota").kind == "fatal"
    assert failure_of_status(429, "no", "", retry_after=3).retry_after == 3
