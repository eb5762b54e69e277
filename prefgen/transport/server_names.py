"""What servers are called, in the journal and in what is published: the names of public APIs are shown, and
of nobody else's (docs/decisions/008-servers-in-releases.md).
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

UNDISCLOSED = "undisclosed.invalid"
"""What stands for a server in a release. No name below `.invalid` is ever an address (RFC 2606)."""
UNDISCLOSED_ADDRESS = f"https://{UNDISCLOSED}/v1"
IN_THIS_MACHINE = ("local", "simulated", "scripted")
"""What backends that ask no server elsewhere call theirs."""
OWN_FINGERPRINT = "prefgen-"
"""How the fingerprints begin that servers started by a run put into their replies."""
PUBLIC_APIS = (
    "api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com", "api.mistral.ai",
    "api.cohere.ai", "api.cohere.com", "api.deepseek.com", "api.x.ai", "api.moonshot.ai", "api.moonshot.cn",
    "api.z.ai", "open.bigmodel.cn", "api.minimax.io", "dashscope.aliyuncs.com",
    "dashscope-intl.aliyuncs.com", "openrouter.ai", "api.together.xyz", "api.together.ai",
    "api.fireworks.ai", "api.deepinfra.com", "api.groq.com", "api.cerebras.ai", "api.sambanova.ai",
    "api.hyperbolic.xyz", "api.novita.ai", "api.studio.nebius.com", "api.tokenfactory.nebius.com",
    "api.siliconflow.cn", "api.siliconflow.com", "integrate.api.nvidia.com", "models.github.ai",
    "router.huggingface.co", "inference.baseten.co", "api.perplexity.ai",
)  # fmt: skip
"""Hosts that everybody reaches under the same name: they tell nothing of who asked."""


def host_of(address: str) -> str:
    """What the journal calls the server at an address: `local` for this machine, else its name, with the port
    where one is given.
    """
    parts = urlsplit(address)
    name = parts.hostname or ""
    try:
        loopback = ip_address(name).is_loopback
    except ValueError:
        loopback = name == "localhost"
    return "local" if loopback else name if parts.port is None else f"{name}:{parts.port}"


def published_host(host: str) -> str:
    """What a release calls a server of the journal: its name, where that is a public API's or says no more
    than that it is this machine.
    """
    return host if host in PUBLIC_APIS or host in IN_THIS_MACHINE else UNDISCLOSED
