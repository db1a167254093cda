"""What the doors to the outside are handed, from the settings and the rooms."""

from __future__ import annotations

from ponteio.api.activity import LastEvents
from ponteio.api.services import ApiServices, WebOptions
from ponteio.config import GatewaySettings
from ponteio.fleet import Fleet
from ponteio.foundation import Foundation
from ponteio.live.edge import LiveEdge
from ponteio.live.options import LiveOptions
from ponteio.metrics_desk import MetricsDesk
from ponteio.newsroom import Newsroom
from ponteio.tenancy.limit_notices import LimitNotices


def live_options(settings: GatewaySettings) -> LiveOptions:
    """The numbers and names of the live edge."""
    return LiveOptions(
        allowed_origins=settings.allowed_origins,
        own_origins=settings.own_origins,
        allowed_hosts=settings.hosts,
        sockets_per_address=settings.sockets_per_address,
        sockets_per_process=settings.sockets_per_process,
        arrivals_per_s=settings.arrivals_per_s,
    )


def api_services(
    base: Foundation,
    settings: GatewaySettings,
    fleet: Fleet,
    live: LiveEdge,
    notices: LimitNotices,
    activity: LastEvents,
    metrics: MetricsDesk,
    news: Newsroom,
) -> ApiServices:
    """The rooms behind the routes."""
    return ApiServices(
        fleet=fleet,
        live=live,
        directory=base.directory,
        servers=base.servers,
        authenticator=base.authenticator,
        accounts=base.accounts,
        sessions=base.sessions,
        memberships=base.memberships,
        invitations=base.invitations,
        login=base.login,
        keys=base.keys,
        tickets=base.tickets,
        signers=base.signers,
        audit=base.audit,
        notices=notices,
        events=base.events,
        quarantine=base.quarantine,
        gaps=base.gaps,
        journal=base.journal,
        wishes=base.wishes,
        event_runs=base.event_runs,
        counters=notices.counters,
        post=news.office,
        alerts=news.desk,
        metrics=metrics,
        rollups=metrics.rollups,
        web=WebOptions(
            public_url=settings.public_url,
            own_origins=settings.own_origins,
            allowed_origins=settings.allowed_origins,
            allowed_hosts=settings.hosts,
            requests_per_address=settings.requests_per_address,
        ),
        activity=activity,
    )
