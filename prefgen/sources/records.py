"""Prompts *with* responses, scores and pairs: from a run, a file or a Hub dataset, so that what exists can be
judged again.

Forms that are recognised by their columns: a prefgen run's folder; `chosen` and `rejected` (text or messages,
with or without `prompt`); `completions` as UltraFeedback writes them; `responses` or `completions` as a list
of texts; KTO's `completion` and `label`; Nectar's ranked `answers`. docs/data.md has the table.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from prefgen.dataset.answers import answer_items, parse_answers, parse_response
from prefgen.dataset.bad_rows import BadRows, OnBadRows
from prefgen.dataset.cells import (
    as_note,
    as_number,
    is_list,
    is_missing,
)
from prefgen.dataset.columns import OccurrenceCounter, as_messages, prompt_fields, prompt_messages
from prefgen.dataset.file_splits import select_split, single_split
from prefgen.dataset.hub import hub_rows
from prefgen.dataset.labelled_answers import (
    LabelledAnswer,
    labelled_groups,
    parse_labelled,
    record_of_labelled,
)
from prefgen.dataset.open_pairs import with_unknown_origins
from prefgen.dataset.pair import NotAPair, text_of, validated_pair
from prefgen.dataset.pair_formats import mapped_rows, to_pair_row
from prefgen.dataset.partial import refuse_part
from prefgen.dataset.proven_set import broken_rows
from prefgen.dataset.provenance import Provenance
from prefgen.dataset.public_forms import ranked_answers
from prefgen.dataset.read_files import read_rows
from prefgen.dataset.read_run import holds_run, is_release, read_records
from prefgen.dataset.row_relations import PAIR_RELATIONS
from prefgen.dataset.same_turns import turns_key
from prefgen.errors import RecipeError
from prefgen.kit.harm import harm_metadata, is_harmful, source_digests
from prefgen.kit.source_fields import KEEP_COLUMNS_FIELD
from prefgen.plugins.decorators import source
from prefgen.plugins.plugin import Plugin
from prefgen.tables import BadRow
from prefgen.transport.openai_protocol import encode_message
from prefgen.types import Pair, Prompt, Record, Response, Score

_Asked = tuple[bytes, frozenset[bytes]]


@source("records")
class Records(Plugin):
    """Reads prompts together with what was answered, scored and paired."""

    renamed_fields: ClassVar[Mapping[str, str]] = {"license": "licence"}
    source_files = ("path",)
    later_fields = ("columns", "on_bad_rows", "keep_columns")

    path: str = Field(description="A run's or a release's folder, a file, or the name of a Hub dataset.")
    split: str = Field(
        default="train", description="The split of a Hub dataset, or of a folder that has several."
    )
    config: str | None = Field(default=None, description="The configuration of a Hub dataset.")
    revision: str | None = Field(default=None, description="The revision of a Hub dataset.")
    keep: tuple[str, ...] = Field(
        default=("responses",), description="What to take over: responses, scores, pairs."
    )
    columns: dict[str, str] = Field(
        default={}, description="Columns by what they are: prompt, chosen, rejected, system, source, license."
    )
    license: str = Field(default="unknown", description="The license of what does not say its own.")
    keep_columns: tuple[str, ...] = KEEP_COLUMNS_FIELD
    on_bad_rows: OnBadRows = Field(
        default="fail",
        description="A row that cannot be read: stop, or leave it out, with every pair that `prefgen check "
        "--drop` would leave out and what has the answers of an earlier row (bad_rows.jsonl lists them).",
    )
    limit: int | None = Field(default=None, ge=1, description="Only the first records.")

    def read(self, folder: Path) -> Iterator[Record | BadRow]:
        bad_rows = BadRows(self.on_bad_rows)
        yield from map(self._keep_parts, islice(self._read_all(folder, bad_rows), self.limit))
        yield from bad_rows.rows

    def _keep_parts(self, record: Record) -> Record:
        unknown = set(self.keep) - {"responses", "scores", "pairs"}
        if unknown:
            raise RecipeError(f"keep: {sorted(unknown)[0]!r} is none of responses, scores, pairs")
        updates: dict[str, Any] = {
            name: () for name in ("responses", "scores", "pairs") if name not in self.keep
        }
        if "scores" not in self.keep:
            updates |= {"comparisons": (), "critiques": (), "flags": ()}
        return record.model_copy(update={**updates, "notes": ()})

    def _read_all(self, folder: Path, bad_rows: BadRows) -> Iterator[Record]:
        local = folder / self.path
        if holds_run(local):
            yield from read_records(local)
            return
        refuse_part(local, self.path)
        name = local.name if local.exists() else self.path
        provenance = Provenance({"source": name, "license": self.license}, self.keep_columns)
        rows = self._open(local, bad_rows)
        if self.on_bad_rows == "drop":
            looked_at, broken = self._broken_pairs(local, provenance.defaults)
            found = self._records_from_rows(islice(rows, looked_at), provenance, bad_rows, broken)
            yield from _each_once(found, bad_rows)
        else:
            yield from (record for _, record in self._records_from_rows(rows, provenance, bad_rows, {}))
        provenance.check_columns(self.path)

    def _open(self, local: Path, bad_rows: BadRows) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The rows of the file, folder or Hub dataset."""
        if not local.exists():
            hub = hub_rows(self.path, self.config, self.split, self.revision)
            return ((f"{self.path} row {i}", row) for i, row in enumerate(hub))
        has_pairs_alone = is_release(local) and self.config is None
        folder = local / "data" / "preferences" if has_pairs_alone else local
        rows = read_rows(folder, self.path, bad_rows, config=self.config)
        if local.is_dir() or "split" in self.model_fields_set:
            return select_split(iter(rows), self.split, self.path)
        return single_split(iter(rows))

    def _broken_pairs(
        self, local: Path, defaults: Mapping[str, Any]
    ) -> tuple[int | None, dict[str, RecipeError]]:
        """(how many rows were looked at, what is wrong by the place of a row) of pairs that `prefgen check`
        would leave out. With a `limit` rows are looked at until so many records are left, all (None)
        otherwise: what later rows say of earlier ones is known at the end alone.
        """
        count = self.limit
        while True:
            looked_at, broken, left = self._look_at(self._open(local, BadRows("drop")), defaults, count)
            if looked_at is None or count is None or left >= (self.limit or 0):
                return looked_at, broken
            count *= 2

    def _look_at(
        self, rows: Iterable[tuple[str, Mapping[str, Any]]], defaults: Mapping[str, Any], count: int | None
    ) -> tuple[int | None, dict[str, RecipeError], int]:
        """(how many rows hold `count` records, or None for all; what is wrong with pairs among them; how many
        records are left).
        """
        counter, provenance = OccurrenceCounter(), Provenance(defaults, self.keep_columns)
        looked_at, are_all, broken = 0, False, dict[str, RecipeError]()
        answers: dict[str, _Asked] = {}

        def pairs() -> Iterator[tuple[str, Mapping[str, Any]]]:
            nonlocal looked_at, are_all
            records = 0
            for where, given in rows:
                looked_at += 1
                try:
                    row, found = self._read_row(given, where, counter, provenance)
                except RecipeError:
                    continue  # which is said when it is read again
                if isinstance(found, Record):
                    if count is not None:
                        answers[where] = _answers_of(found)
                    if found.pairs:
                        yield where, with_unknown_origins(row)
                    records += where not in broken
                if records == count:
                    return
            are_all = True

        for _, where, error in broken_rows(pairs(), relations=PAIR_RELATIONS):
            broken.setdefault(where, error)
        left = {given for where, given in answers.items() if where not in broken}
        return (None if are_all else looked_at), broken, len(left)

    def _records_from_rows(
        self,
        rows: Iterable[tuple[str, Mapping[str, Any]]],
        provenance: Provenance,
        bad_rows: BadRows,
        broken: Mapping[str, RecipeError],
    ) -> Iterator[tuple[str, Record]]:
        """Records, and where each stands; the rows whose places are in `broken` are bad."""
        counter = OccurrenceCounter()

        def read(given: Mapping[str, Any], where: str) -> Record | LabelledAnswer:
            if where in broken:
                raise broken[where]
            return self._read_row(given, where, counter, provenance)[1]

        labelled: list[LabelledAnswer] = []
        for where, found in mapped_rows(rows, self.columns, bad_rows, read):
            if isinstance(found, Record):
                yield where, found
            else:
                labelled.append(found)
        for group in labelled_groups(labelled, bad_rows):
            yield group[0].where, record_of_labelled(group, counter)

    def _read_row(
        self, given: Mapping[str, Any], where: str, counter: OccurrenceCounter, provenance: Provenance
    ) -> tuple[Mapping[str, Any], Record | LabelledAnswer]:
        """(the row under known names, what it holds). Raises RecipeError."""
        kept = {name: given[name] for name in self.keep_columns if name in given}
        if _is_ranked(given, self.columns, where):
            given = {name: value for name, value in given.items() if name != "turns"}  # of Nectar
            row = {**kept, **to_pair_row(given, self.columns, where)}
            return row, _parse_ranked(row, where, counter, provenance)
        row = {**kept, **to_pair_row(given, self.columns, where)}
        if "chosen" not in row and "completion" in row and "label" in row:
            return row, parse_labelled(row, where, provenance)
        return row, _parse_record(row, where, counter, provenance, self.columns)


def _each_once(records: Iterable[tuple[str, Record]], bad_rows: BadRows) -> Iterator[Record]:
    """The records, each with other answers or another prompt: what stands twice would be judged twice, and
    make its pairs twice. The later ones go to `bad_rows`.
    """
    places: dict[_Asked, str] = {}
    for where, record in records:
        first = places.setdefault(_answers_of(record), where)
        if first == where:
            yield record
        else:
            bad_rows.refuse(NotAPair(f"the same answers stand before ({first})", where, "twice"), where)


def _answers_of(record: Record) -> _Asked:
    """The prompt of a record and its answers, in whatever order."""
    asked = turns_key([encode_message(message) for message in record.prompt.messages])
    answers = (turns_key([encode_message(m) for m in r.messages]) for r in record.responses)
    return asked, frozenset(answers)


def _is_ranked(row: Mapping[str, Any], columns: Mapping[str, str], where: str) -> bool:
    """Whether a row holds ranked answers, and no pair beside them."""
    sides = ("chosen", "rejected")
    if all(side in columns or not is_missing(row.get(side)) for side in sides):
        return False
    return ranked_answers(row, where) is not None


def _parse_ranked(
    row: Mapping[str, Any], where: str, counter: OccurrenceCounter, provenance: Provenance
) -> Record:
    """Answers with ranks (Nectar: 1 is the best) as responses with scores: of n answers the first has n."""
    if is_list(row.get("source")):  # of each answer, as Nectar has it
        row = {**row, "source": None}
    ranked = ranked_answers(row, where) or []
    asked = _prompt_of(row, where, counter, provenance)
    responses, scores = [], []
    for number, (text, model, rank) in enumerate(ranked):
        response = parse_response(asked.id, text, where, sample=number, model=model)
        value = len(ranked) + 1 - rank
        scores.append(
            Score(
                response_id=response.id, aspect="rank", value=value, scale=(1, len(ranked)), judge="imported"
            )
        )
        responses.append(response)
    return Record(prompt=asked, responses=tuple(responses), scores=tuple(scores))


def _prompt_of(
    row: Mapping[str, Any], where: str, counter: OccurrenceCounter, provenance: Provenance
) -> Prompt:
    fields = prompt_fields(row, {}, provenance, where)
    messages = prompt_messages(row, {}, where, beside_answers=True)
    return counter.prompt(messages, origin="imported", **fields)


def _parse_record(
    row: Mapping[str, Any],
    where: str,
    counter: OccurrenceCounter,
    provenance: Provenance,
    columns: Mapping[str, str],
) -> Record:
    if "chosen" in row and "rejected" in row:
        return _record_of_pair(row, where, counter, provenance)
    items = answer_items(row, where, columns)
    prompt = _prompt_of(row, where, counter, provenance)
    responses, scores = parse_answers(row, items, prompt.id, where)
    return Record(prompt=prompt, responses=tuple(responses), scores=tuple(scores))


def _record_of_pair(
    row: Mapping[str, Any], where: str, counter: OccurrenceCounter, provenance: Provenance
) -> Record:
    prompt_turns, chosen, rejected = validated_pair(row, where)
    messages = as_messages(prompt_turns, where, beside_answers=True)
    high, low = (as_number(row.get(name), name, where) for name in ("score_chosen", "score_rejected"))
    if high is not None and low is not None and high < low:
        raise RecipeError(f"chosen scores {high:g} and rejected {low:g}: which one is better?", where)
    details = prompt_fields(row, {}, provenance, where)
    lineage = details.get("lineage", {}).get("earlier", {})
    marks = harm_metadata(text_of(rejected[-1:]), str(lineage.get("harm")))
    if marks["source_digest"] in source_digests(lineage):
        details |= {
            "lineage": details["lineage"] | lineage,
            "metadata": {**details.get("metadata", {}), **marks},
        }
    prompt = counter.prompt(messages, origin="imported", **details)
    responses: list[Response] = []
    for name, side in (("chosen", chosen), ("rejected", rejected)):
        model = as_note(row.get(f"{name}_model"), f"{name}_model", where) or "unknown"
        responses.append(parse_response(prompt.id, side, where, sample=len(responses), model=model))
    record = Record(prompt=prompt, responses=tuple(responses))
    if is_harmful(record, responses[0].id):
        raise RecipeError(
            "chosen is, or holds, the harmful text that the prompt was made from (docs/safety.md)", where
        )
    has_scores = high is not None and low is not None
    pair = Pair(
        chosen_id=responses[0].id,
        rejected_id=responses[1].id,
        rule="imported",
        chosen_score=high if has_scores else None,
        rejected_score=low if has_scores else None,
        margin=high - low if has_scores else None,  # pyright: ignore[reportOperatorIssue]
        tie=has_scores and high == low,
    )
    return record.adding(pairs=[pair])
