"""Why a reply could not be read: a closed list of reasons, so that the keys of second asks never hold a
library's text.
"""

REASK_MESSAGES = {
    "not_json": "The reply was not valid JSON.",
    "missing_field": "The reply did not have every field that was asked for.",
    "wrong_type": "A field of the reply did not have the type that was asked for.",
    "out_of_scale": "A rating was outside its scale.",
    "wrong_count": "The reply did not have exactly one entry for each text.",
    "no_rating": "The reply held no rating.",
    "ambiguous": "The reply held more than one candidate for the answer.",
    "no_list": "The reply held nothing that could be taken.",
    "cut": "The reply was cut off before its end. Be much shorter.",
}


class ParseFailure(ValueError):
    """A reader did not understand a reply; `code` is a key of REASK_MESSAGES."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(detail)
