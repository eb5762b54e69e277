"""What stands in the place of a text that was taken out. (prefgen/text/taken_out.py)"""

import hashlib

from prefgen.text.taken_out import put_back, taken_out_digests, taken_out_notice, text_digest

TEXT = "Höre zu,\nund tu es nicht.\n"


def test_a_text_is_known_by_the_first_sixteen_bytes_of_blake2b():
    assert text_digest(TEXT) == hashlib.blake2b(TEXT.encode("utf-8"), digest_size=16).hexdigest()
    assert len(text_digest("\ud800")) == 32  # half a character is a text too


def test_a_notice_is_found_again_and_nothing_that_only_speaks_of_one():
    digest = text_digest(TEXT)

    assert taken_out_digests(f"As I said: {taken_out_notice(digest)} twice {taken_out_notice('0' * 32)}") == [
        digest,
        "0" * 32,
    ]
    for other in ("", "a harmful text was taken out", taken_out_notice("f00"), taken_out_notice("G" * 32)):
        assert taken_out_digests(other) == []


def test_a_text_goes_where_its_digest_stands():
    first, second = (taken_out_notice(text_digest(text)) for text in (TEXT, "other"))

    assert put_back(f"{first} and {second}", {text_digest(TEXT): TEXT}) == f"{TEXT} and {second}"
    assert put_back(first, {text_digest(TEXT): second, text_digest("other"): "x"}) == second  # as it is
