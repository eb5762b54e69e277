"""prefgen check"""
# pyright: reportMissingImports=false

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefgen.cli.arguments import AsJsonOption, ColumnsOption, NoPluginsOption, SetsOption
from prefgen.cli.check_recipe import check_constitution, check_curators, check_recipe
from prefgen.cli.completion import checkable
from prefgen.cli.screen import NoPagerOption, paged, say_lines, say_note
from prefgen.dataset.bad_rows import BAD_ROWS, BadRows
from prefgen.version import notify_renamed

if TYPE_CHECKING:
    from prefgen.api.check import OpenedRows
    from prefgen.dataset.check import CheckReport


WhatArgument = Annotated[
    str,
    typer.Argument(
        help="A recipe, a constitution, a file of curators, a run's folder, a file of pairs, or a dataset "
        "on the Hub.",
        autocompletion=checkable,
    ),
]
SplitOption = Annotated[
    str | None, typer.Option(help="One split. Default: all, and that they are disjoint.", show_default=False)
]
HubConfigOption = Annotated[
    str | None, typer.Option(help="The configuration of a Hub dataset.", show_default=False)
]
HubRevisionOption = Annotated[
    str | None, typer.Option(help="The revision of a Hub dataset.", show_default=False)
]
MaxRepeatedChosenOption = Annotated[
    float, typer.Option(help="Largest share of chosen that one answer may have.", min=0, max=1)
]
AllowTruncatedOption = Annotated[
    bool, typer.Option("--allow-truncated", help="Allow one side to be cut by the token limit.")
]
AllowAlsoRedactedOption = Annotated[
    list[str],
    typer.Option(
        "--allow",
        metavar="RULE",
        help="A rule that may be broken: truncated, leak, format, redacted. May be repeated.",
    ),
]
TokenizerOption = Annotated[
    str | None,
    typer.Option(
        help="A tokenizer's folder or name: prove that sides differ after truncation.", show_default=False
    ),
]
MaxLengthOption = Annotated[int, typer.Option(help="With --tokenizer: the training's `max_length`.", min=1)]
MostLongerOption = Annotated[
    int | None,
    typer.Option(
        help="Count pairs whose chosen side has so many more words (tokens with --tokenizer).",
        show_default=False,
    ),
]
DropOption = Annotated[
    bool, typer.Option("--drop", help="Write the rows that break no rule to --out, with what was left out.")
]
CleanFolderOption = Annotated[
    Path | None, typer.Option("--out", "-o", help="With --drop: a new folder.", show_default=False)
]

ConnectOption = Annotated[
    bool,
    typer.Option(
        "--connect", help="Of a recipe: also look whether its servers answer. No model is asked for anything."
    ),
]


def command(
    what: WhatArgument,
    split: SplitOption = None,
    config: HubConfigOption = None,
    revision: HubRevisionOption = None,
    max_repeated_chosen: MaxRepeatedChosenOption = 0.05,
    columns: ColumnsOption = [],
    allow_truncated: AllowTruncatedOption = False,
    allow: AllowAlsoRedactedOption = [],
    tokenizer: TokenizerOption = None,
    max_length: MaxLengthOption = 1024,
    most_longer: MostLongerOption = None,
    drop: DropOption = False,
    out: CleanFolderOption = None,
    canned: Annotated[float | None, typer.Option(hidden=True)] = None,
    allow_cut: Annotated[bool, typer.Option("--allow-cut", hidden=True)] = False,
    sets: SetsOption = [],
    connect: ConnectOption = False,
    no_plugins: NoPluginsOption = False,
    no_pager: NoPagerOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """Prove the invariants of a preference dataset (exit 4 when one is broken), or check a recipe, a
    constitution or a file of curators (`mix --curate`) without running it.
    """
    from prefgen.api.check import check_pairs, kind_of, reopening, truncation_of
    from prefgen.api.options import allowed_rules
    from prefgen.cli.failures import end_with
    from prefgen.dataset.check_words import report_lines
    from prefgen.errors import PrefgenError

    path = Path(what)
    kind = kind_of(path)
    if kind == "constitution":
        check_constitution(path, as_json=as_json)
        return
    if kind == "recipe":
        check_recipe(path, sets=sets, plugins=not no_plugins, connect=connect, as_json=as_json)
        return
    if sets or connect:
        option = "--set changes" if sets else "--connect is about"
        raise typer.BadParameter(f"{option} a recipe, and {what} is none")
    if kind == "curators":
        check_curators(path, plugins=not no_plugins, as_json=as_json)
        return
    if canned is not None:
        notify_renamed("--canned", "--max-repeated-chosen")
        max_repeated_chosen = canned
    if allow_cut:
        notify_renamed("--allow-cut", "--allow-truncated")
        allow_truncated = True
    if drop != (out is not None):
        raise typer.BadParameter("--drop and --out NEW_FOLDER belong together")

    open_rows = reopening(what, split, config, revision, columns)
    rules = (*allowed_rules(allow, ("redacted",)), *(("truncated",) if allow_truncated else ()))
    truncation = truncation_of(tokenizer, max_length)

    def check(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> "CheckReport":
        from prefgen.dataset.check import check_rows

        return check_rows(
            rows, max_repeated_chosen=max_repeated_chosen, allow=rules, truncation=truncation,
            most_longer=most_longer,
        )  # fmt: skip

    report = check_pairs(what, open_rows, check)
    written = ""
    try:  # whoever reads only the first line of what is said has the rows all the same
        if out is not None:
            written = _write_clean(lambda: open_rows(BadRows("drop")), check, report.bad_places, out)
    except PrefgenError as error:
        if as_json:
            end_with(error, **report.as_json())
        say_lines(report_lines(report))
        raise
    else:
        if as_json:
            print(json.dumps(report.as_json(), ensure_ascii=False))
        else:
            with paged(off=no_pager):
                say_lines(report_lines(report))
    if written:
        say_note(written)
    raise typer.Exit(0 if report.passed or out is not None else 4)


def _write_clean(
    open_rows: Callable[[], "OpenedRows"],
    check: Callable[[Iterable[tuple[str, Mapping[str, Any]]]], "CheckReport"],
    bad_places: Mapping[str, Sequence[str]],
    out: Path,
) -> str:
    """Write what is left without the bad rows, once it is proven, and say so. Raises RecipeError, and
    GateFailed where no leaving out of rows makes the dataset clean.
    """
    from prefgen.dataset.pair_rules import RULES
    from prefgen.dataset.partial import write_note
    from prefgen.errors import GateFailed
    from prefgen.publish.clean import check_clean_folder, kept_rows, write_clean

    check_clean_folder(out)
    rows = open_rows().rows
    left = check(kept_rows(rows, bad_places) if bad_places else rows)
    if left.findings:
        broken = "; ".join(
            f"{RULES[rule]} ({finding.examples[0]})" for rule, finding in left.findings.items()
        )
        raise GateFailed(f"{str(out)!r} was not written, since leaving out rows does not mend this: {broken}")
    opened = open_rows()
    counts = write_clean(opened.rows, bad_places, out)
    for name in counts:
        write_note(out / name, opened.partial)
    said = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    return f"{out}: {said}; {len(bad_places):,} rows were left out ({BAD_ROWS})"
