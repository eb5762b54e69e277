"""A run's servers in what is published of it: what is no public API is not named, in the manifest, the recipe
or the reasons of failures, and the recipe still makes the same dataset from the journal
(docs/decisions/008-servers-in-releases.md).
"""

from collections.abc import Callable, Mapping
from typing import Any

import yaml

from prefgen.dataset.manifest import Manifest
from prefgen.recipe.load import recipe_text
from prefgen.transport.server_names import (
    OWN_FINGERPRINT,
    UNDISCLOSED,
    UNDISCLOSED_ADDRESS,
    host_of,
    published_host,
)

PLACES = ("python", "command", "env")
"""What `serve` says of this machine alone."""


def published_manifest(manifest: Manifest) -> Manifest:
    """A run's manifest with its servers as they are published; the same where all may be named."""
    yields, hide = manifest.yields, server_hider(manifest)
    return manifest.replacing(
        served_by=tuple(s.replacing(host=published_host(s.host)) for s in manifest.served_by),
        yields=yields.replacing(example_failure=yields.example_failure and hide(yields.example_failure)),
    )


def server_hider(manifest: Manifest) -> Callable[[str], str]:
    """What takes the names of servers out of a text; they are those that the journal has, so that a run that
    is made again hides the same.
    """
    hidden = {server.host for server in manifest.served_by if published_host(server.host) == UNDISCLOSED}
    names = sorted({*hidden, *(_without_port(host) for host in hidden)} - {""}, key=lambda n: (-len(n), n))

    def hide(text: str) -> str:
        for name in names:
            text = text.replace(name, UNDISCLOSED)
        return text

    return hide


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def published_recipe(text: str, manifest: Manifest) -> str:
    """A run's recipe with the addresses of its servers as they are published; the same text where there is
    nothing to hide. `manifest` is the run's own.
    """
    recipe = yaml.safe_load(text)
    run = _published_values(_without_places(_without_lists(recipe.get("run") or {})))
    own_weights = [s.fingerprint for s in manifest.served_by if s.fingerprint.startswith(OWN_FINGERPRINT)]
    if own_weights:  # whoever makes the dataset again has the weights elsewhere, or not at all
        run["accept_served_by"] = list(dict.fromkeys([*(run.get("accept_served_by") or ()), *own_weights]))
    if "accept_served_by" in run:
        accepted = [
            name if name.startswith(OWN_FINGERPRINT) else published_host(name)
            for name in run["accept_served_by"]
        ]
        run["accept_served_by"] = list(dict.fromkeys(accepted))
    if _has_unsaid_server(recipe, manifest):
        endpoints = run.setdefault("endpoints", {})
        for name in _models_without_address(recipe):
            endpoints[name] = {**endpoints.get(name, {}), "base_url": UNDISCLOSED_ADDRESS}
    return text if run == (recipe.get("run") or {}) else recipe_text({**recipe, "run": run})


def _without_lists(run: Mapping[str, Any]) -> dict[str, Any]:
    """`run:` in which an address stands for a file of addresses, which is in no release."""
    endpoints = {
        name: {**endpoint, "url": UNDISCLOSED_ADDRESS} if _is_list(endpoint.get("url")) else endpoint
        for name, endpoint in (run.get("endpoints") or {}).items()
    }
    return {**run, "endpoints": endpoints} if endpoints else dict(run)


def _without_places(run: Mapping[str, Any]) -> dict[str, Any]:
    """`run:` without what says where on this machine something is that serves a model."""
    endpoints = {
        name: {**endpoint, "serve": _published_serve(endpoint["serve"])} if "serve" in endpoint else endpoint
        for name, endpoint in (run.get("endpoints") or {}).items()
    }
    return {**run, "endpoints": endpoints} if endpoints else dict(run)


def _published_serve(serve: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        name: value
        for name, value in (serve or {}).items()
        if name not in PLACES and not (isinstance(value, str) and value.startswith(("/", ".", "~")))
    }


def _is_list(url: Any) -> bool:
    return isinstance(url, str) and "://" not in url and "${" not in url


def _published_values(value: Any) -> Any:
    """Part of `run:` with every address as it is published."""
    if isinstance(value, Mapping):
        return {name: _published_values(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_published_values(each) for each in value]
    is_address = isinstance(value, str) and value.startswith(("http://", "https://")) and "${" not in value
    return UNDISCLOSED_ADDRESS if is_address and published_host(host_of(value)) == UNDISCLOSED else value


def _has_unsaid_server(recipe: Mapping[str, Any], manifest: Manifest) -> bool:
    """Whether a server that is not named answered whose address is in the environment and not in the
    recipe: a rebuild needs the placeholder in its place.
    """
    run = recipe.get("run") or {}
    addresses = [endpoint.get("base_url") for endpoint in (run.get("endpoints") or {}).values()]
    said = {host_of(address) for address in addresses if address and "${" not in address}
    said |= {*(run.get("accept_served_by") or ())}
    return any(
        server.backend == "openai" and published_host(server.host) == UNDISCLOSED and server.host not in said
        for server in manifest.served_by
    )


def _models_without_address(recipe: Mapping[str, Any]) -> list[str]:
    """The models of servers of which the recipe does not say where they are."""
    endpoints = (recipe.get("run") or {}).get("endpoints") or {}
    addresses = {name: endpoint.get("base_url") or "" for name, endpoint in endpoints.items()}
    return [
        name
        for name, model in recipe["models"].items()
        if model["use"] == "openai" and (not addresses.get(name) or "${" in addresses[name])
    ]
