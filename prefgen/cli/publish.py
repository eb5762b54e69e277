"""prefgen publish"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefgen.cli.arguments import AsJsonOption
from prefgen.cli.completion import complete_runs, one_of
from prefgen.cli.screen import say_note
from prefgen.text.said_lines import as_text, line

if TYPE_CHECKING:
    from prefgen.publish.draft import Release


RunFolderArgument = Annotated[
    Path, typer.Argument(help="A complete run's folder, or a mix's.", autocompletion=complete_runs)
]
RepoOption = Annotated[
    str | None, typer.Option(help="owner/name on the Hub. Default: the recipe's `publish.repo`.")
]
VersionOption = Annotated[
    str | None, typer.Option(help="Default: the recipe's, or the next one after what changed.")
]
BumpOption = Annotated[
    str | None,
    typer.Option(
        help="auto (as the diff says), major, minor or patch.",
        autocompletion=one_of(("auto", "major", "minor", "patch")),
    ),
]
PrivateOption = Annotated[
    bool | None,
    typer.Option(
        "--private/--public",
        help="Default: private where rows come from harmful texts, or a part of a mix is private.",
    ),
]
TestShareOption = Annotated[float | None, typer.Option(help="Share of the prompts in the test split.")]
HarmfulOption = Annotated[
    str | None,
    typer.Option(
        help="redact (default), drop or keep texts that prompts were made from.",
        autocompletion=one_of(("redact", "drop", "keep")),
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Write everything to RUN/release and send nothing. Needs no token.")
]
PullRequestOption = Annotated[
    bool, typer.Option("--pr", help="Open a pull request instead of committing; it gets no tag.")
]


def command(
    run: RunFolderArgument,
    repo: RepoOption = None,
    version: VersionOption = None,
    bump: BumpOption = None,
    private: PrivateOption = None,
    test: TestShareOption = None,
    harmful: HarmfulOption = None,
    dry_run: DryRunOption = False,
    pr: PullRequestOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """Publish a run or a mix on the Hub as a version: rows in splits, a card, one commit, a tag. The same
    again changes nothing.
    """
    from prefgen.publish.release import publish
    from prefgen.publish.settings import read_publish_settings

    options = {
        "repo": repo,
        "version": version,
        "bump": bump,
        "private": private,
        "test": test,
        "harmful": harmful,
    }
    settings = read_publish_settings(
        run, {name: value for name, value in options.items() if value is not None}
    )
    release = publish(run, settings, dry_run=dry_run, pr=pr, say=say_note)
    if as_json:
        print(json.dumps(_release_as_json(release)))
    else:
        print(as_text([*release.content_lines(), line(release.verdict())]))


def _release_as_json(release: "Release") -> dict[str, Any]:
    fields = ("repo", "version", "content_hash", "counts", "private", "commit", "address", "already")
    return {
        **{name: getattr(release, name) for name in fields},
        "folder": str(release.folder),
        "diff": release.diff.as_json() if release.diff else None,
    }
