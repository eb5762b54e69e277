"""What servers say of themselves where asking costs nothing: which models they serve, how busy they are."""

import re
from collections.abc import Mapping

import orjson

from prefgen.transport.request import ServerLoad

_GAUGE = re.compile(
    r"^vllm:num_requests_(?P<which>running|waiting)(?:\{[^\n]*\})?[ \t]+(?P<value>[0-9.eE+]+)"
    r"(?:[ \t]+-?[0-9]+)?[ \t]*$",
    re.MULTILINE,
)
"""A sample line of the Prometheus text format: a name, labels, a value and perhaps a time."""


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
    counts: dict[str, float] = {}
    for line in _GAUGE.finditer(raw.decode(errors="replace")):
        try:
            value = float(line["value"])
        except ValueError:
            return None
        counts[line["which"]] = counts.get(line["which"], 0.0) + value
    if counts.keys() != {"running", "waiting"}:
        return None
    return ServerLoad(round(counts["running"]), round(counts["waiting"]))
