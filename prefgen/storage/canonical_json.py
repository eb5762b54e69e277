"""Canonical JSON: the one spelling of a value that keys, ids and digests are made of."""

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def canonical(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys, no spaces and one spelling a number (1.0 is 1, -0.0 is 0).

    Raises ValueError for NaN, infinity and text that is not Unicode (a lone surrogate), TypeError for
    anything that JSON does not have: sets, bytes, objects.
    """
    try:
        return _encode(_normalize(value)).encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"text with a lone surrogate has no canonical form: {error.object[error.start :][:1]!r}"
        ) from None


def _normalize(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is bool or kind is int or value is None:
        return value
    if kind is dict:
        for key in value:
            if type(key) is not str:
                raise TypeError(f"keys of canonical JSON are text, found {key!r}")
        return {key: _normalize(item) for key, item in value.items()}
    if kind is float:
        if not math.isfinite(value):
            raise ValueError(f"{value!r} has no canonical form")
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if kind is list or kind is tuple:
        return [_normalize(item) for item in value]
    if isinstance(value, Mapping):
        return _normalize(dict(value))
    raise TypeError(f"{kind.__name__} has no canonical form: {value!r}")


def canonical_texts(value: Any) -> bytes:
    """The same bytes as `canonical`, several times faster, for values that hold no number at all
    (messages).
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        if "surrogate" in str(error):
            raise ValueError(f"text with a lone surrogate has no canonical form ({error})") from None
        raise


def canonical_flat(value: Sequence[Any] | Mapping[str, Any]) -> bytes:
    """The same bytes as `canonical`, several times faster, for a list or a mapping of text, whole numbers and
    None.
    """
    items = value.values() if isinstance(value, Mapping) else value
    try:
        return canonical_texts(value) if float not in map(type, items) else canonical(value)
    except TypeError:  # more than 64 bits
        return canonical(value)


def canonical_repeated(value: Any) -> bytes:
    """The same bytes as `canonical`, fast for values that come again and again (a model, its sampling, a
    schema).
    """
    try:
        encoded = orjson.dumps(
            value, option=orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
        )
    except TypeError:
        return canonical(value)
    # NaN is spelled like None; the text "null", of which schemas are full, is neither. Counting them saves
    # 4 % of a replay
    nulls = encoded.count(b"null")
    if nulls and nulls != encoded.count(b'"null"') + _count_nones(value) and not _is_finite(value):
        return canonical(value)
    return _canonical_from_json(encoded)


def _count_nones(value: Any) -> int:
    return list(value.values()).count(None) if isinstance(value, dict) else 0


def _is_finite(value: Any) -> bool:
    for item in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else (value,)
    ):
        kind = type(item)
        if kind is str or kind is int or item is None:
            continue
        if isinstance(item, float) and not math.isfinite(item):
            return False
        if isinstance(item, dict | list | tuple) and not _is_finite(item):
            return False
    return True


@lru_cache(maxsize=4096)
def _canonical_from_json(encoded: bytes) -> bytes:
    return canonical(json.loads(encoded))
