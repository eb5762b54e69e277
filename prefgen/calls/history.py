"""What the journal knows of earlier asks: what a plan goes by."""

from prefgen.calls.journal import Journal


def mean_usage(journal: Journal, model: str) -> tuple[int | None, float]:
    """(mean output tokens, mean seconds) of a model's replies; None and 0 where there are none."""
    answered = "FROM replies WHERE model = ? AND status = 0"
    [(tokens,)] = journal.query(f"SELECT avg(completion_tokens) {answered}", (model,))
    [(seconds,)] = journal.query(f"SELECT avg(seconds) {answered} AND seconds > 0", (model,))
    return (int(tokens) if tokens else None), float(seconds or 0.0)


def key_parts(journal: Journal, record: str | None) -> list[bytes]:
    """The four short hashes of each key that was asked about a record (`prefgen.calls.key.Key.parts`)."""
    return [parts for (parts,) in journal.query("SELECT parts FROM replies WHERE record = ?", (record,))]
