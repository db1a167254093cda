"""Deadlines of many sockets with one timer: each socket is looked at once per turn, in slices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Wheel(Generic[Item]):
    """Items spread evenly over `slots`. A turn is `slots` calls of `advance`."""

    def __init__(self, slots: int) -> None:
        self._slots: list[set[Item]] = [set() for _ in range(slots)]
        self._slot_of: dict[Item, int] = {}
        self._at = 0

    def __len__(self) -> int:
        return len(self._slot_of)

    def __iter__(self) -> Iterator[Item]:
        return iter(list(self._slot_of))

    def add(self, item: Item) -> None:
        """`item` comes up once in every turn, until it is discarded."""
        slot = min(range(len(self._slots)), key=lambda index: len(self._slots[index]))
        self._slots[slot].add(item)
        self._slot_of[item] = slot

    def discard(self, item: Item) -> bool:
        """`item` comes up no more. Whether it was there."""
        slot = self._slot_of.pop(item, None)
        if slot is None:
            return False
        self._slots[slot].discard(item)
        return True

    def advance(self) -> list[Item]:
        """The items whose turn it is now."""
        due = list(self._slots[self._at])
        self._at = (self._at + 1) % len(self._slots)
        return due
