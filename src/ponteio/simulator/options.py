"""What a simulator can be told before it starts."""

from __future__ import annotations

from dataclasses import dataclass

#: Evolution's own default (`WEBSOCKET_ALLOWED_HOSTS` unset or empty): exact strings, no networks, no host names.
LOOPBACK_HOSTS = "127.0.0.1,::1,::ffff:127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """Settings of one simulator; times in seconds; the defaults are Evolution 2.3.7's where it has one."""

    host: str = "127.0.0.1"
    #: 0 picks a free port, which is then kept over restarts.
    port: int = 0
    seed: int = 1
    #: The global key; None makes one from the seed.
    api_key: str | None = None
    #: How many instances to invent (`loja-01`, …).
    instances: int = 3
    #: Events a second over all instances; 0 = no traffic.
    rate: float = 0.0
    #: `WEBSOCKET_ENABLED`: when False, `/socket.io/` is an ordinary 404.
    websocket_enabled: bool = True
    #: `WEBSOCKET_GLOBAL_EVENTS`: every event of every instance on the root namespace.
    global_events: bool = True
    #: Whether the invented instances have their own websocket enabled with all events.
    instance_events: bool = True
    #: `WEBSOCKET_ALLOWED_HOSTS`: TCP peers that need no key; `*` = everybody; empty = the default list.
    allowed_hosts: str = LOOPBACK_HOSTS
    #: The time zone whose wall clock goes out with a false `Z`: an IANA name or an offset such as `-03:00`.
    tz: str = "America/Sao_Paulo"
    #: `AUTHENTICATION_EXPOSE_IN_FETCH_INSTANCES`: the instance's token in every envelope; otherwise null.
    expose_apikey: bool = True
    #: `SERVER_URL` in envelopes: None = the simulator's own address, empty = the member is left out.
    server_url: str | None = None
    ping_interval_s: float = 25.0
    ping_timeout_s: float = 20.0
    #: A transport that has joined no namespace by then is closed.
    connect_timeout_s: float = 45.0
    #: Longest delay of a namespace emission behind the root's (each waits for its own database read in Evolution).
    namespace_jitter_s: float = 0.01
    #: After a start HTTP answers at once, but instances are in memory only after this.
    load_s: float = 2.0
    #: How long a Baileys instance is `connecting` before it is `open` again.
    reconnect_s: float = 0.5
    #: From `connecting` to the first QR code, from one QR code to the next, and how many are shown.
    qr_delay_s: float = 1.0
    qr_interval_s: float = 45.0
    qr_limit: int = 30
    #: `/instance/connect` on a closed instance waits this long for a QR code before it answers.
    connect_wait_s: float = 2.0
    #: `GET /` asks web.whatsapp.com for a version first; about 2 s when there is no network.
    root_delay_s: float = 0.3
    #: A websocket upgrade outside `/socket.io/` is hung up on after this.
    destroy_upgrade_s: float = 1.0
    #: Whether graph.facebook.com answers (sendText of WHATSAPP-BUSINESS instances).
    meta_reachable: bool = True
    #: What `GET /` calls itself. Up to 2.3.1 the WebSocket asks nobody for a key.
    version: str = "2.3.7"
    #: `DATABASE_SAVE_DATA_NEW_MESSAGE`: without it Baileys messages are not kept (EVOLUTION's always are).
    save_messages: bool = True
    #: How far the clock of its machine is ahead.
    clock_ahead_s: float = 0.0
    #: How many emitted events are remembered for comparison (None = all, 0 = none).
    emitted_limit: int | None = 10_000
    #: How many messages each instance stores for findMessages.
    messages_limit: int | None = 20_000
