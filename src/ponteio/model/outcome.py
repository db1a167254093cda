"""The catalogue of refusals: a stable code for each, its text, and whether trying again can help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way of saying no. `status` is the HTTP status where it is answered over REST."""

    code: str
    status: int
    title: str
    retry: bool = False


class RefusalError(Exception):
    """A request that was understood and refused. `detail` may be shown to the caller; it holds no secret.

    `extra` are further members of the problem document (RFC 9457, section 3.2).
    """

    def __init__(self, outcome: Outcome, detail: str | None = None, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(f"{outcome.code}: {detail or outcome.title}")
        self.outcome = outcome
        self.detail = detail or outcome.title
        self.extra = dict(extra or {})


@dataclass(slots=True)
class _Catalogue:
    by_code: dict[str, Outcome] = field(default_factory=dict)

    def add(self, code: str, status: int, title: str, *, retry: bool = False) -> Outcome:
        if code in self.by_code:
            raise ValueError(f"outcome {code} is named twice")
        outcome = Outcome(code, status, title, retry)
        self.by_code[code] = outcome
        return outcome


_catalogue = _Catalogue()
_add = _catalogue.add

# Who asks.
AUTH_REQUIRED = _add("auth_required", 401, "No credential was given.")
AUTH_INVALID = _add("auth_invalid", 401, "The credential is unknown, expired, used up or revoked.")
AUTH_TIMEOUT = _add("auth_timeout", 401, "No authentication arrived in time.", retry=True)
LOGIN_FAILED = _add("login_failed", 401, "The e-mail address or the password is wrong.")
LOGIN_THROTTLED = _add("login_throttled", 429, "Too many attempts to log in: wait before the next one.", retry=True)
CSRF_FAILED = _add("csrf_failed", 403, "A change with a cookie needs the header X-CSRF-Token of its session.")
OPERATOR_ONLY = _add("operator_only", 403, "This needs the operator.")
ORGANIZATION_ONLY = _add("organization_only", 403, "This needs an organization: the operator owns no events.")
FORBIDDEN = _add("forbidden", 403, "The role or the key does not allow this.")
ORGANIZATION_DISABLED = _add("organization_disabled", 403, "The organization is disabled.")
INVITATION_INVALID = _add("invitation_invalid", 410, "The link is unknown, used or expired.")
WEAK_PASSWORD = _add("weak_password", 422, "The password is too short, too long or too easy to guess.")
EMAIL_TAKEN = _add("email_taken", 409, "An account with this e-mail address exists: log in to accept.")
LAST_ADMIN = _add("last_admin", 409, "An organization keeps at least one admin, and a deployment one operator.")
CLAIM_REFUSED = _add("claim_refused", 403, "There is no such instance with that token that could be claimed.")

# What is asked.
NOT_FOUND = _add("not_found", 404, "There is no such thing here.")
INSTANCE_NOT_FOUND = _add("instance_not_found", 404, "There is no such instance here.")
ORGANIZATION_NOT_FOUND = _add("organization_not_found", 404, "There is no such organization here.")
SERVER_NOT_FOUND = _add("server_not_found", 404, "There is no such Evolution API server here.")
HOST_REFUSED = _add("host_refused", 421, "This gateway is not reached by that name.")
RATE_LIMITED = _add("rate_limited", 429, "Too many requests: wait before the next one.", retry=True)
INVALID_REQUEST = _add("invalid_request", 422, "The request is not as documented.")
METHOD_NOT_ALLOWED = _add("method_not_allowed", 405, "This address does not take that method.")
TOO_LARGE = _add("too_large", 413, "The body is larger than allowed.")
INVALID_CURSOR = _add("invalid_cursor", 400, "The cursor is malformed.")
CURSOR_EXPIRED = _add("cursor_expired", 410, "The cursor is too old, or of an earlier life of the log: start over.")
INVALID_FILTER = _add("invalid_filter", 400, "The filter is malformed.")
NOT_ACCEPTABLE = _add("not_acceptable", 406, "This is a stream: ask for it with Accept: text/event-stream.")
TOO_MANY_EXPORTS = _add("too_many_exports", 429, "As many exports are under way as are allowed.", retry=True)
NAME_TAKEN = _add("name_taken", 409, "The name is already in use.")
INVALID_NAME = _add("invalid_name", 422, "The name cannot be used.")

# Alerts.
INVALID_RULE = _add("invalid_rule", 422, "The alert rule is not one that could be watched.")
TOO_MANY_RULES = _add("too_many_rules", 409, "The organization has as many alert rules as are allowed.")
TOO_MANY_CHANNELS = _add("too_many_channels", 409, "The organization has as many channels as are allowed.")
TOO_MANY_NOTIFICATIONS = _add(
    "too_many_notifications", 429, "The organization has sent as many notifications as are allowed.", retry=True
)
NOT_INSTALLED = _add(
    "not_installed", 409, "This kind of channel needs a library that is not installed here: ponteio[alerts]."
)

# Links.
WEBSOCKET_DISABLED = _add("websocket_disabled", 409, "WebSocket is switched off here: set WEBSOCKET_ENABLED=true.")
UNLINKABLE_NAME = _add("unlinkable_name", 409, "A name with a comma has no namespace of its own: use global mode.")
DIAGNOSIS_RUNNING = _add("diagnosis_running", 429, "A diagnosis is running: one at a time.", retry=True)
TOO_MANY_LINKS = _add("too_many_links", 429, "There are as many links as are allowed.", retry=True)

# What instances are to send.
NO_EVENTS_CHOSEN = _add("no_events_chosen", 409, "No events were chosen for this instance: choose some first.")

# Evolution API.
ADDRESS_REFUSED = _add("address_refused", 422, "The address may not be reached from here.")
SECRET_UNREADABLE = _add("secret_unreadable", 503, "A stored secret cannot be opened with the keys of this deployment.")
UPSTREAM_WEBSOCKET_DISABLED = _add(
    "upstream_websocket_disabled", 409, "Evolution API runs without WebSocket: set WEBSOCKET_ENABLED=true there."
)
UPSTREAM_UNREACHABLE = _add("upstream_unreachable", 502, "Evolution API could not be reached.", retry=True)
UPSTREAM_TIMEOUT = _add("upstream_timeout", 504, "Evolution API did not answer in time.", retry=True)
UPSTREAM_AUTH_FAILED = _add("upstream_auth_failed", 502, "Evolution API refused our key.")
UPSTREAM_BAD_ANSWER = _add("upstream_bad_answer", 502, "What answered is not Evolution API.", retry=True)
UPSTREAM_REFUSED = _add("upstream_refused", 409, "Evolution API refused the request.")
UPSTREAM_FAILED = _add("upstream_failed", 502, "Evolution API failed to carry out the request.", retry=True)

# Frames from Evolution that could not become events.
MALFORMED_FRAME = _add("malformed_frame", 422, "The frame is not a Socket.IO event.")
MALFORMED_JSON = _add("malformed_json", 422, "The frame's JSON cannot be read.")
TOO_DEEP = _add("too_deep", 422, "The event's data is nested too deeply.")
TOO_MANY_NODES = _add("too_many_nodes", 422, "The event's data has too many parts.")
BAD_ATTACHMENT = _add("bad_attachment", 422, "The frame's binary parts do not fit its text.")
ENVELOPE_MISSING = _add("envelope_missing", 422, "The event has no envelope.")
INSTANCE_MISSING = _add("instance_missing", 422, "The envelope names no instance.")
EVENT_CONTRADICTION = _add("event_contradiction", 422, "The envelope names another event than the frame.")
OVERSIZE_FRAME = _add("oversize_frame", 413, "The frame is larger than allowed.")

# Events that could not be addressed: they are kept for the operator.
UNASSIGNED = _add("unassigned", 409, "The instance belongs to no organization.")
STORAGE_REJECTED = _add("storage_rejected", 422, "The database refused the event for what it holds.")
LINK_CONTRADICTION = _add("link_contradiction", 409, "The event names another instance than the link it came over.")

# Sockets of browsers and services: the codes of `goodbye` and of a refused handshake.
SLOW_CONSUMER = _add("slow_consumer", 503, "The socket did not keep up.", retry=True)
SHUTTING_DOWN = _add("shutting_down", 503, "The gateway is stopping.", retry=True)
REVOKED = _add("revoked", 401, "The right to this socket was taken away.")
ACCESS_CHANGED = _add("access_changed", 401, "The rights of this socket changed: come back.", retry=True)
LIVE_HELD = _add("live_held", 429, "Too many events for this socket: they are held, and stay in the log.", retry=True)
PROTOCOL_VIOLATION = _add("protocol_violation", 400, "The socket sent what this gateway does not take.")
TOO_MANY_SOCKETS = _add("too_many_sockets", 429, "There are as many sockets as are allowed.", retry=True)
TOO_MANY_USER_SOCKETS = _add("too_many_user_sockets", 429, "One person has as many sockets as are allowed.", retry=True)
TOO_MANY_ADDRESS_SOCKETS = _add(
    "too_many_address_sockets", 429, "One address has as many sockets as are allowed.", retry=True
)
TOO_MANY_ARRIVALS = _add("too_many_arrivals", 503, "Too many sockets arrive at once.", retry=True)
ORIGIN_REFUSED = _add("origin_refused", 403, "Pages of this origin may not connect.")
INTERNAL = _add("internal", 500, "Something went wrong on our side.", retry=True)
NOT_READY = _add("not_ready", 503, "The database does not answer.", retry=True)

CATALOGUE: Mapping[str, Outcome] = _catalogue.by_code
