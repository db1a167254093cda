"""The audit log: who did what, when and from where."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, delete, insert, select

from ponteio.observe.clock import utc_now
from ponteio.storage.database import Database
from ponteio.storage.tables import audit_log
from ponteio.tenancy.identifiers import SECRET_PREFIXES

MAX_PAGE = 500
_MAX_TEXT = 256
_MAX_DETAIL = 4096
_SECRET = re.compile(
    rf"(?:{'|'.join(SECRET_PREFIXES)})[A-Za-z0-9_-]{{20,}}|eyJ[A-Za-z0-9_-]{{5,}}\.[A-Za-z0-9_-]{{5,}}\.[A-Za-z0-9_-]*"
)
"""Our own secrets, and JWTs."""


class Action(StrEnum):
    """Everything that is written down. Tickets and single requests are only counted: there are too many of them."""

    LOGGED_IN = "session.opened"
    LOGIN_FAILED = "login.failed"
    LOGGED_OUT = "session.closed"
    SESSION_ENDED = "session.ended"
    """Somebody ended another session of theirs."""
    SESSION_SWITCHED = "session.switched"
    """A session acts for another organization."""
    PASSWORD_CHANGED = "password.changed"  # noqa: S105
    PASSWORD_RESET_MADE = "password_reset.made"  # noqa: S105
    PASSWORD_RESET_USED = "password_reset.used"  # noqa: S105
    ACCOUNT_CHANGED = "account.changed"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    OPERATOR_MADE = "operator.made"
    INVITATION_MADE = "invitation.made"
    INVITATION_USED = "invitation.used"
    INVITATION_REVOKED = "invitation.revoked"
    MEMBER_ADDED = "member.added"
    MEMBER_ROLE_SET = "member.role_set"
    MEMBER_REMOVED = "member.removed"
    KEY_MADE = "key.made"
    KEY_REVOKED = "key.revoked"
    SIGNER_SET = "signer.set"
    SIGNER_REMOVED = "signer.removed"
    INSTANCE_CREATED = "instance.created"
    INSTANCE_CLAIMED = "instance.claimed"
    CLAIM_REFUSED = "instance.claim_refused"
    INSTANCE_ASSIGNED = "instance.assigned"
    INSTANCE_UNASSIGNED = "instance.unassigned"
    INSTANCE_RESTARTED = "instance.restarted"
    INSTANCE_LOGGED_OUT = "instance.logged_out"
    INSTANCE_DELETED = "instance.deleted"
    PAIRING_REVEALED = "pairing.revealed"
    EVENTS_CHOSEN = "instance_events.chosen"
    EVENTS_APPLIED = "instance_events.applied"
    EVENTS_MENDED = "instance_events.mended"
    """The gateway set an instance back to what was chosen."""
    EVENT_RUN_STARTED = "event_run.started"
    EVENT_RUN_CANCELLED = "event_run.cancelled"
    LINK_CONNECTED = "link.connected"
    LINK_DISCONNECTED = "link.disconnected"
    TEST_EVENT_SENT = "link.test_event_sent"
    SERVER_ADDED = "server.added"
    SERVER_CHANGED = "server.changed"
    SERVER_REMOVED = "server.removed"
    EVENT_POLICY_SET = "event_policy.set"
    LIMITS_SET = "limits.set"
    LIMIT_REACHED = "limit.reached"
    ORGANIZATION_MADE = "organization.made"
    ORGANIZATION_RENAMED = "organization.renamed"
    ORGANIZATION_DISABLED = "organization.disabled"
    ORGANIZATION_ENABLED = "organization.enabled"
    KEYS_ROTATED = "keys.rotated"
    CHANNEL_MADE = "channel.made"
    CHANNEL_CHANGED = "channel.changed"
    CHANNEL_REMOVED = "channel.removed"
    CHANNEL_TESTED = "channel.tested"
    CHANNEL_SECRET_MADE = "channel.secret_made"  # noqa: S105
    CHANNEL_STOPPED = "channel.stopped"
    ALERT_MADE = "alert.made"
    ALERT_CHANGED = "alert.changed"
    ALERT_REMOVED = "alert.removed"
    ALERT_TESTED = "alert.tested"
    QUIET_HOURS_SET = "channel.quiet_hours_set"
    INCIDENT_ACKNOWLEDGED = "incident.acknowledged"
    INCIDENT_RESOLVED = "incident.resolved"
    """The gateway switched it off, because nothing arrived there any more."""
    DEVICE_ADDED = "device.added"
    DEVICE_REMOVED = "device.removed"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: `kind` is a `CredentialKind` or `terminal`, `actor_id` the account or credential, `label` what people
    call them (an e-mail address, a key's label), `address` where they came from.
    """

    kind: str
    actor_id: str | None = None
    label: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done. `organization_id` is None where it concerns the deployment alone."""

    audit_id: int
    at: datetime
    organization_id: str | None
    actor: Actor
    action: str
    target: str | None
    detail: Mapping[str, Any] | None


class AuditLog:
    """Entries are added and, when they are old, forgotten; never changed."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def record(
        self,
        action: str,
        actor: Actor,
        *,
        organization_id: str | None = None,
        target: str | None = None,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        """It is written down that `actor` did `action` (an `Action`) to `target`; `detail` is a small JSON object.

        Whatever looks like a credential is masked and long texts are cut: nobody may escape the log by the way they
        call things, and no secret may end in it.
        """
        row = {
            "at": self._clock(),
            "organization_id": organization_id,
            "actor_kind": actor.kind,
            "actor_id": actor.actor_id,
            "actor_label": _text(actor.label),
            "address": _text(actor.address),
            "action": Action(action).value,
            "target": _text(target),
            "detail": _detail(detail),
        }
        async with self._database.write() as connection:
            await connection.execute(insert(audit_log).values(row))

    async def list(
        self, organization_id: str | None, *, limit: int, before: int | None = None, action: str | None = None
    ) -> list[AuditEntry]:
        """At most `limit` (and 500) entries, the newest first, older than the one of the id `before`: those that
        concern the organization, or for None all there are, which is the operator's to see.
        """
        statement = select(audit_log).order_by(audit_log.c.audit_id.desc()).limit(max(0, min(limit, MAX_PAGE)))
        if organization_id is not None:
            statement = statement.where(audit_log.c.organization_id == organization_id)
        if before is not None:
            statement = statement.where(audit_log.c.audit_id < before)
        if action is not None:
            statement = statement.where(audit_log.c.action == action)
        async with self._database.read() as connection:
            return [_entry(row) for row in (await connection.execute(statement)).all()]

    async def prune(self, older_than: datetime) -> int:
        """Entries from before `older_than` are gone; how many."""
        async with self._database.write() as connection:
            return (await connection.execute(delete(audit_log).where(audit_log.c.at < older_than))).rowcount


def _text(text: str | None) -> str | None:
    return None if text is None else _SECRET.sub(_masked, text)[:_MAX_TEXT]


def _masked(match: re.Match[str]) -> str:
    return f"{match[0][:8]}…"


def _detail(detail: Mapping[str, object] | None) -> str | None:
    if detail is None:
        return None
    text = json.dumps({_text(name): _value(value) for name, value in detail.items()})
    return text if len(text) <= _MAX_DETAIL else json.dumps({"too_large": len(text)})


def _value(value: object) -> object:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {_text(str(name)): _value(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(part) for part in value]
    return value


def _entry(row: Row[Any]) -> AuditEntry:
    actor = Actor(row.actor_kind, row.actor_id, row.actor_label, row.address)
    detail = None if row.detail is None else json.loads(row.detail)
    return AuditEntry(row.audit_id, row.at, row.organization_id, actor, row.action, row.target, detail)
