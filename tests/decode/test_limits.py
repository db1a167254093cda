from __future__ import annotations

import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponteio.decode.limits import DEEPEST, DecodeLimits, FrameError, check_limits
from ponteio.model.outcome import TOO_DEEP, TOO_MANY_NODES, Outcome

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=8)
    | st.sampled_from(['[{",:}]', '\\"[']),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=30,
)


def outcome(payload: bytes, **limits: int) -> Outcome | None:
    try:
        check_limits(payload, DecodeLimits(**limits))
    except FrameError as error:
        return error.outcome
    return None


def depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def nodes(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(nodes, inner))


def nested(levels: int, kind: str = "[]") -> bytes:
    opening = b"[" if kind == "[]" else b'{"a":'
    return opening * (levels - 1) + kind.encode() + (b"]" if kind == "[]" else b"}") * (levels - 1)


@pytest.mark.parametrize("kind", ["[]", "{}"])
def test_the_last_allowed_level_passes_and_one_more_is_refused(kind: str) -> None:
    assert outcome(b'["x",{"data":' + nested(64, kind) + b"}]") is None
    assert outcome(b'["x",{"data":' + nested(65, kind) + b"}]") is TOO_DEEP


def test_depth_beyond_what_any_parser_takes_is_named_as_depth() -> None:
    assert outcome(nested(200_000)) is TOO_DEEP


def test_brackets_and_commas_inside_texts_do_not_count() -> None:
    text = orjson.dumps(["[{" * 500, '\\"[[[,,,' * 500, {"[[[": "}"}])
    assert outcome(text, max_depth=2, max_nodes=5) is None


@given(JSON, st.integers(0, 6), st.integers(1, 40), st.booleans())
def test_limits_are_exact(value: object, max_depth: int, max_nodes: int, spaced: bool) -> None:
    packet = ["name", {"data": value}]
    option = orjson.OPT_INDENT_2 if spaced else 0
    found = outcome(orjson.dumps(packet, option=option), max_depth=max_depth, max_nodes=max_nodes)
    if nodes(packet) > max_nodes:
        assert found is TOO_MANY_NODES
    elif depth(value) > max_depth:
        assert found is TOO_DEEP
    else:
        assert found is None


@pytest.mark.parametrize("depth", [-1, DEEPEST + 1])
def test_a_depth_that_could_not_be_carried_is_refused_when_it_is_set(depth: int) -> None:
    with pytest.raises(ValueError, match="max_depth"):
        DecodeLimits(max_depth=depth)


def test_a_container_of_empty_texts_is_not_empty() -> None:
    packet = [[""], {"": ""}, [], {}, [[""]]]
    assert outcome(orjson.dumps(packet), max_nodes=nodes(packet)) is None
    assert outcome(orjson.dumps(packet), max_nodes=nodes(packet) - 1) is TOO_MANY_NODES


def test_a_history_sync_with_far_more_than_50_000_values_passes() -> None:
    assert outcome(b"[" + b"0," * 900_000 + b"0]") is None
    assert outcome(b"[" + b"0," * 1_000_000 + b"0]") is TOO_MANY_NODES


@given(st.binary(max_size=60))
def test_any_bytes_are_judged(payload: bytes) -> None:
    outcome(payload, max_depth=0, max_nodes=1)


def test_quotation_marks_that_never_close_take_linear_time() -> None:
    began = time.process_time()
    outcome(b"[" * 100 + b'"' + b'\\"' * 500_000)
    outcome(b"[" * 100 + b'"\\' * 500_000)
    assert time.process_time() - began < 2
