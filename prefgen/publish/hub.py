"""One commit on the Hub, with its parent, and then the tag: nothing is half published, and nobody else's work
is overwritten.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from prefgen.dataset.hub import first_line
from prefgen.errors import PublishError

MAX_TRIES = 4
"""How often a commit is made anew, on a head that others have moved or after a fault of the Hub's."""
PAUSES = (1.0, 4.0, 10.0, 2.0)
"""Seconds before the next look after such a fault; the last one is before what is said at the end."""


class Unreachable(PublishError):
    """What stands on the Hub could not be read."""


class OutcomeUnknown(PublishError):
    """Whether a commit was made, or a pull request opened, is not known."""


@dataclass(frozen=True)
class Head:
    """What stands on the Hub: the newest commit and its files, the tags with their commits, and whether it is
    private.
    """

    commit: str
    files: frozenset[str]
    tags: Mapping[str, str]
    private: bool = False


Contents = tuple[Mapping[str, Path | bytes], str]
"""({path: content}, the commit's message)"""
CommitContents = Callable[[Head], Contents]


class Repository:
    """A dataset or a model on the Hub. Everything that the Hub refuses becomes a PublishError in one line."""

    def __init__(self, name: str, kind: Literal["dataset", "model"] = "dataset") -> None:
        from huggingface_hub import HfApi, utils  # 0.3 s, wanted only by who publishes

        utils.logging.set_verbosity_error()
        utils.disable_progress_bars()
        self.name, self.kind = name, kind
        self._api: Any = HfApi()

    def writer(self) -> str:
        """Who the token belongs to. Raises PublishError where there is none, or where it is not accepted."""
        from huggingface_hub import get_token

        if get_token() is None:
            raise PublishError(
                "no token for the Hub: set HF_TOKEN to one with the right to write (`--dry-run` needs none)"
            )
        return str(self._call_hub("the token is not accepted", self._api.whoami)["name"])

    def head(self) -> Head | None:
        """None where there is no such repository yet, or none that the token may see."""
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            info = self._api.repo_info(self.name, repo_type=self.kind)
            refs = self._api.list_repo_refs(self.name, repo_type=self.kind)
        except RepositoryNotFoundError:
            return None
        except Exception as error:
            raise Unreachable(self._error_line("cannot be read", error)) from error
        files = frozenset(sibling.rfilename for sibling in info.siblings or ())
        return Head(info.sha, files, {tag.name: tag.target_commit for tag in refs.tags}, bool(info.private))

    def create(self, *, private: bool) -> None:
        """Make the repository. Raises PublishError, also where it was to be private and is not: a Hub or an
        organisation may have rules of its own, and somebody else may have been faster.
        """
        self._call_hub(
            "cannot be made",
            lambda: self._api.create_repo(self.name, repo_type=self.kind, private=private, exist_ok=True),
        )
        head = self.head()
        if head is None or (private and not head.private):
            raise PublishError(
                f"{self.name!r} was to be private and {'is not there' if head is None else 'is public'}: "
                "nothing was uploaded. Make it private on the Hub and publish again, or say --public"
            )

    def remove_if_empty(self) -> None:
        """Take away a repository that was made for a commit which then failed, so that nothing half made is
        left.
        """
        try:
            head = self.head()
            if head is not None and not head.tags and head.files <= {".gitattributes"}:
                self._api.delete_repo(self.name, repo_type=self.kind)
        except Exception:  # noqa: S110 - an empty repository is left, and the next try uses it
            pass

    def earlier(self, commit: str) -> list[str]:
        """The commits up to `commit`, newest first."""
        commits = self._call_hub(
            "its commits cannot be read",
            lambda: self._api.list_repo_commits(self.name, repo_type=self.kind, revision=commit),
        )
        return [commit_info.commit_id for commit_info in commits]

    def read(self, path: str, revision: str) -> str | None:
        """A text file at a commit; None where there is none."""
        from huggingface_hub.errors import EntryNotFoundError

        try:
            file = self._api.hf_hub_download(self.name, path, repo_type=self.kind, revision=revision)
        except EntryNotFoundError:
            return None
        except Exception as error:
            raise Unreachable(self._error_line(f"{path} cannot be read", error)) from error
        return Path(file).read_text(encoding="utf-8")

    def commit(
        self,
        commit_contents: CommitContents,
        *,
        is_ours: Callable[[str], bool],
        pr: bool = False,
    ) -> tuple[str, str]:
        """(the commit, its address) of what `commit_contents` returns for the head that it is made on: {path:
        content}, and the message.

        Files that are `is_ours` and not among them are removed by the same commit. Where somebody else was
        faster it is made anew on their head; after a fault of the Hub's too, which may have come after the
        commit was made: `commit_contents` sees on the new head what is there already. Raises PublishError,
        which says that nothing was published only where the Hub shows it.
        """
        parent, fault = "", None
        for number in range(MAX_TRIES + 1):
            head, (files, message) = self._look(commit_contents, fault)
            if number == MAX_TRIES and (fault is None or head.commit == parent):
                break
            parent, fault = head.commit, None
            try:
                commit_info = self._api.create_commit(
                    self.name,
                    _operations(files, head, is_ours),
                    commit_message=message,
                    repo_type=self.kind,
                    parent_commit=head.commit,
                    create_pr=pr,
                )
                return commit_info.oid, str(commit_info.pr_url or commit_info.commit_url)
            except Exception as error:
                if _status(error) == 412:
                    continue
                if not _may_have_committed(error):
                    raise self._publish_error("nothing was published", error) from error
                if pr:  # a second one would be opened
                    problem = (
                        "it is not known whether the pull request was opened; look there, and publish again "
                        "where it was not"
                    )
                    raise OutcomeUnknown(self._error_line(problem, error)) from error
                fault = error
                time.sleep(PAUSES[number])
        if fault is not None:
            problem = f"nothing was published (its newest commit is still {parent[:8]}); publish again"
            raise self._publish_error(problem, fault) from fault
        raise PublishError(
            f"{self.name!r}: others have committed {MAX_TRIES} times meanwhile; nothing was published. "
            "Publish again"
        )

    def _look(self, commit_contents: CommitContents, fault: Exception | None) -> tuple[Head, Contents]:
        """What stands on the Hub, and what is to stand there. Raises PublishError; after a `fault` of a
        commit, where the Hub cannot be read, one that says what is not known.
        """
        try:
            head = self.head()
            if head is None:
                raise PublishError(f"{self.name!r} is not on the Hub any more")
            return head, commit_contents(head)
        except Unreachable:
            if fault is None:
                raise
            problem = "it is not known whether the commit was made; publish again, which goes on from there"
            raise OutcomeUnknown(self._error_line(problem, fault)) from fault

    def tag(self, tag: str, commit: str, message: str) -> None:
        """Tag a commit. Raises PublishError; not where somebody else has just set the same tag on the same
        commit.
        """
        try:
            self._api.create_tag(
                self.name, tag=tag, tag_message=message, revision=commit, repo_type=self.kind, exist_ok=False
            )
        except Exception as error:
            try:
                head = self.head()
            except Unreachable:
                problem = (
                    f"was committed, and it is not known whether it is tagged {tag!r}: publish again, which "
                    "only sets the tag"
                )
                raise self._publish_error(problem, error) from error
            if head is None or head.tags.get(tag) != commit:
                problem = (
                    f"was committed and is not tagged {tag!r} yet: publish again, which only sets the tag"
                )
                raise self._publish_error(problem, error) from error

    def _call_hub(self, problem: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            raise self._publish_error(problem, error) from error

    def _publish_error(self, problem: str, error: Exception) -> PublishError:
        return PublishError(self._error_line(problem, error))

    def _error_line(self, problem: str, error: Exception) -> str:
        hint = {
            401: "the token was not accepted: set HF_TOKEN to one with the right to write",
            403: "the token has no right to write there",
        }.get(_status(error) or 0)
        return f"{self.name!r}: {problem}: {hint or first_line(error)}"


def _status(error: Exception) -> int | None:
    """The status of the answer that an error is; None where none came."""
    return getattr(getattr(error, "response", None), "status_code", None)


def _may_have_committed(error: Exception) -> bool:
    """Whether the commit may have been made all the same: it was sent, and what came back is no answer, a
    fault of the server's or of a gateway before it, or nothing at all.
    """
    if isinstance(error, json.JSONDecodeError):
        return True
    status = _status(error)
    asked = getattr(error, "response" if status else "request", None)
    return (status is None or status >= 500) and "/commit/" in str(getattr(asked, "url", ""))


def _operations(files: Mapping[str, Path | bytes], head: Head, is_ours: Callable[[str], bool]) -> list[Any]:
    """What makes `files` of what stands at `head`: ours that are not among them go."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    stale = sorted(path for path in head.files if path not in files and is_ours(path))
    return [
        *(
            CommitOperationAdd(path, str(content) if isinstance(content, Path) else content)
            for path, content in files.items()
        ),
        *(CommitOperationDelete(path) for path in stale),
    ]
