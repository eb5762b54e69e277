"""Every error that prefgen raises on purpose, and the end of a message that names the nearest known word.

PrefgenError                 exit 1
├── RecipeError              exit 2   a recipe, an option or an input file is wrong; says file:line:column
│   └── RecipeErrors                  several of these, a line each
├── ReplyError                        one reply cannot be used; costs one record, never the run
│   ├── UnreadableReply               read, but not understood after its re-ask
│   ├── RefusedReply                  the model declined, or a content filter cut the answer
│   ├── TruncatedReply                the token limit cut it before anything usable was said
│   └── RefusedRequest                the server will never answer this request (400, 413, 422)
├── PluginError                       a plug-in has a bug; stops the run and names it
├── PublishError                      the Hub refused, or holds something else under that version
├── TrainingStopped                   a training could not go on
├── GateFailed               exit 4   what must hold before a release or a training does not
├── JournalError                      the call journal cannot be read or written
└── RunStopped                        the run ends here and can be taken up again
    ├── EndpointDown         exit 3
    ├── BudgetReached        exit 5
    ├── Interrupted          exit 130
    ├── FatalEndpoint        exit 1   401, 403, 404, a model that does not exist
    ├── UnexpectedRequest    exit 1   a finished record asks something new
    ├── NoPromptsLeft        exit 1   no prompt was written, or curators dropped all of them
    └── UnexpectedServer     exit 1   the journal holds a reply from a server that the recipe does not name

RequestFailed stands apart: what a backend raises when a request got no usable answer. It never reaches a
plug-in.
"""

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class PrefgenError(Exception):
    """Any failure that prefgen can explain in one line."""

    exit_code = 1


class RecipeError(PrefgenError):
    """A recipe, an option or an input file is wrong; nothing was asked."""

    exit_code = 2

    def __init__(self, message: str, where: str | None = None) -> None:
        self.where = where
        super().__init__(f"{where}: {message}" if where else message)


class RecipeErrors(RecipeError):
    """Several things are wrong with a recipe; `errors` has them one by one, in the recipe's order."""

    def __init__(self, errors: Sequence[RecipeError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in errors))


class ReplyError(PrefgenError):
    """One reply cannot be used. `code` is one of a closed list, so that ledgers can count it."""

    code = "unusable"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        replies: tuple[str, ...] = (),
        keys: tuple[str, ...] = (),
        model: str | None = None,
    ) -> None:
        self.code = code or type(self).code
        self.model = model
        self.replies = replies
        self.keys = keys
        super().__init__(message)


class UnreadableReply(ReplyError):
    """The reply was read and not understood."""

    code = "unreadable"


class RefusedReply(ReplyError):
    """The model declined to answer, or a content filter removed the answer."""

    code = "refused"


class TruncatedReply(ReplyError):
    """The token limit was reached before anything usable was said."""

    code = "length"


class RefusedRequest(ReplyError):
    """The server answered that it will never serve this request; `code` is the provider's."""

    code = "bad_request"


class PluginError(PrefgenError):
    """A plug-in broke its contract or raised; the message names it."""


class PublishError(PrefgenError):
    """The Hub refused, or what stands there forbids it. Nothing is half published."""


class TrainingStopped(PrefgenError):
    """A training could not go on; what it had written stays."""


class GateFailed(PrefgenError):
    """A check that must hold before something is published or trained on does not."""

    exit_code = 4


class JournalError(PrefgenError):
    """The call journal cannot be opened, read or written."""


class RunStopped(PrefgenError):
    """The run ends before its end. Everything that was answered is kept."""


class EndpointDown(RunStopped):
    """A server failed so many distinct requests in a row that going on would be noise."""

    exit_code = 3


class BudgetReached(RunStopped):
    """The next request could exceed the budget of this run directory."""

    exit_code = 5


class Interrupted(RunStopped):
    """Ctrl-C, SIGTERM or SIGHUP."""

    exit_code = 130


class FatalEndpoint(RunStopped):
    """The server rejects the key, the model or the address; asking again cannot help."""


class UnexpectedRequest(RunStopped):
    """A record that was complete asks something that it did not ask before."""


class NoPromptsLeft(RunStopped):
    """There is no prompt to go on with."""


class UnexpectedServer(RunStopped):
    """A journalled reply came from a server that this recipe does not name."""


class RequestFailed(Exception):
    """What a backend raises when a request got no usable HTTP answer. Never reaches a plug-in.

    `kind` is one of `rate` (429), `busy` (503, 529), `server` (other 5xx), `connection`, `timeout`, `broken`
    (half a body), `empty` (no answer in the reply), `refused` (final for this request), `rejected` (400, 422:
    of this request alone, or of all), `denied` (403, 404, 451: likewise, and it may pass), `restarted` (the
    server that the run keeps is started again, and the request goes on as if it had not been sent) and
    `fatal` (401, 402).
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        code: str = "",
        retry_after: float | None = None,
        billed: bool = False,
        given_up: bool = False,
        odd_tries: int = 0,
        before: Sequence["RequestFailed"] = (),
    ) -> None:
        self.kind = kind
        self.message = message
        self.code = code or kind
        self.retry_after = retry_after
        self.billed = billed
        self.given_up = given_up
        """Whether the request was tried again and again, in all its draws."""
        self.odd_tries = odd_tries
        """How often it brought whole replies without an answer, where one of its draws alone may have one."""
        self.before = before
        """What became of it at other replicas within the same try."""
        super().__init__()

    def __str__(self) -> str:
        return self.message


def sentences(first: str, *more: str) -> str:
    """Sentences as one text; those that are empty are left out. The first may lack its full stop where others
    follow.
    """
    more = tuple(filter(None, more))
    end = "." if more and not first.endswith((".", "!", "?")) else ""
    return " ".join([first + end, *more])


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """The end of an error message: the nearest known name, or all of them."""
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if matches:
        return f". Did you mean {matches[0]!r}?"
    return f". Known: {', '.join(sorted(known))}" if known else ""


def first_problem(error: "ValidationError") -> tuple[str, str]:
    """(where, what) of the first thing that is wrong with a value: its field, dotted (empty for the value as
    a whole), and pydantic's words.
    """
    first = error.errors(include_url=False)[0]
    return ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
