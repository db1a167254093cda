"""Where secrets die: what is known to be secret, and its removal from values (invariant I5).

Two things are taken out. By name: every member called `apikey`, in any case, and the content of `appStateSyncKeyShare`
(WhatsApp's key material, which Evolution passes on in `messages.edited`). By value: everything in `KnownSecrets`,
wherever it stands in a text or a member's name, as it is, percent-encoded as in a URL, or escaped as in JSON text.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Iterable
from functools import lru_cache
from threading import Lock
from urllib.parse import quote, quote_plus

import orjson

from ponteio.decode.catalogue import CATALOGUE, CONFIG_NAMES, INTEGRATIONS, NEVER_EMITTED
from ponteio.decode.needle_index import NeedleIndex
from ponteio.model.identity import InstanceState

MASK = "[redacted]"
NO_KEY = "Apikey not found"
"""What Evolution 2.3.7 puts in `apikey` when the instance has no token."""

_MIN_LENGTH = 3
"""Shorter keys would make every text unreadable, and a key of two characters protects nothing."""
_MAX_LENGTH = 16_384
"""Node takes no more than 16 KiB of HTTP headers: a longer key cannot work."""
_ANYWHERE_FROM = 8
"""Shorter values count only where no letter or digit touches them: `loja1` is not in `loja12`."""

_SECRET_MEMBERS = re.compile(rb'"(?:apikey|appstatesynckeyshare)":', re.IGNORECASE)

# A key that equals one of these is no secret worth keeping: it stands in ordinary events as a name or a state, and
# taking it out would spoil the events of every organization.
_PUBLIC_WORDS = frozenset(
    [
        NO_KEY,
        *CATALOGUE,
        *NEVER_EMITTED,
        *CONFIG_NAMES,
        *INTEGRATIONS,
        *InstanceState,
        *("event", "instance", "data", "server_url", "date_time", "sender", "apikey", "isLatest", "progress", "extra"),
        *("null", "true", "false", "undefined", "closed", "conversation", "message", "messages", "text", "key"),
        *("instanceId", "instanceName", "remoteJid", "fromMe", "participant", "pushName", "messageType", "source"),
        *(
            "messageTimestamp",
            "status",
            "state",
            "statusReason",
            "messageContextInfo",
            "contextInfo",
            "s.whatsapp.net",
            "whatsapp",
        ),
        *("ERROR", "PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ", "PLAYED", "SENT", "DELIVERED", "FAILED", "DELETED"),
        *("android", "ios", "web", "desktop", "unknown"),
    ]
)


class KnownSecrets:
    """The values that must not leave: a bounded memory, the least recently met forgotten first.

    `permanent` are never forgotten: the keys of this deployment. Learn every token from REST with `add`; the decoder
    adds the `apikey` of each envelope. Values that cannot serve as secrets are ignored: empty, shorter than 3 or longer
    than 16 384 characters, `Apikey not found`, and words that Evolution's protocol itself uses. Threads may share it.
    """

    def __init__(self, permanent: Iterable[str] = (), *, capacity: int = 10_000) -> None:
        self.longest = 0
        """Characters of the longest spelling ever held: what a cut text may have lost at its end."""
        self._capacity = capacity
        self._changing = Lock()
        self._needles = NeedleIndex()
        self._permanent: set[str] = set()
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._names: OrderedDict[str, None] = OrderedDict()
        for value in permanent:
            self.add(value, permanent=True)

    def __repr__(self) -> str:
        return f"KnownSecrets({len(self)} values)"

    def __len__(self) -> int:
        return len(self._permanent) + len(self._recent)

    def add(self, value: str, *, permanent: bool = False) -> None:
        """From now on `value` is a secret, or was met again."""
        with self._changing:
            if value in self._recent and not permanent:
                self._recent.move_to_end(value)
            else:
                self._learn(_SURROGATES.sub("\ufffd", value.strip()), permanent=permanent)

    def add_name(self, name: str) -> None:
        """`name` is an instance's name: an address, which stays as it is even where a secret is part of it."""
        with self._changing:
            self._names[name] = None
            self._names.move_to_end(name)
            if len(self._names) > self._capacity:
                self._names.popitem(last=False)

    def is_name(self, name: str) -> bool:
        """Whether `name` must stay as it is where it addresses: a known name, or one that is a secret as a whole."""
        return name in self._names or name in self._recent or name in self._permanent

    def found_in(self, text: bytes) -> tuple[str, ...]:
        """The spellings of secrets that occur in `text` (UTF-8, or JSON text as orjson writes it), longest first.

        A short one may be among them although letters or digits touch it; `hide` knows the difference.
        """
        secrets = self._needles.found_in(text)
        if not secrets:
            return ()
        return tuple(sorted({spelling for secret in secrets for spelling in _spellings(secret)}, key=_longest_first))

    def _learn(self, secret: str, *, permanent: bool) -> None:
        if not _is_secret(secret) or secret in self._permanent:
            return
        if secret not in self._recent:
            self._hold(secret)
        self._recent.pop(secret, None)
        if permanent:
            self._permanent.add(secret)
            return
        self._recent[secret] = None
        if len(self._recent) > self._capacity:
            self._forget(self._recent.popitem(last=False)[0])

    def _hold(self, secret: str) -> None:
        self.longest = max(self.longest, *map(len, _spellings(secret)))
        for needle in _needles(secret):
            self._needles.add(needle, secret)

    def _forget(self, secret: str) -> None:
        for needle in _needles(secret):
            self._needles.discard(needle, secret)


_SURROGATES = re.compile("[\ud800-\udfff]")


def _is_secret(value: str) -> bool:
    return _MIN_LENGTH <= len(value) <= _MAX_LENGTH and value not in _PUBLIC_WORDS and value not in MASK


def _spellings(secret: str) -> set[str]:
    """`secret` as it may stand in a text: plain, in a URL, or in JSON inside it (`disconnectionObject`)."""
    javascript = quote(secret, safe="!'()*")
    return {secret, quote(secret, safe=""), javascript, quote(secret), quote_plus(secret), _in_json(secret).decode()}


def _needles(secret: str) -> set[bytes]:
    """What to search for, in bytes and in JSON text."""
    return {needle for spelling in _spellings(secret) for needle in (spelling.encode(), _in_json(spelling))}


def _longest_first(spelling: str) -> tuple[int, str]:
    return -len(spelling), spelling


def _in_json(text: str) -> bytes:
    return orjson.dumps(text)[1:-1]


def has_secret_member(encoded: bytes) -> bool:
    """Whether the JSON text, as orjson writes it, has a member that is taken out by name."""
    return _SECRET_MEMBERS.search(encoded) is not None


def hide(text: str, spellings: Collection[str]) -> str:
    """`text` with the mask in place of each of `spellings`, which come longest first."""
    for spelling in spellings:
        if len(spelling) >= _ANYWHERE_FROM:
            text = text.replace(spelling, MASK)
        else:
            text = _standing_alone(spelling).sub(MASK, text)
    return text


def holds(content: bytes, spellings: Collection[str]) -> bool:
    """Whether bytes hold one of `spellings` in UTF-8."""
    text = content.decode("latin-1")
    return hide(text, [spelling.encode().decode("latin-1") for spelling in spellings]) != text


@lru_cache(maxsize=1024)
def _standing_alone(spelling: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_]){re.escape(spelling)}(?![^\W_])")


def redact(value: object, spellings: Collection[str]) -> object:
    """A copy of the JSON value without secret members and without `spellings` in texts, member names and numbers.

    A number counts when all its digits are the secret. Recursive: depth is limited before anything is parsed.
    """
    if isinstance(value, str):
        return hide(value, spellings)
    if isinstance(value, dict):
        return _redact_members(value, spellings)
    if isinstance(value, list):
        return [redact(item, spellings) for item in value]
    if type(value) is int and str(value) in spellings and len(str(value)) >= _ANYWHERE_FROM:
        return MASK
    return value


def _redact_members(members: dict[str, object], spellings: Collection[str]) -> dict[str, object]:
    kept: dict[str, object] = {}
    for name, value in members.items():
        lower = name.lower()
        if lower == "apikey":
            continue
        shown = hide(name, spellings)
        while shown in kept:
            shown += "_"  # two names may hide behind the same mask; neither value may be lost
        kept[shown] = MASK if lower == "appstatesynckeyshare" else redact(value, spellings)
    return kept
