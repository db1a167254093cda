"""The search behind `/chat/findMessages`, with what it ignores. Pure.

Source: channel.service.ts (EVOLUTION, Meta) and whatsapp.baileys.service.ts of 2.3.7. `offset` is the page size;
`limit`, a single time bound and `fromMe:false` are ignored; newest first by whole seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ponteio.simulator.state import Instance, StoredMessage

PAGE_SIZE = 50


class PageError(Exception):
    """The page or its size cannot be used; the text is Prisma's."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of messages."""

    total: int
    pages: int
    page: int
    records: list[dict[str, Any]]

    def body(self) -> dict[str, Any]:
        """As REST shows it."""
        page = {"total": self.total, "pages": self.pages, "currentPage": self.page, "records": self.records}
        return {"messages": page}


def find_messages(instance: Instance, query: Mapping[str, Any]) -> Found:
    """The page that `query` (the body of the call) asks for; PageError where Prisma would throw."""
    page, size = query.get("page") or 1, query.get("offset") or PAGE_SIZE
    if not isinstance(page, int) or not isinstance(size, int):
        raise PageError("Argument `take`: Invalid value provided. Expected Int, provided String.")
    skip = size * (page - 1)
    if skip < 0:
        raise PageError(f"Invalid value for skip argument: Value can only be positive, found: {skip}")
    where = query.get("where") or {}
    matching = [each for each in instance.messages if _matches(each, where, instance.is_baileys)]
    matching.sort(key=lambda each: each.sent_s, reverse=True)
    statuses = _statuses(instance)
    records = [_record(each, statuses) for each in matching[skip : skip + size]]
    return Found(len(matching), -(-len(matching) // size), page, records)


def _matches(message: StoredMessage, where: Mapping[str, Any], is_baileys: bool) -> bool:
    data, key = message.data, where.get("key") or {}
    exact = (
        (where.get("id"), message.row_id),
        (where.get("source"), data.get("source")),
        (where.get("messageType"), data.get("messageType")),
        (key.get("id"), data["key"].get("id")),
        (key.get("participant" if is_baileys else "participants"), data["key"].get("participant")),
        (key.get("fromMe"), data["key"].get("fromMe")),
    )
    if any(wanted and wanted != found for wanted, found in exact):
        return False
    return _matches_chat(data["key"], key, is_baileys) and _matches_time(message, where.get("messageTimestamp") or {})


def _matches_chat(own: Mapping[str, Any], key: Mapping[str, Any], is_baileys: bool) -> bool:
    wanted, alternative = key.get("remoteJid"), key.get("remoteJidAlt") if is_baileys else None
    if not wanted and not alternative:
        return True
    by_jid = bool(wanted) and own.get("remoteJid") == wanted
    return by_jid or (bool(alternative) and own.get("remoteJidAlt") == alternative)


def _matches_time(message: StoredMessage, bounds: Mapping[str, Any]) -> bool:
    gte, lte = bounds.get("gte"), bounds.get("lte")
    if not gte or not lte:
        return True
    return _epoch_s(gte) <= message.sent_s <= _epoch_s(lte)


def _epoch_s(bound: Any) -> int:
    """Whole seconds of what `new Date()` takes: epoch milliseconds or an ISO text."""
    if isinstance(bound, int | float):
        return int(bound // 1000)
    parsed = datetime.fromisoformat(str(bound))
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


def as_jsonb(value: Any) -> Any:
    """`value` with its members in the order PostgreSQL's jsonb gives them back: shorter names first, then by bytes."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: (len(name.encode()), name))
        return {name: as_jsonb(value[name]) for name in names}
    return [as_jsonb(item) for item in value] if isinstance(value, list) else value


def _statuses(instance: Instance) -> dict[str, list[dict[str, Any]]]:
    by_key: dict[str, list[dict[str, Any]]] = {}
    for each in instance.statuses:
        by_key.setdefault(each.get("keyId", ""), []).append({"status": each.get("status")})
    return by_key


def _record(message: StoredMessage, statuses: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    data = message.data
    return {
        "id": message.row_id,
        "key": as_jsonb(data["key"]),
        "pushName": data.get("pushName"),
        "messageType": data.get("messageType"),
        "message": as_jsonb(data["message"]),
        "messageTimestamp": data["messageTimestamp"],
        "instanceId": data["instanceId"],
        "source": data.get("source"),
        "contextInfo": as_jsonb(data.get("contextInfo")),
        "MessageUpdate": statuses.get(data["key"].get("id"), []),
    }
