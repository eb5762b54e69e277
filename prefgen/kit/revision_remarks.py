"""What speaks of a revision where the revision itself was asked for: a remark or a critique in its place,
words to the reviser's own critic, a list of edits, several versions, and marks around it.

Each is looked for where it stands: as the whole of a reply, in its first sentence, or in its last paragraph.
"""

import re

_NOUN = r"(?:reply|response|answer|text|version|revision|rewrite|attempt)"
_OLD = r"(?:(?:original|initial|previous|last|current|existing|given|first|earlier|above|assistant's) )*"
_REVISE = r"(?:revise|rewrite|reword|rephrase|correct|fix|improve|edit|change)"
_DID = (
    r"(?:removed|changed|revised|rewrote|rewritten|edited|softened|replaced|reworded|rephrased|fixed"
    r"|corrected|added|updated|improved|shortened|clarified)"
)
_CRITICISES = (
    rf"(?:the|this|my|your) {_OLD}(?:reply|response|critique) "
    r"(?:is|was|has|had|does|doesn't|should|could|would|can|needs?|may|already|[a-z]+(?:s|ed))\b",
    rf"(?:the|this|your) {_OLD}text (?:(?:already|does|should|needs|fails|lacks)\b|names the wrong\b"
    rf"|is wrong\b"
    r"|is incorrect\b|has (?:no|an?|one|two|several) (?:\w+ )?(?:flaw|error|problem|issue|mistake)s?\b)",
    r"(?:the )?(?:main |only |one )?(?:problem|flaw|issue|error)s? (?:with|in|of) "
    r"(?:the|this|my|your) (?:reply|response|text)\b",
    r"the (?:critique|feedback|flaws? you|assistant)\b",
    r"to make (?:it|this|the reply|the response) (?:more|less) "
    r"(?:harmful|helpful|honest|harmless|ethical|toxic|accurate|polite|respectful)\b",
)
_ANSWERS_A_CRITIC = (
    r"you(?:'re| are) (?:\w+ )?right\W+(?:(?:and|so) )?(?:i|my|that was|it was)\b",
    r"thank(?:s| you) (?:\w+ )?for (?:(?:the|your|this|that) )?(?:\w+ )?"
    r"(?:feedback|critique|correction|comments?|suggestions?|pointing)\b",
    r"(?:i |my )?(?:apologi[sz]e|apologies|(?:i'm |i am )?sorry) for (?:(?:the|my|that|this) )?(?:\w+ ){0,2}"
    r"(?:mistake|error|confusion|oversight|reply|response)s?\b",
    r"i made an? (?:mistake|error)\b",
)
_TELLS_OF_REVISING = (
    r"(?:let me|let's|i (?:need|have|want) to|i'll|i will|i'd|i would) "
    rf"(?:now )?{_REVISE} (?:it|this|the|my)\b",
    rf"the user (?:\w+ ){{0,2}}(?:wants?|asks?|asked|asking|requests?|requested|needs?|told)(?: \w+)?"
    rf" me to {_REVISE}\b",
    rf"(?:the (?:task|request|instruction|goal) (?:is|was) to|the (?:task|request|instruction) asks me to"
    rf"|we(?:'re| are) asked to) {_REVISE}\b",
    rf"i(?:'m| am|'ve been| have been| was) (?:being )?(?:asked|told|supposed) to {_REVISE}\b",
    rf"(?:as (?:requested|asked|suggested),? )i(?:'ve| have)? (?:now )?{_DID} (?:it|this|that|the|my)\b",
    rf"(?:a|the|my) (?:(?:more|less) [\w-]+|better|safer|\w+er) {_NOUN} (?:would|might|could) be\b",
)
_SPEAKS_FIRST = re.compile(
    r"\W*(?:\d+[.)] )?(?:(?:so|since|as|because|okay|ok|first),? ){0,2}(?:"
    + "|".join((*_CRITICISES, *_ANSWERS_A_CRITIC, *_TELLS_OF_REVISING))
    + ")"
)
"""In small letters, as all that is told here but for lists of edits and marks."""
_ANNOUNCES = re.compile(
    rf"\W*(?:(?:the |my )?(?:final|improved|revised|corrected|edited|updated|rewritten) {_NOUN}"
    r"|(?:here's |here is )?my (?:\w+ )?attempt(?: at (?:a|the) (?:revision|rewrite|revised)\b.*)?"
    r"|how about (?:this|the following)(?: \w+)?"
    rf"|.*\bthe (?:reply|response|text|answer) with the .* (?:corrected|fixed|removed|changed))[:?]"
)
_REFUSES = re.compile(
    r"\b(?:can't|cannot|can not|unable to|not able to|won't|will not)\b[^.!?]{0,40}"
    r"\b(?:(?:revis|rewrit|reword)(?:e|ing)? (?:it|this|that|the (?:reply|text|response))\b|revision\b)"
)
_SPEAKS_LAST = re.compile(
    rf"\W*(?:(?:note|explanation|reasoning|rationale):?\W+)?(?:in this (?:version|revision|rewrite"
    rf"|reply),? )?"
    rf"(?:i(?:'ve| have)? (?:also |now |just |only )*{_DID} (?:it|this|that|the|my|any|all|some|a|an)\b"
    rf"|(?:{_DID}|revised) (?:for (?:accuracy|clarity|tone|safety|length)|the [^.]{{1,80}}\.?\W*\Z)"
    r"|(?:(?:key|main|notable|summary of|list of|explanation of) )*(?:the |my )?(?:changes|edits"
    r"|revisions|improvements|corrections)"
    r"(?: (?:made|i made))?:|what(?:'s| has| was| i)? (?:been )?changed\b|changelog\b"
    r"|this version (?:is|avoids|now|removes|corrects|keeps|no longer|addresses)\b"
    r"|does this (?:address|meet|satisfy|fix)\b|end of (?:the )?(?:revised|new|improved)\b)"
    r"|.*\bthe (?:critique|original reply|original response)\b"
)
_WHOLE_REMARK = re.compile(
    r"\W*(?:none|nothing|(?:it|this|that|everything)(?: all)? (?:is|looks|seems) (?:\w+ )?(?:fine|good"
    r"|great|okay|ok|perfect)"
    r"(?: as (?:it )?is)?|(?:there (?:is|are) )?no (?:\w+ )?(?:flaws?|issues?|errors?|problems|mistakes?"
    rf"|concerns)|done|perfect|lgtm|as (?:above|requested)|see above|{_DID})\W*"
)
_NEW = rf"(?:(?:new|improved|better|{_DID}) (?:{_NOUN}|one)|revision|rewrite)"
_ONE_SENTENCE = re.compile(
    rf"\W*(?:(?:as (?:requested|asked|suggested),? )?i(?:'ve| have)? (?:also |now |just |only )*{_DID}\b.*"
    rf"|(?:here's|here is|below is|this is|see) (?:(?:the|my|an?|your) )?{_NEW}\b"
    rf"(?! of (?!(?:the|your|my) {_OLD}{_NOUN})).*"
    rf"|(?:(?:the|my|an?) )?{_NEW} (?:is )?below\b.*"
    rf"|(?:(?:the|my|an?) )?(?:new|improved|better|{_DID}) (?:reply|response)"
    r" (?:would|could|should|might)\b.*"
    r"|i(?:'ve| have)? made (?:(?:the|all|some|these|your) )+(?:\w+ )?"
    r"(?:changes|edits|corrections|revisions)\b.*"
    rf"|(?:i'd be|i would be|i'm|i am) (?:happy|glad) to {_REVISE}\b.*"
    rf"|(?:there (?:is|are)|i (?:see|found|find)) .*\b(?:in|of|with) (?:the|your|this) "
    rf"(?:{_OLD}reply|{_OLD}response))"
    r"\W*"
)
"""One sentence, as a paragraph of its own, that says what was or is to be done with a text."""
_GIVES_TEXT = re.compile(r":\s+\S")
"""Behind a colon stands what it speaks of, which may be the new text."""
_INNER_END = re.compile(r"[.!?]\s+(?=\S)")
_EDITS = re.compile(
    r"\W*(?:(?:I would|I'd|I’d|Please|You could) )?(?i:replace|change|swap|correct|substitute|remove|delete)"
    r" (?:the (?:word|phrase|name|sentence) )?(?:[\"“'‘][^\"”\n]{1,80}?[\"”'’]|[A-Z]\w*) (?:with|to|by"
    r"|into|for|in|from)\b[^\n]*"
)
_NUMBERED = r"(?:option|version|draft|alternative|variant|attempt|revision)"
_VERSIONS = (
    (r"(?:before|original|old)", r"(?:after|revised|new|corrected|improved)"),
    (rf"{_NUMBERED} (?:1|one|a)", rf"{_NUMBERED} (?:2|two|b)"),
)
_PAIRS = tuple(
    tuple(re.compile(rf"^[^\w\n]*{name}[^\w\n]*?:", re.MULTILINE) for name in names) for names in _VERSIONS
)
_EDIT_MARKS = re.compile(r"~~[^~\n]+~~|\[(?:removed|added|changed|deleted|edited|revised):", re.IGNORECASE)
_TURN = re.compile(r"\W*(?:assistant|ai|user|human|bot|model)\W*?:", re.IGNORECASE)
_WRAPPED = re.compile(
    r"\A(?:</?(?:\w+[ _-])?(?:reply|response|text|answer|revision|version|revised|rewritten|critique"
    r"|think(?:ing)?)>"
    r"|\{\s*\"(?:\w+[ _-])?(?:reply|response|text|answer|revision|version|revised|rewritten"
    r"|improved)\w*\"\s*:)",
    re.IGNORECASE,
)
_LONGEST_REMARK = 200


def is_remark_or_refusal(paragraphs: list[str]) -> bool:
    """Whether a text (its `paragraphs` in small letters) begins with words about a revision, or is those."""
    first = paragraphs[0]
    return (
        _SPEAKS_FIRST.match(first) is not None
        or (len(first) <= _LONGEST_REMARK and _REFUSES.search(first) is not None)
        or (len(paragraphs) > 1 and len(first) <= _LONGEST_REMARK and _ANNOUNCES.fullmatch(first) is not None)
        or (len(paragraphs) == 1 and _WHOLE_REMARK.fullmatch(first) is not None)
        or _is_sentence_on_revising(first)
    )


def _is_sentence_on_revising(paragraph: str) -> bool:
    """Whether a paragraph is one sentence about what was done with a text: "I fixed the capital."."""
    opened = re.sub(r"\A(?:sure|certainly|of course|okay|ok)[,!.] ", "", paragraph)
    return (
        len(opened) <= _LONGEST_REMARK
        and _INNER_END.search(opened) is None
        and _GIVES_TEXT.search(opened) is None
        and _ONE_SENTENCE.fullmatch(opened) is not None
    )


def ends_on_remark(paragraphs: list[str]) -> bool:
    """Whether the last of several paragraphs speaks of what was changed."""
    last = paragraphs[-1]
    return len(paragraphs) > 1 and (
        (len(last) <= 2 * _LONGEST_REMARK and _SPEAKS_LAST.match(last) is not None)
        or _is_sentence_on_revising(last)
    )


def is_list_of_edits(text: str) -> bool:
    return "\n" not in text and len(text) <= _LONGEST_REMARK and _EDITS.fullmatch(text) is not None


def has_versions(text: str) -> bool:
    """Whether a text holds two versions under their names, or marks what was taken out and put in."""
    plain = re.sub(r"[*_`#]+", "", text).casefold()
    is_marked = "```" not in text and _EDIT_MARKS.search(text) is not None
    return is_marked or any(
        first.search(plain) is not None and second.search(plain) is not None for first, second in _PAIRS
    )


def is_wrapped(text: str, old: str) -> bool:
    """Whether a text begins with a turn, a tag or an object of its own that the `old` one does not hold."""
    mark = _TURN.match(text) or _WRAPPED.match(text)
    return mark is not None and mark[0].strip().casefold() not in old.casefold()
