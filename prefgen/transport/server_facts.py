"""What servers say of themselves where asking costs nothing: which models they serve, how busy they are."""

import re
from collections.abc import Collection, Mapping

import orjson

from prefgen.transport.request import ServerLoad

_SAMPLE = re.compile(
    r"^(?P<name>vllm:\w+)(?:\{[^\n]*\})?[ \t]+(?P<value>[0-9.eE+]+)"
    r"(?:[ \t]+-?[0-9]+)?[ \t]*$",
    re.MULTILINE,
)
"""A sample line of the Prometheus text format: a name, labels, a value and perhaps a time."""


RUNNING, WAITING = "vllm:num_requests_running", "vllm:num_requests_waiting"
TOKEN_COUNTERS = ("vllm:generation_tokens_total", "vllm:prompt_tokens_total")


def models_served(raw: bytes) -> Mapping[str, str] | None:
    """{name: where its weights came from, empty where that is not said}, of the body of GET /v1/models; None
    for what is no list of models.
    """
    try:
        entries = orjson.loads(raw)["data"]
        return {str(entry["id"]): str(entry.get("root") or "") for entry in entries} or None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def vllm_load(raw: bytes) -> ServerLoad | None:
    """What vLLM's /metrics says, summed over its engines; None where it does not say both numbers."""
    counts = _sums(raw, (RUNNING, WAITING))
    if counts.keys() != {RUNNING, WAITING}:
        return None
    return ServerLoad(round(counts[RUNNING]), round(counts[WAITING]))


def vllm_tokens(raw: bytes) -> float | None:
    """The tokens that vLLM has read and written so far, by its /metrics; None where it does not say."""
    counts = _sums(raw, TOKEN_COUNTERS)
    return sum(counts.values()) if counts else None


def _sums(raw: bytes, names: Collection[str]) -> dict[str, float]:
    """The samples of these names, summed over their labels; none at all where one is no number."""
    sums: dict[str, float] = {}
    for line in _SAMPLE.finditer(raw.decode(errors="replace")):
        if line["name"] not in names:
            continue
        try:
            value = float(line["value"])
        except ValueError:
            return {}
        sums[line["name"]] = sums.get(line["name"], 0.0) + value
    return sums
