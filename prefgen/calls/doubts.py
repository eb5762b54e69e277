"""What a doubtful failure is, once it is known what becomes of a word of our own: the prompt's fault, a
feature's, or the endpoint's.
"""

from prefgen.calls.probe import Finding
from prefgen.calls.retries import NextStep
from prefgen.errors import RequestFailed, sentences
from prefgen.transport.failures import LOGPROBS_REFUSED
from prefgen.transport.request import Features

REMEDIES = {
    "schema": (
        "a schema",
        "Does the server not know schemas? Give its endpoint `schema_as: text`",
    ),
    "tools": (
        "tools",
        "Start the server with them (llama.cpp: --jinja; vLLM: --enable-auto-tool-choice), or ask without",
    ),
}  # fmt: skip
"""{feature: its name, and what may help}."""


def settled(
    step: NextStep, error: RequestFailed, features: Features, finding: Finding
) -> tuple[NextStep, RequestFailed]:
    """What follows a doubtful `error`, and what is said of it."""
    if finding == "up":
        return NextStep("refuse"), error
    if finding == "bare":
        return _after_bare(error, features)
    if error.kind == "rejected" and finding == "refused":
        message = sentences(
            error.message, "A word is refused alike: mend the recipe or its endpoint and run again"
        )
        return step, RequestFailed("fatal", message, code=error.code)
    if error.kind != "rejected":
        return step, error
    return NextStep("fail"), error  # it answers nothing now: another start asks again


def _after_bare(error: RequestFailed, features: Features) -> tuple[NextStep, RequestFailed]:
    """A word alone is answered, and with these features it is not: no prompt is to blame."""
    if "n" in features:
        return NextStep("single"), error
    wanted = [name for name in REMEDIES if any(f.partition(" ")[0] == name for f in features)]
    if not wanted:
        return NextStep("refuse"), RequestFailed("refused", error.message, code=LOGPROBS_REFUSED)
    what = " and ".join(REMEDIES[name][0] for name in wanted)
    remedies = ". ".join(REMEDIES[name][1] for name in wanted)
    message = sentences(error.message, f"It answers a word, and none with {what}. {remedies}")
    return NextStep("fatal"), RequestFailed("fatal", message, code=error.code)
