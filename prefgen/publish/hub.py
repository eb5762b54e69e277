"""One commit on the Hub, with its parent, and then the tag: nothing is half published, and nobody else's work
is overwritten.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from prefgen.dataset.hub import first_line
from prefgen.errors import PublishError

MAX_TRIES = 4
"""How often a commit is made anew, on a head that others have moved or after a fault of the Hub's."""
PAUSES = (1.0, 4.0, 10.0)
"""Seconds before the next try after such a fault."""


@dataclass(frozen=True)
class Head:
    """What stands on the Hub: the newest commit and its files, the tags with their commits, and whether it is
    private.
    """

    commit: str
    files: frozenset[str]
    tags: Mapping[str, str]
    private: bool = False


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
            raise self._publish_error("cannot be read", error) from error
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
            raise self._publish_error(f"{path} cannot be read", error) from error
        return Path(file).read_text(encoding="utf-8")

    def commit(
        self,
        commit_contents: Callable[[Head], tuple[Mapping[str, Path | bytes], str]],
        *,
        is_ours: Callable[[str], bool],
        pr: bool = False,
    ) -> tuple[str, str]:
        """(the commit, its address) of what `commit_contents` returns for the head that it is made on: {path:
        content}, and the message.

        Files that are `is_ours` and not among them are removed by the same commit. Where somebody else was
        faster it is made anew on their head; after a fault of the Hub's too, which may have come after the
        commit was made: `commit_contents` sees on the new head what is there already.
        """
        from huggingface_hub.errors import HfHubHTTPError

        fault: HfHubHTTPError | None = None
        for pause in (*PAUSES, 0.0):
            head = self.head()
            if head is None:
                raise PublishError(f"{self.name!r} is not on the Hub any more")
            files, message = commit_contents(head)
            try:
                commit_info = self._api.create_commit(
                    self.name,
                    _operations(files, head, is_ours),
                    commit_message=message,
                    repo_type=self.kind,
                    parent_commit=head.commit,
                    create_pr=pr,
                )
            except HfHubHTTPError as error:
                if error.response.status_code == 412:
                    continue
                if error.response.status_code < 500 or "/commit/" not in str(error.response.url):
                    raise self._publish_error("nothing was published", error) from error
                fault = error
                if pr:  # a second one would be opened
                    break
                time.sleep(pause)
                continue
            except Exception as error:
                raise self._publish_error("nothing was published", error) from error
            return commit_info.oid, str(commit_info.pr_url or commit_info.commit_url)
        if fault is not None:
            problem = "it is not known whether the commit was made; publish again, which goes on from there"
            raise self._publish_error(problem, fault) from fault
        raise PublishError(
            f"{self.name!r}: others have committed {MAX_TRIES} times meanwhile; nothing was published. "
            "Publish again"
        )

    def tag(self, tag: str, commit: str, message: str) -> None:
        """Tag a commit. Raises PublishError; not where somebody else has just set the same tag on the same
        commit.
        """
        try:
            self._api.create_tag(
                self.name, tag=tag, tag_message=message, revision=commit, repo_type=self.kind, exist_ok=False
            )
        except Exception as error:
            head = self.head()
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
        status = getattr(getattr(error, "response", None), "status_code", None)
        hint = {
            401: "the token was not accepted: set HF_TOKEN to one with the right to write",
            403: "the token has no right to write there",
        }.get(status or 0)
        return PublishError(f"{self.name!r}: {problem}: {hint or first_line(error)}")


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
