"""Keys: frozen vectors, and what is and is not in them."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.calls.key import call_key, changed_parts
from prefgen.storage.canonical_json import canonical, canonical_flat, canonical_repeated, canonical_texts
from prefgen.types import content_id
from tests.support.paths import GOLDEN

GOLDEN_KEYS = GOLDEN / "keys.json"
texts = st.text(st.characters(exclude_categories=["Cs"]))
plain = st.recursive(texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=12)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=12,
)


def a_key(**changes):
    fields = {
        "endpoint": "chat",
        "model": {"name": "m"},
        "messages": [{"role": "user", "content": "Hi"}],
        "sampling": {"temperature": 1.0},
        "reply_format": {},
        "record": "r",
        "seed": 7,
    }
    return call_key(**{**fields, **changes})


@pytest.mark.parametrize("vector", json.loads(GOLDEN_KEYS.read_text()), ids=lambda v: v["what"])
def test_keys_are_frozen(vector):
    found = call_key(**vector["fields"])

    assert (found.hex, found.parts.hex()) == (vector["key"], vector["parts"])


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"name": "m", "revision": "b"}},
        {"messages": [{"role": "user", "content": "Hi!"}]},
        {"sampling": {"temperature": 0.9}},
        {"reply_format": {"logprobs": 1}},
        {"sample": 1},
        {"attempt": 1},
        {"record": "s"},
        {"record": None},
        {"seed": 8},
        {"seed": None},
        {"endpoint": "completion"},
    ],
)
def test_each_part_of_an_ask_changes_the_key(changes):
    assert a_key(**changes).digest != a_key().digest


def test_numbers_have_one_spelling_and_order_of_fields_does_not_matter():
    one = a_key(sampling={"temperature": 1, "max_tokens": 512.0})

    assert a_key(sampling={"max_tokens": 512, "temperature": 1.0}) == one


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), {1, 2}, b"x", object(), {1: "a"}, "\ud800"])
def test_what_has_no_canonical_form_is_refused(bad):
    with pytest.raises((ValueError, TypeError)):
        canonical({"a": bad})


def test_changed_parts_are_named():
    assert changed_parts(a_key().parts, a_key(sampling={"temperature": 0}).parts) == ["sampling"]


@given(plain)
def test_the_fast_spelling_of_texts_is_the_canonical_one(value):
    assert canonical_texts(value) == canonical(value)


@given(
    st.lists(
        st.none()
        | st.text(st.characters(exclude_categories=["Cs"]))
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
    )
)
def test_the_fast_spelling_of_flat_values_is_the_canonical_one(value):
    assert canonical_flat(value) == canonical(value)
    assert canonical_flat({f"k{i}": item for i, item in enumerate(value)}) == canonical(
        {f"k{i}": item for i, item in enumerate(value)}
    )


@pytest.mark.parametrize(
    "value", [{"a": None, "b": float("nan")}, {"a": "null", "b": [float("nan")]}, [None, float("nan")]]
)
def test_no_number_hides_behind_a_null(value):
    with pytest.raises(ValueError, match="no canonical form"):
        canonical_repeated(value)


@given(values)
def test_the_remembered_spelling_is_the_canonical_one(value):
    assert canonical_repeated(value) == canonical(value)


@given(values)
def test_ids_are_made_of_the_canonical_spelling(value):
    assert (
        content_id("thing", value) == hashlib.blake2b(canonical(("thing", value)), digest_size=16).hexdigest()
    )


@given(values)
def test_canonical_json_reads_back_as_the_same_value(value):
    assert json.loads(canonical(value)) == value


def test_the_seed_for_a_server_fits_31_bits_and_differs_by_sample():
    seeds = {a_key(sample=i).server_seed for i in range(50)}

    assert len(seeds) == 50
    assert all(0 <= s < 2**31 for s in seeds)
