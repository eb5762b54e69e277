"""The 25 kinds of instructions of IFEval (Zhou et al., arXiv 2311.07911, appendix A), each as a check
without a model.

The names, the arguments and what counts are those of its dataset (`instruction_id_list` and `kwargs`), so
that its rows work as they are. Two kinds are told by this project's own means: sentences
(`prefgen.text.sentences`) and languages (`prefgen.text.language`).
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prefgen.errors import did_you_mean
from prefgen.text.language import known_languages, language_of
from prefgen.text.patterns import count_matches
from prefgen.text.sentences import sentences_of

CONSTRAINED_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
PLAIN_POSTSCRIPTS = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
LANGUAGES = {"zh-cn": ("zh",), "zh-tw": ("zh",), "no": ("no", "nb", "nn")}
"""{a language as langdetect spells it, which IFEval asks: the codes that it has here}."""
_WORD = re.compile(r"\w+")
Check = Callable[[str, Mapping[str, Any]], bool | None]
"""(text, arguments) -> whether the text follows the instruction; None where that cannot be told."""


def follows(instruction: str, text: str, arguments: Mapping[str, Any]) -> bool | None:
    """Whether a text follows an instruction; None where that cannot be told. Raises ValueError for an unknown
    instruction, or one without its arguments, and PatternTooSlowError.
    """
    check = CHECKS.get(instruction)
    if check is None:
        raise ValueError(
            f"there is no instruction {instruction!r} in IFEval{did_you_mean(instruction, list(CHECKS))}"
        )
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        return bool(text.strip()) and check(text, given)
    except KeyError as missing:
        raise ValueError(f"{instruction} needs {missing.args[0]!r}") from None
    except (TypeError, AttributeError, re.error, OverflowError, RecursionError) as wrong:
        raise ValueError(f"{instruction}: its arguments cannot be read ({wrong})") from None


def _compared(count: int, relation: str, threshold: int) -> bool:
    if relation not in ("less than", "at least"):
        raise ValueError(f"a relation is 'less than' or 'at least', found {relation!r}")
    return count < threshold if relation == "less than" else count >= threshold


def _has_keywords(text: str, arguments: Mapping[str, Any]) -> bool:
    keywords: Sequence[str] = arguments["keywords"]
    return all(count_matches(keyword, text, re.IGNORECASE, most=1) for keyword in keywords)


def _keyword_frequency(text: str, arguments: Mapping[str, Any]) -> bool:
    count = count_matches(arguments["keyword"], text, re.IGNORECASE)
    return _compared(count, arguments["relation"], arguments["frequency"])


def _has_no_forbidden_word(text: str, arguments: Mapping[str, Any]) -> bool:
    words: Sequence[str] = arguments["forbidden_words"]
    return not any(count_matches(rf"\b{word}\b", text, re.IGNORECASE, most=1) for word in words)


def _letter_frequency(text: str, arguments: Mapping[str, Any]) -> bool:
    count = text.lower().count(arguments["letter"].lower())
    return _compared(count, arguments["let_relation"], arguments["let_frequency"])


def _is_in_language(text: str, arguments: Mapping[str, Any]) -> bool | None:
    wanted = LANGUAGES.get(arguments["language"], (arguments["language"],))
    language = language_of(text) if set(wanted) <= set(known_languages()) else None
    return None if language is None else language in wanted


def _number_of_sentences(text: str, arguments: Mapping[str, Any]) -> bool:
    return _compared(len(sentences_of(text)), arguments["relation"], arguments["num_sentences"])


def _number_of_paragraphs(text: str, arguments: Mapping[str, Any]) -> bool:
    paragraphs = re.split(r"\s?\*\*\*\s?", text)
    inner_is_empty = any(not paragraph.strip() for paragraph in paragraphs[1:-1])
    filled = sum(bool(paragraph.strip()) for paragraph in paragraphs)
    return not inner_is_empty and filled == arguments["num_paragraphs"]


def _number_of_words(text: str, arguments: Mapping[str, Any]) -> bool:
    return _compared(len(_WORD.findall(text)), arguments["relation"], arguments["num_words"])


def _first_word_of_paragraph(text: str, arguments: Mapping[str, Any]) -> bool:
    paragraphs = text.split("\n\n")
    filled = sum(bool(paragraph.strip()) for paragraph in paragraphs)
    number: int = arguments["nth_paragraph"]
    if not 1 <= number <= filled or number > len(paragraphs) or not paragraphs[number - 1].strip():
        return False
    word = paragraphs[number - 1].split()[0].lstrip("'").lstrip('"')
    first_word = re.split(r"[.,?!'\"]", word)[0].lower()
    return filled == arguments["num_paragraphs"] and first_word == arguments["first_word"].lower()


def _placeholders(text: str, arguments: Mapping[str, Any]) -> bool:
    return len(re.findall(r"\[.*?\]", text)) >= arguments["num_placeholders"]


def _postscript(text: str, arguments: Mapping[str, Any]) -> bool:
    marker: str = arguments["postscript_marker"]
    pattern = PLAIN_POSTSCRIPTS.get(marker, re.escape(marker.lower()))
    return re.search(rf"\s*{pattern}.*$", text.lower(), re.MULTILINE) is not None


def _bullet_lists(text: str, arguments: Mapping[str, Any]) -> bool:
    stars = re.findall(r"^\s*\*[^\*].*$", text, re.MULTILINE)
    dashes = re.findall(r"^\s*-.*$", text, re.MULTILINE)
    return len(stars) + len(dashes) == arguments["num_bullets"]


def _is_constrained(text: str, _: Mapping[str, Any]) -> bool:
    return any(answer in text for answer in CONSTRAINED_ANSWERS)


def _highlights(text: str, arguments: Mapping[str, Any]) -> bool:
    single = (part for part in re.findall(r"\*[^\n\*]*\*", text) if part.strip("*").strip())
    double = (part for part in re.findall(r"\*\*[^\n\*]*\*\*", text) if part[2:-2].strip())
    return sum(1 for _ in single) + sum(1 for _ in double) >= arguments["num_highlights"]


def _sections(text: str, arguments: Mapping[str, Any]) -> bool:
    count = count_matches(rf"\s?{arguments['section_spliter']}\s?\d+\s?", text)
    return count >= arguments["num_sections"]


def _is_json(text: str, _: Mapping[str, Any]) -> bool:
    bare = text.strip()
    for mark in ("```json", "```Json", "```JSON", "```"):
        bare = bare.removeprefix(mark)
    try:
        json.loads(bare.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def _has_title(text: str, _: Mapping[str, Any]) -> bool:
    return any(title.lstrip("<").rstrip(">").strip() for title in re.findall(r"<<[^\n]+>>", text))


def _two_responses(text: str, _: Mapping[str, Any]) -> bool:
    parts = [part.strip() for part in text.split("******")]
    filled = [part for part in parts if part]
    return all(parts[1:-1]) and len(filled) == 2 and filled[0] != filled[1]


def _repeats_prompt(text: str, arguments: Mapping[str, Any]) -> bool:
    return text.strip().lower().startswith(arguments["prompt_to_repeat"].strip().lower())


def _ends_with(text: str, arguments: Mapping[str, Any]) -> bool:
    return text.strip().strip('"').lower().endswith(arguments["end_phrase"].strip().lower())


def _capital_words(text: str, arguments: Mapping[str, Any]) -> bool:
    words = re.findall(r"\w+(?:[-'’]\w+)*", text)
    count = sum(word.isupper() for word in words)
    return _compared(count, arguments["capital_relation"], arguments["capital_frequency"])


def _is_upper(text: str, _: Mapping[str, Any]) -> bool | None:
    return _is_in_language(text.lower(), {"language": "en"}) if text.isupper() else False


def _is_lower(text: str, _: Mapping[str, Any]) -> bool | None:
    return _is_in_language(text, {"language": "en"}) if text.islower() else False


def _has_no_comma(text: str, _: Mapping[str, Any]) -> bool:
    return "," not in text


def _is_quoted(text: str, _: Mapping[str, Any]) -> bool:
    bare = text.strip()
    return len(bare) > 1 and bare[0] == bare[-1] == '"'


CHECKS: Mapping[str, Check] = {
    "keywords:existence": _has_keywords,
    "keywords:frequency": _keyword_frequency,
    "keywords:forbidden_words": _has_no_forbidden_word,
    "keywords:letter_frequency": _letter_frequency,
    "language:response_language": _is_in_language,
    "length_constraints:number_sentences": _number_of_sentences,
    "length_constraints:number_paragraphs": _number_of_paragraphs,
    "length_constraints:number_words": _number_of_words,
    "length_constraints:nth_paragraph_first_word": _first_word_of_paragraph,
    "detectable_content:number_placeholders": _placeholders,
    "detectable_content:postscript": _postscript,
    "detectable_format:number_bullet_lists": _bullet_lists,
    "detectable_format:constrained_response": _is_constrained,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:json_format": _is_json,
    "detectable_format:title": _has_title,
    "combination:two_responses": _two_responses,
    "combination:repeat_prompt": _repeats_prompt,
    "startend:end_checker": _ends_with,
    "startend:quotation": _is_quoted,
    "change_case:capital_word_frequency": _capital_words,
    "change_case:english_capital": _is_upper,
    "change_case:english_lowercase": _is_lower,
    "punctuation:no_comma": _has_no_comma,
}
"""{instruction: its check}."""
