"""What options mean that several calls and commands share."""

from collections.abc import Sequence

from prefgen.dataset.bad_rows import BadRows
from prefgen.errors import RecipeError


def allowed_rules(rules: Sequence[str], others: Sequence[str] = ()) -> tuple[str, ...]:
    """The rules that rows may break, `others` among them. Raises RecipeError for one that they may not."""
    from prefgen.dataset.pair_rules import ALLOWABLE

    for rule in rules:
        if rule not in (*ALLOWABLE, *others):
            raise RecipeError(f"--allow: {rule!r} is none of {', '.join((*ALLOWABLE, *others))}")
    return tuple(rules)


def bad_rows_of(policy: str) -> BadRows:
    """What becomes of bad rows. Raises RecipeError for a policy that there is not."""
    if policy == "fail" or policy == "drop":
        return BadRows(policy)
    raise RecipeError(f"--on-bad-rows: {policy!r} is neither fail nor drop")


def require_one(option: str, count: int | None) -> None:
    """Raises RecipeError where an option that counts prompts wants none of them; None are all of them."""
    if count is not None and count < 1:
        raise RecipeError(f"{option} must be at least 1, found {count}")
