"""The curators of a mix at work. They see its pairs and prompts as those of a run do, take rows out and
change none; what went is kept with its reason.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prefgen.dataset.record_codec import StoredDrop
from prefgen.dataset.same_turns import turns_key
from prefgen.dataset.serialize import pair_id
from prefgen.engine.curate import run_curators
from prefgen.errors import RecipeError
from prefgen.plugins.plugin import Plugin
from prefgen.publish.mix_rows import KeptRow, RowStore
from prefgen.types import Message, Pair, Prompt, Record, Response, content_id


@dataclass(frozen=True)
class Curation:
    """`left` are the places of the rows that stay, in their order, each with its `chosen_probability`, which
    a curator may set; `drops` name rows by the ids that they have.
    """

    left: Mapping[int, float | None]
    drops: Sequence[StoredDrop]


def curate_rows(
    curators: Sequence[tuple[str, Plugin]],
    rows: Sequence[KeptRow],
    prompt_ids: Mapping[bytes, str],
    store: RowStore,
    notify: Callable[[str], object],
) -> Curation:
    """What the curators leave of `rows`. Raises RecipeError for one that rewrites a prompt, NoPromptsLeft,
    and PluginError for one that breaks its contract.
    """
    pairs: dict[str, int] = {}
    row_ids: dict[str, str] = {}
    by_prompt: dict[str, Record] = {}
    for place, row in enumerate(rows):
        pair = store.read(row.start)
        prompt_id = prompt_ids[row.prompt_key]
        responses = [_response(prompt_id, pair, side) for side in ("chosen", "rejected")]
        preference = _preference(pair, *(response.id for response in responses))
        record = by_prompt.get(prompt_id) or Record(prompt=_prompt(prompt_id, pair))
        known = {response.id for response in record.responses}
        by_prompt[prompt_id] = record.replacing(
            responses=(*record.responses, *(r for r in responses if r.id not in known)),
            pairs=(*record.pairs, preference),
        )
        name = pair_id(prompt_id, preference)
        pairs[name], row_ids[name] = place, pair["id"]
    records = list(by_prompt.values())
    left, drops = asyncio.run(run_curators(curators, records, (), notify))
    _refuse_rewritten(curators, left, by_prompt)
    named = ((pair_id(record.id, pair), pair.chosen_probability) for record in left for pair in record.pairs)
    places = {pairs[name]: probability for name, probability in named}
    return Curation(
        dict(sorted(places.items())),
        [
            drop._replace(
                id=row_ids.get(drop.id, drop.id),
                neighbour=row_ids.get(drop.neighbour or "", drop.neighbour),
            )
            for drop in drops
        ],
    )


def _prompt(prompt_id: str, pair: Mapping[str, Any]) -> Prompt:
    fields = ("source", "category", "language", "license")
    return Prompt(id=prompt_id, messages=_messages(pair["prompt"]), **{name: pair[name] for name in fields})


def _response(prompt_id: str, pair: Mapping[str, Any], side: str) -> Response:
    """A side; equal ones of one model are one response."""
    model = pair[f"{side}_model"]
    made_id = content_id("side", turns_key(pair[side]).hex(), model)
    return Response(id=made_id, prompt_id=prompt_id, messages=_messages(pair[side]), model=model)


def _preference(pair: Mapping[str, Any], chosen_id: str, rejected_id: str) -> Pair:
    scores = (pair["score_chosen"], pair["score_rejected"])
    margin = pair["margin"]
    if margin is None and None not in scores:
        margin = scores[0] - scores[1]
    return Pair(
        chosen_id=chosen_id,
        rejected_id=rejected_id,
        rule=pair["rule"] or "given",
        margin=margin,
        chosen_probability=pair["chosen_probability"],
    )


def _messages(turns: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    """The turns as curators look at them: their texts."""
    return tuple(Message(role=turn["role"], content=turn["content"] or "") for turn in turns)


def _refuse_rewritten(
    curators: Sequence[tuple[str, Plugin]], left: Sequence[Record], before: Mapping[str, Record]
) -> None:
    if all(record.id in before for record in left):
        return
    names = [name for name, curator in curators if type(curator).rewrite is not Plugin.rewrite]
    raise RecipeError(
        f"{' and '.join(names)} rewrites prompts, and the pairs of a mix stay as they are or go: have it "
        "drop them, or curate in a recipe"
    )
