"""Evolution servers and the keys that seal their keys, from the terminal."""

from __future__ import annotations

from ponteio.commands.office import TERMINAL, office, say, secret_from, table
from ponteio.config import Settings
from ponteio.model.event import utc_text
from ponteio.model.outcome import INVALID_REQUEST, RefusalError
from ponteio.storage.vault import load_keys, prepend_key
from ponteio.tenancy.audit import Action
from ponteio.tenancy.sealed_rows import reseal


async def add_server(
    settings: Settings,
    url: str,
    *,
    label: str,
    global_events: bool,
    allow_private: bool,
    stdin: bool,
    as_json: bool,
) -> None:
    """Add an Evolution server; its key comes from standard input or the keyboard. A running gateway links to it."""
    async with office(settings) as here:
        made = await here.servers.add(
            url,
            secret_from("Global key of that Evolution API", stdin=stdin),
            label=label,
            global_events=global_events,
            allow_private=allow_private,
        )
        await here.audit.record(Action.SERVER_ADDED, TERMINAL, target=made.server_id)
    say(as_json, {"server": made.server_id, "url": made.url}, f"server {made.server_id} {made.url}")


async def list_servers(settings: Settings, *, as_json: bool) -> None:
    async with office(settings) as here:
        rows = [
            (
                it.server_id,
                it.url,
                it.label,
                "global" if it.global_events else "traditional",
                "the environment's" if it.is_from_environment else f"…{it.key_last4 or ''}",
                utc_text(it.created_at),
            )
            for it in here.directory.servers()
        ]
    table(as_json, ("server", "url", "label", "mode", "key", "created_at"), rows)


async def remove_server(settings: Settings, server_id: str) -> None:
    """The gateway links to it no more; what its instances sent stays."""
    async with office(settings) as here:
        await here.servers.remove(server_id)
        await here.audit.record(Action.SERVER_REMOVED, TERMINAL, target=server_id)
    print(f"server {server_id} removed")


async def rotate_keys(settings: Settings) -> None:
    """Seal everything anew with a new key, which is put in front of the old ones.

    With `PONTEIO_SECRET_KEY` the new key is put in front there by hand, before this is run. Old keys may go once it
    says that all is sealed anew, and no back-up needs them.
    """
    setting = settings.secret_key.get_secret_value()
    if setting and len(load_keys(setting, settings.secret_file)) < 2:
        raise RefusalError(
            INVALID_REQUEST,
            "PONTEIO_SECRET_KEY has one key: put a new one in front of it, separated by a comma, and run this again.",
        )
    if not setting:
        prepend_key(settings.secret_file)
    async with office(settings) as here:
        count = await reseal(here.database, here.vault)
        await here.audit.record(Action.KEYS_ROTATED, TERMINAL, detail={"sealed_anew": count})
    print(f"{count} stored secret{'' if count == 1 else 's'} sealed with the newest key")
    if setting:
        print("a running gateway has the old setting: restart it")
