"""What became of a prompt, line by line."""

import json
from collections.abc import Iterator, Mapping, Sequence

from prefgen.api.loss_lines import Loss, loss_lines, lost_by
from prefgen.stats.scoring import judge_names, judge_scores, rates_on_several_scales
from prefgen.text.plain_text import one_line, plain
from prefgen.text.said_lines import Line, line
from prefgen.types import Pair, Record, Response

REPLY_LIMIT = 400
"""Characters of a raw reply that was lost; `prefgen show lost RUN ID` has all of them."""


def record_json(record: Record, losses: Sequence[Loss]) -> str:
    """The record as a line of JSON, with what was lost of it as `failures`."""
    return json.dumps({**record.model_dump(mode="json"), "failures": losses}, ensure_ascii=False)


def record_lines(record: Record, losses: Sequence[Loss] = ()) -> Iterator[Line]:
    """The prompt, each answer with its scores and rationales, what was lost, and the pair or why there is
    none.
    """
    for turn in record.prompt.messages:
        yield line((turn.role.upper(), "bold cyan"), f"  {plain(turn.text)}", hanging="  ")
    yield line((f"source {record.prompt.source}, id {record.prompt.id[:12]}", "dim"), indent="  ")
    numbers = {response.id: number for number, response in enumerate(record.responses, 1)}
    for response in record.responses:
        yield from _response_lines(response, record, numbers)
    for comparison in record.comparisons:
        principle = f", {comparison.principle_id}" if comparison.principle_id else ""
        yield line("")
        yield line(
            f"{numbers[comparison.first_id]} over {numbers[comparison.second_id]}: "
            f"{comparison.probability:.2f} ({comparison.judge}{principle})  ",
            (plain(comparison.rationale or "", 160), "dim"),
            hanging="  ",
        )
    for loss in losses:
        yield line("")
        yield line(("lost", "yellow"), f": {lost_by(loss)}: {one_line(loss['code'])}", hanging="  ")
        yield from loss_lines(loss, REPLY_LIMIT)
    if not record.pairs:
        reasons = ", ".join(note.reason for note in record.notes) or "the recipe makes none"
        yield line("")
        yield line(("no pair", "yellow"), f": {reasons}", hanging="  ")
    for pair in record.pairs:
        yield from _pair_lines(pair, numbers)


def _response_lines(response: Response, record: Record, numbers: Mapping[str, int]) -> Iterator[Line]:
    """An answer with what was made of it, scored and said of it."""
    roles = [
        role
        for role, ids in (
            ("CHOSEN", {pair.chosen_id for pair in record.pairs}),
            ("REJECTED", {pair.rejected_id for pair in record.pairs}),
        )
        if response.id in ids
    ]
    parent = numbers.get(response.parent_id or "")
    origin = f", {response.origin} from {parent}" if parent else ""
    principle = f", under {response.principle}" if response.principle else ""
    scores = {
        judge: judge_scores(record, judge)[0]
        for judge in judge_names(record)
        if not rates_on_several_scales(record, judge)
    }
    values = ", ".join(
        f"{judge} {by_response[response.id]:.2f}"
        for judge, by_response in scores.items()
        if response.id in by_response
    )
    styles = {"CHOSEN": "bold green", "REJECTED": "bold red"}
    yield line("")
    yield line(
        (f"{numbers[response.id]} [{response.model}{origin}{principle}]", "bold"),
        " ",
        (" ".join(roles), styles.get(roles[0], "") if len(roles) == 1 else "bold yellow"),
        f"  {values}",
        hanging="  ",
    )
    yield line(plain(response.text), indent="    ")
    for score in record.scores:
        if score.response_id == response.id:
            value = "N/A" if score.value is None else f"{score.value:g}"
            rationale = plain(score.rationale or "", 160)
            yield line(
                f"{score.aspect}: {value} of {score.scale[1]:g}  ", (rationale, "dim"),
                indent="      ", hanging="  ",
            )  # fmt: skip
    for critique in record.critiques:
        if critique.response_id == response.id:
            of_principle = f" ({critique.principle_id})" if critique.principle_id else ""
            said = one_line(critique.text, 300)
            yield line(f"critique{of_principle}: ", (said, "dim"), indent="      ", hanging="  ")
    for flag in record.flags:
        if flag.target_id == response.id:
            yield line(
                ("flagged", "yellow"), f": {flag.rule}: {plain(flag.reason, 160)}",
                indent="      ", hanging="  ",
            )  # fmt: skip


def _pair_lines(pair: Pair, numbers: Mapping[str, int]) -> Iterator[Line]:
    sides = f"{numbers[pair.chosen_id]} over {numbers[pair.rejected_id]}"
    margin = f", margin {pair.margin:g}" if pair.margin is not None else ""
    probability = (
        f", probability {pair.chosen_probability:.2f}" if pair.chosen_probability is not None else ""
    )
    yield line("")
    yield line(
        (f"pair by {pair.rule}", "bold"), f": {sides}{margin}{probability}{' (tie)' if pair.tie else ''}"
    )
