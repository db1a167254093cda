"""The terms by which an event is found, each a hash of 32 bits: two terms that share one only cost a needless look."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple
from zlib import crc32

from ponteio.model.event import StoredEvent
from ponteio.model.event_facts import EventFacts, json_key
from ponteio.model.jid import Jid

MOST_TERMS = 50_000
"""Of one event. One that has more is a candidate for every search of data."""
LONGEST_VALUE = 128
"""Longer texts are not found by their value."""

OVERFLOW = b"~"
BACKFILL = b"o:backfill"

_UNINDEXED = frozenset(
    {
        *("senderKeyHash", "recipientKeyHash", "messageSecret", "mediaKey", "fileSha256", "fileEncSha256"),
        *("jpegThumbnail", "thumbnailSha256", "thumbnailEncSha256", "thumbnailDirectPath", "waveform", "base64"),
        *("url", "directPath", "mediaUrl", "profilePicUrl", "streamingSidecar", "scansSidecar", "encIv", "encPayload"),
        *("low", "high", "unsigned", "senderTimestamp", "recipientTimestamp", "mediaKeyTimestamp"),
        *("deviceListMetadataVersion", "midQualityFileSha256", "scanLengths", "fileLength", "fileEncSha512"),
    }
)
"""Members of binary data and of bookkeeping: nobody looks for them, and they are half of all values."""

_FIGURE = re.compile(rb"[0-9]")
_SHORT = 4
_ADDRESSES = frozenset({"remoteJid", "remoteJidAlt", "participant", "participantAlt", "chatId", "from"})


def event_terms(event: str) -> Iterator[bytes]:
    """The event's name and the families that it belongs to."""
    yield name_term(event)
    dot = event.find(".")
    while dot >= 0:
        yield name_term(event[: dot + 1] + "*")
        dot = event.find(".", dot + 1)


def name_term(pattern: str) -> bytes:
    """The term of an event's name, or of a family (`messages.*`)."""
    return _bytes("e:" + pattern)


def instance_term(instance: str) -> bytes:
    """The term of an instance."""
    return _bytes("i:" + instance)


def user_term(user: str) -> bytes:
    """The term of an address, by its number."""
    return _bytes("@" + user)


def word_terms(phrase: Sequence[str]) -> Iterator[bytes]:
    """The terms of folded words that stand side by side in a message: each word, and each with the one after it."""
    for word in phrase:
        yield _bytes("w:" + word)
    for word, following in pairwise(phrase):
        yield _bytes(f"w:{word} {following}")


def phrase_terms(phrase: Sequence[str]) -> set[bytes]:
    """The fewest of `word_terms` that say the same."""
    return set(list(word_terms(phrase))[len(phrase) if len(phrase) > 1 else 0 :])


def value_term(name: str, key: str) -> bytes | None:
    """The term of a scalar, spelled as `json_key` does, in the member `name` or in an array there; None if it is not
    found by its value.
    """
    if len(key) > LONGEST_VALUE:
        return None
    jid = Jid.parse(key[1:]) if "@" in key else None
    if jid is not None:
        return user_term(jid.user)
    return None if is_unindexed(name) else _bytes(f"{name}={key}")


def is_unindexed(name: str) -> bool:
    """Whether values of members of this name are left out, unless they are addresses."""
    return name in _UNINDEXED or name.isdecimal()


class Seeds(NamedTuple):
    """What the hashes of an event's terms begin with: those that many events may have, and the others."""

    common: int
    rare: int

    @classmethod
    def alike(cls, seed: int) -> Seeds:
        return cls(seed, seed)

    def hash(self, term: bytes) -> int:
        """The term's hash."""
        return crc32(term, self.common if self.common == self.rare or is_common(term) else self.rare)


def is_common(term: bytes) -> bool:
    """Whether a considerable part of all events may have the term: names, words of a few letters, and values that are
    not told apart by figures, such as `READ` or `true`.
    """
    if term.startswith((b"e:", b"i:", b"o:")):
        return True
    if term.startswith((b"@", OVERFLOW)):
        return False
    if term.startswith(b"w:"):
        return len(term) <= len(b"w:que")
    value = term.partition(b"=")[2]
    return len(value) <= _SHORT or _FIGURE.search(value) is None


def token(term: bytes, seeds: Seeds) -> str:
    """The term as eight hexadecimal digits."""
    return _spelled({seeds.hash(term)})


def document(event: StoredEvent, seeds: Seeds) -> str:
    """The tokens of an event."""
    facts = EventFacts.of(event.data)
    found = set(map(seeds.hash, event_terms(event.event)))
    found.add(seeds.hash(instance_term(event.instance)))
    if event.origin != "live":
        found.add(seeds.hash(BACKFILL))
    for text in facts.texts:
        found.update(map(seeds.hash, word_terms(text.split())))
        if len(found) > MOST_TERMS:
            break
    for term in _value_terms(facts.data):
        if len(found) > MOST_TERMS:
            break
        found.add(seeds.hash(term))
    if len(found) > MOST_TERMS:
        found.add(seeds.hash(OVERFLOW))
    return _spelled(found)


def _value_terms(data: Any) -> Iterator[bytes]:
    waiting: list[tuple[str, Any]] = [("", data)]
    while waiting:
        name, value = waiting.pop()
        if type(value) is dict:
            waiting.extend(value.items())
        elif type(value) is list:
            waiting.extend([(name, element) for element in value])
        elif value is not None:
            term = value_term(name, json_key(value) or "")
            if term is not None:
                yield term
            if name in _ADDRESSES and isinstance(value, str) and "@" not in value:
                jid = Jid.parse(value)
                if jid is not None:
                    yield user_term(jid.user)


def _spelled(hashes: set[int]) -> str:
    return struct.pack(f"<{len(hashes)}I", *hashes).hex(" ", -4)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
