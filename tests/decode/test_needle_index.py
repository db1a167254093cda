from __future__ import annotations

import pickle
import random
import string

from hypothesis import given
from hypothesis import strategies as st

from ponteio.decode.needle_index import NeedleIndex

NEEDLES = st.lists(st.text('ab\\"c', min_size=1, max_size=24).map(str.encode), max_size=40)


def index_of(needles: list[bytes]) -> NeedleIndex:
    index = NeedleIndex()
    for needle in needles:
        index.add(needle, needle.decode())
    return index


@given(NEEDLES, st.text('ab\\"c', max_size=200).map(str.encode))
def test_finds_exactly_what_a_search_for_each_would_find(needles: list[bytes], text: bytes) -> None:
    assert index_of(needles).found_in(text) == {needle.decode() for needle in needles if needle in text}


def test_finds_every_length_at_every_place_among_many() -> None:
    rng = random.Random(7)
    needles = ["".join(rng.choices(string.ascii_letters, k=length)) for length in range(1, 41) for _ in range(80)]
    index = index_of([needle.encode() for needle in needles])
    for needle in needles[:: len(needles) // 80]:
        for before in range(9):
            text = "." * before + needle
            assert needle in index.found_in(text.encode())
            assert needle in index.found_in(f"{text}~~~~".encode())


def test_finds_across_the_borders_of_what_is_looked_at_together() -> None:
    many = [f"{n:015d}-needle".encode() for n in range(100)] + [f"{n:08d}".encode() for n in range(100)]
    index = index_of(many)
    for needle in (many[3], many[150]):
        for start in range((1 << 16) - 24, (1 << 16) + 2):
            text = b"." * start + needle + b"." * 50
            assert needle.decode() in index.found_in(text)


def test_what_is_discarded_is_not_found_and_its_neighbours_are() -> None:
    needles = [f"shared-prefix-{n:06d}".encode() for n in range(60)] + [b"ab", b"abcd", b"abcdefgh"]
    index = index_of(needles)
    for needle in needles[::2]:
        index.discard(needle, needle.decode())
    text = b" ".join(needles)
    assert index.found_in(text) == {needle.decode() for needle in needles[1::2]}


def test_a_needle_lives_as_long_as_one_of_its_owners() -> None:
    index = NeedleIndex()
    index.add(b"needle-of-two", "one")
    index.add(b"needle-of-two", "one")
    index.add(b"needle-of-two", "two")
    assert index.found_in(b"a needle-of-two") == {"one", "two"}
    index.discard(b"needle-of-two", "one")
    index.discard(b"needle-of-two", "nobody")
    assert index.found_in(b"a needle-of-two") == {"two"}
    index.discard(b"needle-of-two", "two")
    index.discard(b"never held", "two")
    assert index.found_in(b"a needle-of-two") == set()


def test_what_is_forgotten_takes_no_memory() -> None:
    index = NeedleIndex()
    lengths = (3, 5, 9, 30)
    empty = len(pickle.dumps(index))
    for number in range(1000):
        for length in lengths:
            needle = f"{number:03d}{'x' * length}"[:length]
            index.add(needle.encode(), needle)
            index.discard(needle.encode(), needle)
    assert len(pickle.dumps(index)) == empty


def test_nothing_is_found_in_nothing() -> None:
    assert index_of([b"abc", b"a" * 40]).found_in(b"") == set()
    assert NeedleIndex().found_in(b"anything") == set()
