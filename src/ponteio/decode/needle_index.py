"""Which of many known byte strings occur in a text, without searching for each of them."""

from __future__ import annotations

from collections.abc import Iterator
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
    each needle of at least `size` bytes begins with. Where a block is met, the pieces of the text that could be its
    needles are looked up. So neither many needles nor many that begin alike cost more.
    """

    def __init__(self, size: int, code: Literal["I", "Q"], *, everywhere: bool = False) -> None:
        self._size = size
        self._code = code
        self._cuts = range(size) if everywhere else range(1)
        self._offsets = range(1) if everywhere else range(size)
        self._few = _FEW * len(self._cuts)
        self._needles: set[bytes] = set()
        self._pieces: dict[int, dict[tuple[int, int], int]] = {}
        """For each block, the (offset in the needle, length of the needle) at which it stands, and in how many."""

    def add(self, needle: bytes) -> None:
        self._needles.add(needle)
        for block, piece in self._blocks_of(needle):
            pieces = self._pieces.setdefault(block, {})
            pieces[piece] = pieces.get(piece, 0) + 1

    def discard(self, needle: bytes) -> None:
        self._needles.discard(needle)
        for block, piece in self._blocks_of(needle):
            pieces = self._pieces[block]
            pieces[piece] -= 1
            if not pieces[piece]:
                del pieces[piece]
            if not pieces:
                del self._pieces[block]

    def found_in(self, text: bytes) -> set[bytes]:
        if len(self._needles) <= self._few:
            return {needle for needle in tuple(self._needles) if needle in text}
        return {piece for cut in self._cuts for piece in self._met(text, cut)}

    def _met(self, text: bytes, cut: int) -> Iterator[bytes]:
        size = self._size
        view = memoryview(text)[cut : cut + (len(text) - cut) // size * size]
        for start in range(0, len(view), _CHUNK):
            blocks = view[start : start + _CHUNK].cast(self._code).tolist()
            if self._pieces.keys().isdisjoint(blocks):
                continue
            for number, block in enumerate(blocks):
                for offset, length in tuple(self._pieces.get(block, ())):
                    begin = cut + start + number * size - offset
                    piece = text[begin : begin + length]  # before the beginning: empty, or a piece of the end
                    if piece in self._needles:
                        yield piece

    def _blocks_of(self, needle: bytes) -> Iterator[tuple[int, tuple[int, int]]]:
        for offset in self._offsets:
            block = memoryview(needle[offset : offset + self._size]).cast(self._code)[0]
            yield block, (offset, len(needle))


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
        homes = (self._short, self._medium, self._long)
        tiny = (needle for needle in tuple(self._tiny) if needle in text)
        found = chain(tiny, *(blocks.found_in(text) for blocks in homes))
        return set(chain.from_iterable(self._owners.get(needle, _NOBODY) for needle in found))

    def _home(self, needle: bytes) -> set[bytes] | _Blocks:
        if len(needle) < 4:
            return self._tiny
        if len(needle) < 7:
            return self._short
        return self._medium if len(needle) < 15 else self._long
