"""prefgen publish"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.arguments import AsJson

if TYPE_CHECKING:
    from prefgen.publish.release import Release


def command(
    run: Annotated[Path, typer.Argument(help="A complete run's folder.")],
    repo: Annotated[
        str | None, typer.Option(help="owner/name on the Hub. Default: the recipe's `publish.repo`.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Default: the recipe's, or the next one after what changed.")
    ] = None,
    bump: Annotated[str | None, typer.Option(help="auto (as the diff says), major, minor or patch.")] = None,
    private: Annotated[
        bool | None,
        typer.Option("--private/--public", help="Default: private where rows come from harmful texts."),
    ] = None,
    test: Annotated[float | None, typer.Option(help="Share of the prompts in the test split.")] = None,
    harmful: Annotated[
        str | None, typer.Option(help="redact (default), drop or keep texts that prompts were made from.")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Write everything to RUN/release and send nothing. Needs no token."),
    ] = False,
    pr: Annotated[
        bool, typer.Option("--pr", help="Open a pull request instead of committing; it gets no tag.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a run on the Hub as a version: rows in splits, a card, one commit, a tag. The same again
    changes nothing.
    """
    from prefgen.publish.release import publish, read_publish_settings

    overrides = {
        "repo": repo,
        "version": version,
        "bump": bump,
        "private": private,
        "test": test,
        "harmful": harmful,
    }
    options = read_publish_settings(
        run, {name: value for name, value in overrides.items() if value is not None}
    )
    release = publish(run, options, dry_run=dry_run, pr=pr, say=lambda line: print(line, file=sys.stderr))
    if as_json:
        summary = {
            name: getattr(release, name)
            for name in (
                "repo",
                "version",
                "content_hash",
                "counts",
                "private",
                "commit",
                "address",
                "already",
            )
        }
        print(
            json.dumps(
                {
                    **summary,
                    "folder": str(release.folder),
                    "diff": release.diff.as_json() if release.diff else None,
                }
            )
        )
    else:
        _print_release(release, dry_run)


def _print_release(release: "Release", dry_run: bool) -> None:
    for config, counts in release.counts.items():
        print(
            f"{config:12} "
            + (", ".join(f"{split} {n:,}" for split, n in sorted(counts.items(), reverse=True)) or "none")
        )
    if release.diff:
        print(release.diff.markdown())
    title = f"version {release.version}, content hash {release.content_hash}"
    if dry_run:
        print(
            f"{title}: nothing was sent; it would be {'private' if release.private else 'public'}. Look at "
            f"{release.folder}/README.md"
        )
    elif release.already:
        print(f"{title}: is on the Hub already, nothing was changed")
    else:
        print(f"{title}: {release.address}")
