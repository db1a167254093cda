"""Every route, and who may ask it. A route that is not in this table fails the suite: nobody forgets to decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from ponteio.api import authentication
from ponteio.model.rights import Right

ANYBODY, PERSON, OPERATOR = "anybody", "person", "operator"

Need = str | Right

NEEDS: dict[tuple[str, str], Need] = {
    ("GET", "/healthz"): ANYBODY,
    ("GET", "/readyz"): ANYBODY,
    ("GET", "/metrics"): OPERATOR,
    ("GET", "/api/metrics"): Right.INSTANCES_READ,
    ("GET", "/api/metrics/deployment"): OPERATOR,
    ("POST", "/api/session"): ANYBODY,
    ("GET", "/api/session"): PERSON,
    ("DELETE", "/api/session"): PERSON,
    ("PUT", "/api/session/organization"): PERSON,
    ("GET", "/api/account"): PERSON,
    ("PATCH", "/api/account"): PERSON,
    ("PUT", "/api/account/password"): PERSON,
    ("POST", "/api/account/reset"): ANYBODY,
    ("GET", "/api/account/sessions"): PERSON,
    ("DELETE", "/api/account/sessions/{session_id}"): PERSON,
    ("GET", "/api/users"): OPERATOR,
    ("POST", "/api/users/{user_id}/password-reset"): OPERATOR,
    ("POST", "/api/users/{user_id}/disable"): OPERATOR,
    ("POST", "/api/users/{user_id}/enable"): OPERATOR,
    ("GET", "/api/members"): Right.MEMBERS_MANAGE,
    ("PATCH", "/api/members/{user_id}"): Right.MEMBERS_MANAGE,
    ("DELETE", "/api/members/{user_id}"): Right.MEMBERS_MANAGE,
    ("GET", "/api/invitations"): Right.MEMBERS_MANAGE,
    ("POST", "/api/invitations"): Right.MEMBERS_MANAGE,
    ("DELETE", "/api/invitations/{invitation_id}"): Right.MEMBERS_MANAGE,
    ("POST", "/api/invitations/look"): ANYBODY,
    ("POST", "/api/invitations/accept"): ANYBODY,
    ("GET", "/api/keys"): Right.KEYS_MANAGE,
    ("POST", "/api/keys"): Right.KEYS_MANAGE,
    ("DELETE", "/api/keys/{key_id}"): Right.KEYS_MANAGE,
    ("POST", "/api/tickets"): Right.TICKETS_MINT,
    ("GET", "/api/token-signer"): Right.KEYS_MANAGE,
    ("PUT", "/api/token-signer"): Right.KEYS_MANAGE,
    ("DELETE", "/api/token-signer"): Right.KEYS_MANAGE,
    ("GET", "/api/websocket/status"): Right.INSTANCES_READ,
    ("GET", "/api/websocket/instances"): Right.INSTANCES_READ,
    ("POST", "/api/websocket/connect/global"): OPERATOR,
    ("POST", "/api/websocket/disconnect/global"): OPERATOR,
    ("POST", "/api/websocket/connect/instance/{instance_name}"): Right.LINKS_MANAGE,
    ("POST", "/api/websocket/disconnect/instance/{instance_name}"): Right.LINKS_MANAGE,
    ("POST", "/api/websocket/connect/all"): Right.LINKS_MANAGE,
    ("POST", "/api/websocket/disconnect/all"): Right.LINKS_MANAGE,
    ("POST", "/api/websocket/test/{instance_name}"): Right.LINKS_MANAGE,
    ("GET", "/api/instances"): Right.INSTANCES_READ,
    ("POST", "/api/instances"): Right.INSTANCES_MANAGE,
    ("POST", "/api/instances/claim"): Right.INSTANCES_MANAGE,
    ("POST", "/api/instances/{instance_name}/assign"): OPERATOR,
    ("POST", "/api/instances/{instance_name}/unassign"): OPERATOR,
    ("GET", "/api/instances/{instance_name}"): Right.INSTANCES_READ,
    ("DELETE", "/api/instances/{instance_name}"): Right.INSTANCES_MANAGE,
    ("POST", "/api/instances/{instance_name}/connect"): Right.PAIRING,
    ("POST", "/api/instances/{instance_name}/restart"): Right.PAIRING,
    ("POST", "/api/instances/{instance_name}/logout"): Right.INSTANCES_MANAGE,
    ("GET", "/api/instances/{instance_name}/events"): Right.INSTANCES_READ,
    ("PUT", "/api/instances/{instance_name}/events"): Right.EVENTS_CONFIGURE,
    ("DELETE", "/api/instances/{instance_name}/events"): Right.EVENTS_CONFIGURE,
    ("POST", "/api/instances/{instance_name}/events/apply"): Right.EVENTS_CONFIGURE,
    ("GET", "/api/instance-events/presets"): Right.INSTANCES_READ,
    ("GET", "/api/instance-events/runs"): Right.INSTANCES_READ,
    ("POST", "/api/instance-events/runs"): Right.EVENTS_CONFIGURE,
    ("GET", "/api/instance-events/runs/{run_id}"): Right.INSTANCES_READ,
    ("DELETE", "/api/instance-events/runs/{run_id}"): Right.EVENTS_CONFIGURE,
    ("GET", "/api/events"): Right.EVENTS_READ,
    ("GET", "/api/events/export"): Right.EVENTS_READ,
    ("GET", "/api/events/facets"): Right.EVENTS_READ,
    ("GET", "/api/events/histogram"): Right.EVENTS_READ,
    ("GET", "/api/events/stream"): Right.EVENTS_READ,
    ("GET", "/api/events/{cursor}"): Right.EVENTS_READ,
    ("GET", "/api/events/{cursor}/related"): Right.EVENTS_READ,
    ("GET", "/api/event-policy"): Right.EVENTS_CONFIGURE,
    ("PUT", "/api/event-policy"): Right.EVENTS_CONFIGURE,
    ("POST", "/api/event-policy/preview"): Right.EVENTS_CONFIGURE,
    ("GET", "/api/organizations"): OPERATOR,
    ("POST", "/api/organizations"): OPERATOR,
    ("PATCH", "/api/organizations/{organization_id}"): OPERATOR,
    ("GET", "/api/organizations/{organization_id}/limits"): Right.LIMITS_SET,
    ("PUT", "/api/organizations/{organization_id}/limits"): Right.LIMITS_SET,
    ("GET", "/api/limits"): Right.LIMITS_READ,
    ("GET", "/api/audit"): Right.AUDIT_READ,
    ("GET", "/api/servers"): OPERATOR,
    ("GET", "/api/servers/choices"): Right.INSTANCES_MANAGE,
    ("POST", "/api/servers"): OPERATOR,
    ("PATCH", "/api/servers/{server_id}"): OPERATOR,
    ("DELETE", "/api/servers/{server_id}"): OPERATOR,
    ("GET", "/api/channels"): Right.ALERTS_READ,
    ("POST", "/api/channels"): Right.ALERTS_MANAGE,
    ("GET", "/api/channels/{channel_id}"): Right.ALERTS_READ,
    ("PATCH", "/api/channels/{channel_id}"): Right.ALERTS_MANAGE,
    ("DELETE", "/api/channels/{channel_id}"): Right.ALERTS_MANAGE,
    ("POST", "/api/channels/{channel_id}/secret"): Right.ALERTS_MANAGE,
    ("POST", "/api/channels/{channel_id}/test"): Right.ALERTS_MANAGE,
    ("GET", "/api/channels/{channel_id}/deliveries"): Right.ALERTS_READ,
    ("GET", "/api/push/key"): PERSON,
    ("GET", "/api/push/subscriptions"): PERSON,
    ("POST", "/api/push/subscriptions"): PERSON,
    ("DELETE", "/api/push/subscriptions/{device_id}"): PERSON,
    ("POST", "/api/push/test"): PERSON,
    ("GET", "/api/quarantine"): OPERATOR,
    ("GET", "/api/quarantine/summary"): OPERATOR,
    ("GET", "/api/quarantine/instances"): OPERATOR,
    ("GET", "/api/gaps"): Right.INSTANCES_READ,
    ("GET", "/api/logs"): Right.INSTANCES_READ,
    ("GET", "/api/alerts"): Right.ALERTS_READ,
    ("POST", "/api/alerts"): Right.ALERTS_MANAGE,
    ("GET", "/api/alerts/suggestions"): Right.ALERTS_READ,
    ("POST", "/api/alerts/preview"): Right.ALERTS_MANAGE,
    ("GET", "/api/alerts/{alert_id}"): Right.ALERTS_READ,
    ("PUT", "/api/alerts/{alert_id}"): Right.ALERTS_MANAGE,
    ("DELETE", "/api/alerts/{alert_id}"): Right.ALERTS_MANAGE,
    ("POST", "/api/alerts/{alert_id}/test"): Right.ALERTS_MANAGE,
    ("GET", "/api/channels/{channel_id}/quiet-hours"): Right.ALERTS_READ,
    ("PUT", "/api/channels/{channel_id}/quiet-hours"): Right.ALERTS_MANAGE,
    ("GET", "/api/incidents"): Right.ALERTS_READ,
    ("GET", "/api/incidents/{incident_id}"): Right.ALERTS_READ,
    ("POST", "/api/incidents/{incident_id}/acknowledge"): Right.ALERTS_READ,
    ("POST", "/api/incidents/{incident_id}/resolve"): Right.ALERTS_MANAGE,
}

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/api/session"): {"email": "nobody@example.com", "password": "not the password"},
    ("PUT", "/api/session/organization"): {"organization": "org_0000"},
    ("PATCH", "/api/account"): {"name": "Another Name"},
    ("PUT", "/api/account/password"): {"current": "not the password", "new": "another long password"},
    ("POST", "/api/account/reset"): {"token": "pni_nothing", "password": "another long password"},
    ("PATCH", "/api/members/{user_id}"): {"role": "viewer"},
    ("POST", "/api/invitations"): {"role": "viewer"},
    ("POST", "/api/invitations/look"): {"token": "pni_nothing"},
    ("POST", "/api/invitations/accept"): {"token": "pni_nothing"},
    ("POST", "/api/keys"): {"label": "made by the matrix"},
    ("POST", "/api/tickets"): {},
    ("PUT", "/api/token-signer"): {"secret": "a shared secret of more than thirty-two bytes"},
    ("POST", "/api/instances"): {"name": "brand new", "integration": "EVOLUTION", "token": "EAAG-canary-meta-token"},
    ("POST", "/api/instances/claim"): {"name": "loja-01", "token": "a token that nobody has"},
    ("POST", "/api/instances/{instance_name}/assign"): {"organization": "acme", "move": True},
    ("PUT", "/api/instances/{instance_name}/events"): {"preset": "minimum"},
    ("POST", "/api/instances/{instance_name}/events/apply"): {"dry_run": True, "preset": "support"},
    ("POST", "/api/instance-events/runs"): {"preset": "minimum"},
    ("PUT", "/api/event-policy"): {"preset": "all"},
    ("POST", "/api/event-policy/preview"): {"preset": "minimum"},
    ("POST", "/api/organizations"): {"name": "Brand New"},
    ("PATCH", "/api/organizations/{organization_id}"): {"disabled": False},
    ("PUT", "/api/organizations/{organization_id}/limits"): {"links": 100},
    ("POST", "/api/channels"): {"kind": "web_push", "name": "made by the matrix"},
    ("PATCH", "/api/channels/{channel_id}"): {"name": "another name"},
    ("POST", "/api/channels/{channel_id}/secret"): {"overlap_s": 60},
    ("POST", "/api/push/subscriptions"): {
        "endpoint": "https://push.example.com/a-browser",
        "keys": {
            "p256dh": "BFgB9kKuYJPdC1t9cYGdXw2tdYsmsrHNOdGC-8SfLH_i618ufDM2gqkDIzqjXC0SRFKbERoXeTuc_nb7oCHfHZ4",
            "auth": "AAAAAAAAAAAAAAAAAAAAAA",
        },
    },
    ("POST", "/api/servers"): {"url": "https://192.0.2.1", "key": "a-key-of-another-server"},
    ("PATCH", "/api/servers/{server_id}"): {"label": "other"},
    ("POST", "/api/alerts"): {"condition": "down", "name": "made by the matrix"},
    ("POST", "/api/alerts/preview"): {"condition": "down"},
    ("PUT", "/api/alerts/{alert_id}"): {"condition": "qr"},
    ("PUT", "/api/channels/{channel_id}/quiet-hours"): {"quiet_hours": None},
}
"""What is sent where a body is needed."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the application."""

    method: str
    path: str

    @property
    def need(self) -> Need:
        return NEEDS[self.method, self.path]

    @property
    def body(self) -> dict[str, Any] | None:
        return BODIES.get((self.method, self.path))

    @property
    def parameters(self) -> list[str]:
        return [part.partition("}")[0] for part in self.path.split("{")[1:]]

    def at(self, **values: str) -> str:
        """The path with these values, which are encoded already."""
        path = self.path
        for name, value in values.items():
            path = path.replace("{" + name + "}", value)
        return path


def routes_of(app: FastAPI) -> list[Route]:
    """Every operation that the application describes; the ones that do harm come last."""
    found = [Route(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods]
    return sorted(found, key=lambda it: (it.method == "DELETE", it.path.endswith(("/logout", "/disable")), it.path))


def declared(app: FastAPI) -> dict[tuple[str, str], set[Need]]:
    """What each route's own dependencies ask for."""
    found: dict[tuple[str, str], set[Need]] = {}
    for route in _api_routes(app):
        needs: set[Need] = set()
        for call in _calls(route.dependant):
            right = getattr(call, "right", None)
            if right is not None:
                needs.add(right)
            elif call is authentication.operator:
                needs.add(OPERATOR)
            elif call is authentication.person:
                needs.add(PERSON)
        for method in route.methods or ():
            found[method, route.path_format] = needs
    return found


def _api_routes(app: Any) -> Iterator[APIRoute]:
    for route in app.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):  # how FastAPI keeps an included router
            yield from _api_routes(route.original_router)


def _calls(dependant: Dependant) -> Iterator[Any]:
    for each in dependant.dependencies:
        yield each.call
        yield from _calls(each)
