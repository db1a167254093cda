"""What can be allowed, and to whom it is allowed together. The table that joins the two is `tenancy/permissions.py`."""

from __future__ import annotations

from enum import StrEnum


class Right(StrEnum):
    """One thing that somebody may do."""

    EVENTS_READ = "events:read"
    """See events, live and in the log: who, what and when."""
    CONTENT_READ = "content:read"
    """See what they hold, message texts included."""
    PAIRING = "pairing"
    """See QR and pairing codes, and connect or restart an instance's phone."""
    INSTANCES_READ = "instances:read"
    """See instances and links, and where they stand."""
    INSTANCES_MANAGE = "instances:manage"
    """Make, claim, log out and delete instances."""
    LINKS_MANAGE = "links:manage"
    """Connect, disconnect and test links to Evolution API."""
    TICKETS_MINT = "tickets:mint"
    """Make one-shot tickets that allow no more than the maker may do."""
    MEMBERS_MANAGE = "members:manage"
    """See, invite and remove members, and set their roles."""
    KEYS_MANAGE = "keys:manage"
    """See, make and revoke API keys, and say who may sign tokens."""
    EVENTS_CONFIGURE = "events:configure"
    """Choose what is stored, for how long, and pushed, and what each instance is to send."""
    ALERTS_READ = "alerts:read"
    """See alert rules and incidents, and say that an incident was seen."""
    ALERTS_MANAGE = "alerts:manage"
    """Make, change, test and delete alert rules and the channels that they tell."""
    LIMITS_READ = "limits:read"
    """See the organization's limits and their use."""
    LIMITS_SET = "limits:set"
    """Set an organization's limits."""
    AUDIT_READ = "audit:read"
    """Read who did what."""
    OPERATE = "operate"
    """Run the deployment: see all organizations, servers, instances and the quarantine, but nobody's events."""


class Role(StrEnum):
    """What a person is: to the deployment (`operator`) or to one organization (all others)."""

    OPERATOR = "operator"
    ADMIN = "admin"
    AGENT = "agent"
    VIEWER = "viewer"


class KeyScope(StrEnum):
    """What an organization's API key was made for; a key may have several."""

    EVENTS_READ = "events:read"
    LINKS_MANAGE = "links:manage"
    INSTANCES_MANAGE = "instances:manage"
    ADMIN = "admin"


class CredentialKind(StrEnum):
    """How somebody proved who they are."""

    KEY = "key"
    SESSION = "session"
    TICKET = "ticket"
    JWT = "jwt"
    """A token that the organization signed itself."""
