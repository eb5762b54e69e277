"""The codes of lost replies and the reasons why a prompt has no pair, as they stand in the code."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from prefgen.kit.parse_failure import REASK_MESSAGES
from tests.support.paths import ROOT

FINAL_KINDS = ("refused", "empty")
"""Of a request that failed: what may be a prompt's end. Others are tried again, or stop the run."""
CODE_WORDS = {
    "other_model": "the server serves another model than it did, or than its replicas do",
    "engine_died": "the engine of a server that the run keeps dies of this request, alone",
    "request_too_large": "the request is larger than the server takes",
}
"""Of codes whose message is the server's own."""
REASON_WORDS = {
    "disagreement": "The comparison of the two says otherwise than their scores (`disagreement: drop`).",
    "flagged": "A filter flagged answers, and fewer than two are left.",
    "margin": "The difference of the scores is below `min_margin`, or the score speaks for the other side.",
    "no_chosen_side": "No answer is of the kind that `chosen` wants.",
    "no_pair": "The pairer gives no reason.",
    "no_rejected_side": "No answer is of the kind that `rejected` wants.",
    "no_responses": "There is no answer.",
    "no_revision": "No answer was revised, or the original or its last revision may not be paired.",
    "same_text": "The answers are the same text.",
    "tie": "The scores are equal, and `ties: drop` makes no pair of them.",
    "too_few_responses": "Fewer than two answers may be paired: others were lost, cut off, or never wanted.",
    "too_few_scored": "Too few answers have a score: a judge failed, or has not seen or compared them.",
    "too_long": "The answer that would be preferred is longer than `max_chosen_chars`.",
}
"""What reasons of pairers mean; a test sees that each is here."""


def lost_codes() -> Mapping[str, Sequence[str]]:
    """{code: what it means}: a reader's code as it is said to a model, else the messages that errors have."""
    trees = _trees("")
    constants = {name: value for tree in trees for name, value in _constants(tree)}
    words: dict[str, list[str]] = {code: [text.split(". ")[0]] for code, text in REASK_MESSAGES.items()}
    for tree in trees:
        for code, message in _codes_in(tree, constants):
            known = words.setdefault(code, [])
            if message not in known and any(map(str.isalpha, message)):
                known.append(message)
    for code, text in CODE_WORDS.items():
        words[code] = words[code] or [text]
    return {code: [re.sub(r"(?<!\.)\.$", "", text) for text in texts] for code, texts in words.items()}


def pair_reasons() -> Mapping[str, str]:
    """{reason: what it means}. Raises KeyError for one that nobody has described."""
    reasons = {
        text
        for folder in ("pairers", "kit", "plugins")
        for tree in _trees(folder)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in ("explain", "explain_candidates")
        for statement in ast.walk(node)
        if isinstance(statement, ast.Return)
        for text in _texts(statement.value, {})
    }
    return {reason: REASON_WORDS[reason] for reason in sorted(reasons)}


@cache
def _trees(folder: str) -> Sequence[ast.Module]:
    paths = sorted((ROOT / "prefgen" / folder).rglob("*.py"))
    return [ast.parse(path.read_text(encoding="utf-8")) for path in paths]


def _constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The names that a module gives to texts, also several in one line."""
    for statement in tree.body:
        if not isinstance(statement, ast.Assign):
            continue
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            named = zip(target.elts, value.elts, strict=True)
        else:
            named = [(target, value)]
        for name, text in named:
            if isinstance(name, ast.Name) and isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield name.id, text


def _codes_in(tree: ast.Module, constants: Mapping[str, ast.expr]) -> Iterator[tuple[str, str]]:
    """(code, message) of classes of errors, and of errors as they are made."""
    names: dict[str, ast.expr] = {}
    """Of each name of a function what it was given last, in the order of the lines."""
    nodes = [node for node in ast.walk(tree) if hasattr(node, "lineno")]
    for node in sorted(nodes, key=lambda node: node.lineno):  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = {}
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = node.value
        elif isinstance(node, ast.ClassDef):
            for statement in node.body:
                if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "code":
                    yield ast.literal_eval(statement.value), ast.get_docstring(node) or ""
        elif isinstance(node, ast.Call):
            yield from _codes_of_call(node, {**constants, **names})


def _codes_of_call(call: ast.Call, names: Mapping[str, ast.expr]) -> Iterator[tuple[str, str]]:
    if ast.unparse(call.func) == "ParseFailure":  # its words are those of REASK_MESSAGES
        yield from ((code, "") for code in _texts(call.args[0], names))
        return
    is_of_request = ast.unparse(call.func) == "RequestFailed"
    if is_of_request and isinstance(call.args[0], ast.Constant) and call.args[0].value not in FINAL_KINDS:
        return
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    message = keywords.get("reason") or (call.args[-1] if call.args else None)
    for code in _texts(keywords.get("code"), names):
        messages = [text for text in _texts(message, names) if text]
        yield from ((code, text) for text in messages or [""])


def _texts(node: ast.expr | None, names: Mapping[str, ast.expr]) -> Sequence[str]:
    """What an expression may be, where it is text, with ... for what is put into it; nothing for what comes
    from elsewhere.
    """
    match node:
        case ast.Constant(value=str(text)) if text:
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(str(p.value) if isinstance(p, ast.Constant) else "..." for p in parts)]
        case ast.IfExp(body=first, orelse=second):
            return _texts_of([first, second], names)
        case ast.BoolOp(values=values):
            return _texts_of(values, names)
        case ast.Name(id=name) if name in names:
            without = {key: value for key, value in names.items() if key != name}
            return _texts(names[name], without)
        case _:
            return []


def _texts_of(nodes: Iterable[ast.expr], names: Mapping[str, ast.expr]) -> Sequence[str]:
    return [text for node in nodes for text in _texts(node, names)]
