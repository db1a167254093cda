"""Which of many known byte strings occur in a text, without searching for each of them."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain
from typing import Literal

_CHUNK = 1 << 16
"""Bytes looked at together: a multiple of every block size, small enough not to make millions of integers at once."""
_FEW = 16
"""Up to so many needles, searching for each is quicker than cutting the text into blocks."""


class _Blocks:
    """Needles found by blocks of `size` bytes: the text is cut into blocks, which are met with the set of theirs.

    Cut once, at the multiples of `size`, it gives a complete block of every needle of at least `2 * size - 1` bytes,
    which begins at one of the needle's first `size` offsets. Cut at every byte (`everywhere`), it gives the block that
    each needle of at least `size` bytes begins with. All of it runs at C speed.
    """

    def __init__(self, size: int, code: Literal["I", "Q"], *, everywhere: bool = False) -> None:
        self._size = size
        self._code = code
        self._cuts = range(size) if everywhere else range(1)
        self._offsets = range(1) if everywhere else range(size)
        self._few = _FEW * len(self._cuts)
        self._all: set[bytes] = set()
        self._needles: dict[int, tuple[bytes, ...]] = {}

    def add(self, needle: bytes) -> None:
        self._all.add(needle)
        for block in self._blocks_of(needle):
            self._needles[block] = (*self._needles.get(block, ()), needle)

    def discard(self, needle: bytes) -> None:
        self._all.discard(needle)
        for block in self._blocks_of(needle):
            others = tuple(other for other in self._needles[block] if other != needle)
            if others:
                self._needles[block] = others
            else:
                del self._needles[block]

    def candidates(self, text: bytes) -> Collection[bytes]:
        """All needles that occur in `text`, and maybe others."""
        if len(self._all) <= self._few:
            return tuple(self._all)
        hits: set[int] = set()
        for cut in self._cuts:
            view = memoryview(text)[cut : cut + (len(text) - cut) // self._size * self._size]
            for start in range(0, len(view), _CHUNK):
                hits |= self._needles.keys() & view[start : start + _CHUNK].cast(self._code).tolist()
        return set(chain.from_iterable(self._needles.get(hit, ()) for hit in hits))

    def _blocks_of(self, needle: bytes) -> set[int]:
        size = self._size
        return {memoryview(needle[at : at + size]).cast(self._code)[0] for at in self._offsets}


_NOBODY: frozenset[str] = frozenset()


class NeedleIndex:
    """Byte strings, each with its owners, and the question whose strings a text contains.

    The cost of the question does not grow with the number of needles, save for those under 4 bytes, which are
    searched for one by one. It may be asked in one thread while another changes it (one at a time): what is iterated
    over is never changed in place, and each step that reads what changes is one call into C.
    """

    def __init__(self) -> None:
        self._owners: dict[bytes, frozenset[str]] = {}
        self._tiny: set[bytes] = set()
        self._short = _Blocks(4, "I", everywhere=True)
        self._medium = _Blocks(4, "I")
        self._long = _Blocks(8, "Q")

    def add(self, needle: bytes, owner: str) -> None:
        """Hold `needle` (not empty) for `owner`; once more changes nothing."""
        if needle not in self._owners:
            self._home(needle).add(needle)
        self._owners[needle] = self._owners.get(needle, _NOBODY) | {owner}

    def discard(self, needle: bytes, owner: str) -> None:
        """`needle` is no longer held for `owner`, if it was."""
        if needle not in self._owners:
            return
        self._owners[needle] -= {owner}
        if not self._owners[needle]:
            del self._owners[needle]
            self._home(needle).discard(needle)

    def found_in(self, text: bytes) -> set[str]:
        """The owners of the needles that `text` contains."""
        candidates = chain(
            tuple(self._tiny), *(blocks.candidates(text) for blocks in (self._short, self._medium, self._long))
        )
        return set(chain.from_iterable(self._owners.get(needle, _NOBODY) for needle in candidates if needle in text))

    def _home(self, needle: bytes) -> set[bytes] | _Blocks:
        if len(needle) < 4:
            return self._tiny
        if len(needle) < 7:
            return self._short
        return self._medium if len(needle) < 15 else self._long
