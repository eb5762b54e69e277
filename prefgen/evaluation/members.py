"""Which judges of a run make their verdicts of those of others, as a jury does."""

from pathlib import Path

from prefgen.dataset.read_run import read_recipe


def judge_members(run: Path) -> dict[str, tuple[str, ...]]:
    """{judge: the judges, or judge.aspect, that it is made `of`, down to those that are made of none}, as the
    run's recipe says.
    """
    data = read_recipe(run)
    members: dict[str, tuple[str, ...]] = {}
    for stage in data.get("stages", ()):
        for name, entry in stage.get("judge", {}).items():
            named = entry.get("of", ())
            if isinstance(named, list) and named:
                parts = [members.get(each.partition(".")[0], (each,)) for each in named]
                members[name] = tuple(member for part in parts for member in part)
    return members
