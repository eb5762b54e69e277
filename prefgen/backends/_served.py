"""A model that the run serves itself, alone or as an adapter on one that others are served by too."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from prefgen.backends._openai_model import ServerSettings
from prefgen.backends._served_engine import ServedEngine
from prefgen.errors import RequestFailed
from prefgen.serving.adapters import Adapter
from prefgen.serving.model_folder import check_folder, has_chat_template
from prefgen.serving.vllm_command import Serve, Weights, devices_of
from prefgen.transport.openai_replies import load_body, reply_of
from prefgen.transport.request import ModelHooks, ModelRequest, ModelResponse, RunPlace, ServerLoad
from prefgen.types import Reply


class ServedModel(ModelHooks):
    """One model on a server that the run keeps (see `prefgen.transport.request.ConnectedModel`)."""

    backend = "vllm"
    host = "local"
    takes_turns = True

    def __init__(
        self,
        serve: Serve,
        weights: Weights,
        settings: ServerSettings,
        read_adapter: Callable[[], Adapter | None],
        replica: int = 0,
    ) -> None:
        self.fingerprint = weights.fingerprint
        self.devices = devices_of(serve)
        self.slots_at_start = settings.slots
        self.tells_load = settings.tells_load
        self._serve, self._weights, self._settings = serve, weights, settings
        self._read_adapter, self._replica = read_adapter, replica
        self._adapter: Adapter | None = None
        self._engine: ServedEngine | None = None

    def join_run(self, place: RunPlace) -> None:
        """Models of the same weights that are served alike share one server: an adapter and its base. Each
        replica has its own, from 1 on.
        """
        if self._replica:
            place = replace(place, name=f"{place.name}-{self._replica}")
        key = f"{self._serve.model_dump_json()} {self._weights} {self._replica}"
        engine = place.servers.setdefault(
            key, ServedEngine(self._serve, self._weights, self._settings, place)
        )
        self._engine = engine
        self.turn_key = key
        if self._adapter is not None:
            engine.adapters.append(self._adapter)

    def check_access(self) -> None:
        """Raise RecipeError where vLLM is not there, the model's folder cannot be served, or an adapter is
        none of it.
        """
        self._serve.program()
        self._adapter = self._read_adapter()
        if self._weights.folder is not None:
            check_folder(self._weights.folder, self._serve)
            if self._adapter is not None:
                self._adapter.check_fits(self._weights)

    def check_request(self, request: ModelRequest) -> None:
        self._settings.check_request(request)
        if request.endpoint == "chat" and not self._has_chat_template:
            raise RequestFailed(
                "fatal",
                f"the folder {self._weights.location!r} has no chat template, without which vLLM refuses "
                "every conversation: copy chat_template.jinja of the model that it was made of, or name one: "
                "serve: {chat_template: FILE}",
            )

    @cached_property
    def _has_chat_template(self) -> bool:
        """As far as is known: of a model of the Hub, vLLM says it."""
        folder = self._weights.folder
        return folder is None or has_chat_template(folder, self._serve)

    async def load(self) -> None:
        """Have the server up, and the adapter on it. Raises RequestFailed (`fatal`) with the cause."""
        engine = self._kept()
        await engine.load()
        if self._adapter is not None:
            await engine.have_adapter(self._adapter)

    async def unload(self) -> None:
        """Stop the server; what it held is free when this returns."""
        if self._engine is not None:
            await self._engine.unload()

    async def send(self, request: ModelRequest) -> Sequence[ModelResponse]:
        if self._adapter is not None:
            await self.load()  # a server that was started again has it no more
            request = replace(request, model=self._adapter.served_name)
        return await self._kept().send(request)

    async def server_load(self) -> ServerLoad | None:
        """What its server is busy with; None while it is not up."""
        client = self._engine.client if self._engine is not None else None
        return await client.server_load() if client is not None else None

    async def close(self) -> None:
        await self.unload()

    def parse(self, raw: bytes, endpoint: str) -> Reply:
        return reply_of(load_body(raw), endpoint)

    def _kept(self) -> ServedEngine:
        if self._engine is None:
            self.join_run(RunPlace())
        assert self._engine is not None
        return self._engine
