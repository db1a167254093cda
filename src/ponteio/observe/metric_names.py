"""Every metric that the gateway shows to Prometheus, declared once: what is not here cannot be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """Prometheus' own kinds."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric. The values of each label are of a closed set: see docs/metrics.md."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()


def _declared(*metrics: Declared) -> Mapping[str, Declared]:
    return MappingProxyType({metric.name: metric for metric in metrics})


_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

METRICS: Mapping[str, Declared] = _declared(
    Declared("ponteio_build_info", _G, "1; the labels say what runs.", ("version", "python", "database")),
    Declared("ponteio_organizations", _G, "Organizations."),
    Declared(
        "ponteio_instances", _G, "Instances that Evolution has, by the state of their phone.", ("server", "state")
    ),
    # Links.
    Declared("ponteio_links", _G, "Links to Evolution API by state.", ("server", "state")),
    Declared("ponteio_link_dials_total", _C, "Dials of links."),
    Declared("ponteio_link_reconnects_total", _C, "Links that were lost and came back.", ("server",)),
    Declared("ponteio_link_pauses_total", _C, "Times that a full queue made a link stop reading."),
    Declared("ponteio_gaps", _G, "Spans in which events may have been missed, as recorded.", ("kind",)),
    Declared("ponteio_gaps_open", _G, "Such spans that last.", ("kind",)),
    # Events.
    Declared("ponteio_frames_received_total", _C, "Frames taken from Evolution API."),
    Declared("ponteio_events_total", _C, "Events stored.", ("event", "origin")),
    Declared("ponteio_events_unstored_total", _C, "Events that a policy keeps from the log.", ("event", "fate")),
    Declared("ponteio_log_events", _G, "Events kept; what a policy removes earlier than the rest is still counted."),
    Declared("ponteio_index_lag_events", _G, "Events that are not in the search index yet."),
    Declared("ponteio_events_duplicate_total", _C, "Events heard twice, stored once."),
    Declared("ponteio_events_early_total", _C, "Events dated after their arrival: counted as under way for 0 s."),
    Declared("ponteio_events_undated_total", _C, "Events whose date_time tells nothing, in no histogram."),
    Declared("ponteio_event_latency_seconds", _H, "How long events took for a part of their way.", ("hop",)),
    Declared("ponteio_refused_total", _C, "Frames, events and sockets refused.", ("outcome",)),
    # The corridor.
    Declared("ponteio_queue_frames", _G, "Frames that wait to be stored."),
    Declared("ponteio_queue_bytes", _G, "Bytes that wait to be stored."),
    Declared("ponteio_queue_oldest_seconds", _G, "Age of the oldest frame that was not dealt with yet."),
    Declared("ponteio_commit_seconds", _H, "What a commit of events took, waiting and trying again included."),
    Declared("ponteio_commit_events", _H, "Events that one commit stored."),
    Declared("ponteio_storage_retries_total", _C, "Times that the database could not take a batch."),
    Declared("ponteio_database_transactions", _G, "Database transactions under way."),
    # Sockets.
    Declared("ponteio_sockets", _G, "Sockets that have been let in."),
    Declared("ponteio_socket_lag_events", _G, "Events by which sockets are behind.", ("of",)),
    Declared("ponteio_deliveries_total", _C, "Events written to sockets."),
    Declared("ponteio_held_total", _C, "Events that the storm damper kept from a socket."),
    # Alerts.
    Declared("ponteio_notifications_total", _C, "Tries to deliver a notification.", ("outcome",)),
    Declared("ponteio_notifications_waiting", _G, "Notifications that are not finished yet."),
    # REST.
    Declared(
        "ponteio_http_request_seconds", _H, "REST requests, until their answer begins.", ("method", "route", "status")
    ),
    Declared("ponteio_requests_refused_total", _C, "REST requests refused.", ("outcome",)),
    # The house itself.
    Declared("ponteio_loop_lag_seconds", _H, "How late the event loop is, measured once a second."),
    Declared("ponteio_rollup_failures_total", _C, "Times that a minute's figures could not be written; tried again."),
)

PROCESS: Mapping[str, Declared] = _declared(
    Declared("process_virtual_memory_bytes", _G, "Virtual memory."),
    Declared("process_resident_memory_bytes", _G, "Memory in RAM."),
    Declared("process_start_time_seconds", _G, "When the process started, since 1970."),
    Declared("process_cpu_seconds_total", _C, "CPU time used, user and system."),
    Declared("process_open_fds", _G, "Open file descriptors, sockets included."),
    Declared("process_max_fds", _G, "How many there may be."),
    Declared("python_gc_objects_collected_total", _C, "Objects collected.", ("generation",)),
    Declared("python_gc_objects_uncollectable_total", _C, "Objects that could not be.", ("generation",)),
    Declared("python_gc_collections_total", _C, "Collections.", ("generation",)),
)
"""What the client library itself measures of the process; the first six on Linux only."""
