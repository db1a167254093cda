"""Alert rules, incidents, channels, and where browsers are pushed to."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from ponteio.storage.column_types import ForeignText, UtcDateTime
from ponteio.storage.tables import metadata, organizations, users

# One row: the key pair by which push services know this deployment. Browsers subscribe to the public key, so that
# another pair would make every subscription worthless.
vapid_keys = Table(
    "vapid_keys",
    metadata,
    Column("row_id", Integer, primary_key=True, autoincrement=False),
    Column("public_key", String, nullable=False),
    Column("sealed_private_key", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("row_id = 1", name="row_id"),
)

# A person's, not an organization's: who belongs to an organization is looked at when something is sent.
push_subscriptions = Table(
    "push_subscriptions",
    metadata,
    Column("subscription_id", String, primary_key=True),
    Column("user_id", ForeignKey(users.c.user_id), nullable=False),
    # SHA-256 of the endpoint, of which there is one subscription at most.
    Column("endpoint_hash", LargeBinary, nullable=False, unique=True),
    # Host of the push service: the part of the endpoint that is no secret.
    Column("host", ForeignText, nullable=False),
    # JSON with endpoint, p256dh and auth, sealed by the vault.
    Column("sealed_subscription", Text, nullable=False),
    Column("label", ForeignText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("delivered_at", UtcDateTime),
    Column("failing_since", UtcDateTime),
    CheckConstraint("length(endpoint_hash) = 32", name="endpoint_hash"),
    Index(None, "user_id"),
)

channels = Table(
    "channels",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    Column("channel_id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("name", ForeignText, nullable=False),
    # What may be shown of where it leads.
    Column("address", ForeignText, nullable=False),
    # JSON list of the members whose devices are reached; null: all members.
    Column("user_ids", Text),
    Column("header_name", ForeignText),
    # JSON with the address, the secrets and the header, sealed by the vault; null for web push, which has none.
    Column("sealed_settings", Text),
    Column("old_secret_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
    Column("disabled_reason", String),
    Column("failing_since", UtcDateTime),
    Column("failures", BigInteger, nullable=False),
    Column("delivered_at", UtcDateTime),
    CheckConstraint("kind IN ('web_push', 'webhook', 'apprise')", name="kind"),
    CheckConstraint("failures >= 0", name="failures"),
    CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", name="disabled"),
)

# The queue. A row is of one channel, or of one device of a channel of web push.
deliveries = Table(
    "deliveries",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    Column("delivery_id", String, primary_key=True),
    Column("channel_id", String, nullable=False),
    Column("subscription_id", String),
    # What waits behind the same slow server: a channel, or a push service.
    Column("lane", ForeignText, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    # When it may be tried next. Whoever tries moves it into the future first: that is the claim.
    Column("due_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("tried_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    # How the last try ended; `status` is the HTTP status, where there was an answer.
    Column("outcome", String),
    Column("status", BigInteger),
    Column("detail", ForeignText),
    Column("duration_ms", BigInteger),
    # JSON; empty once finished: what was told is not kept.
    Column("message", ForeignText, nullable=False),
    CheckConstraint("attempts >= 0", name="attempts"),
    Index(None, "finished_at", "due_at"),
    # How many wait; how many were handed in since when (the rows without a device); what became of a channel's last.
    Index(None, "organization_id", "finished_at"),
    Index(None, "organization_id", "subscription_id", "created_at"),
    Index(None, "organization_id", "channel_id", "created_at"),
)

alert_rules = Table(
    "alert_rules",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    Column("rule_id", String, primary_key=True),
    # JSON: what somebody chose.
    Column("terms", ForeignText, nullable=False),
    # Who saved it last: an account, or an API key. What they may see decides what the rule may tell.
    Column("maker_id", String, nullable=False),
    Column("maker_is_key", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

# Ids of incidents begin with the moment of their making: their order is that of time.
incidents = Table(
    "incidents",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    Column("incident_id", String, primary_key=True),
    # The rule may be gone by now.
    Column("rule_id", String, nullable=False),
    Column("rule_name", ForeignText, nullable=False),
    Column("condition", String, nullable=False),
    Column("subject_kind", String, nullable=False),
    Column("subject", ForeignText, nullable=False),
    Column("since_at", UtcDateTime, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("reason", String),
    # JSON list of instance names, the first of `instance_count`.
    Column("instances", ForeignText, nullable=False),
    Column("instance_count", BigInteger, nullable=False),
    Column("event_count", BigInteger, nullable=False),
    Column("flaps", BigInteger, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", ForeignText),
    Column("resolved_at", UtcDateTime),
    Column("resolved_by", ForeignText),
    Column("is_dismissed", Boolean, nullable=False),
    CheckConstraint("subject_kind IN ('instance', 'server', 'limit', 'events')", name="subject_kind"),
    CheckConstraint("flaps >= 0", name="flaps"),
    Index(None, "resolved_at"),
    Index(None, "organization_id", "resolved_at"),
)

incident_entries = Table(
    "incident_entries",
    metadata,
    Column("organization_id", String, primary_key=True),
    Column("incident_id", String, primary_key=True),
    Column("entry_no", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String, nullable=False),
    Column("actor", ForeignText),
    # JSON.
    Column("detail", ForeignText, nullable=False),
)

# What was not told in quiet hours, until they end. The rule may be gone by then: its language is kept.
held_notices = Table(
    "held_notices",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    Column("channel_id", String, primary_key=True),
    Column("incident_id", String, primary_key=True),
    Column("rule_id", String, nullable=False),
    Column("held_at", UtcDateTime, nullable=False),
)

channel_quiet_hours = Table(
    "channel_quiet_hours",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    Column("channel_id", String, primary_key=True),
    # JSON.
    Column("quiet", ForeignText, nullable=False),
)

# In which hours (UTC) of a day an instance sent anything: bit n is the hour that begins at n.
talk_hours = Table(
    "talk_hours",
    metadata,
    Column("organization_id", ForeignKey(organizations.c.organization_id), primary_key=True),
    Column("instance", ForeignText, primary_key=True),
    # Days since 1970.
    Column("day_no", BigInteger, primary_key=True, autoincrement=False),
    Column("hours", BigInteger, nullable=False),
    Index(None, "day_no"),
)

# Of several processes one does what is named; it must say again that it lives before `expires_at`.
process_leases = Table(
    "process_leases",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)
