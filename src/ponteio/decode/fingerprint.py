"""How the same event is recognised when it comes twice."""

from __future__ import annotations

import hashlib

import orjson


def canonical_json(
    server_id: str, instance: str, event: str, date_time: object, sender: object, data: object, extra: object
) -> bytes:
    """One JSON text for one event: members in the order of their names, whatever order they were sent in."""
    return orjson.dumps([server_id, instance, event, date_time, sender, data, extra], option=orjson.OPT_SORT_KEYS)


def fingerprint(canonical: bytes) -> bytes:
    """SHA-256 of the canonical text, taken after secrets were removed: 32 bytes, the same over whichever link."""
    return hashlib.sha256(canonical).digest()
