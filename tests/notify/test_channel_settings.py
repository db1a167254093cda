from __future__ import annotations

import pytest
from tests.support.post_world import SECRET_WORDS, refused

from ponteio.model.outcome import ADDRESS_REFUSED, SECRET_UNREADABLE, RefusalError
from ponteio.notify.apprise_channel import AppriseSender
from ponteio.notify.channel import ChannelKind
from ponteio.notify.channel_settings import ChannelSettings
from ponteio.notify.http_post import HttpPost, PostOptions
from ponteio.storage.database import Database
from ponteio.storage.vault import Vault

KEY = Vault.new_key()


def settings_of(database: Database, **post: object) -> ChannelSettings:
    return ChannelSettings(database, Vault([KEY]), HttpPost(PostOptions(**post)), AppriseSender())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (SECRET_WORDS, "https://n8n.example/…"),
        ("https://n8n.example", "https://n8n.example"),
        ("https://n8n.example/", "https://n8n.example/".rstrip("/")),
        ("https://n8n.example?token=secret", "https://n8n.example/…"),
        ("http://n8n:5678/webhook/x", "http://n8n:5678/…"),
    ],
)
async def test_an_address_is_shown_as_far_as_it_is_no_secret(sqlite_database: Database, url: str, address: str) -> None:
    held: dict[str, object] = {}
    columns = await settings_of(sqlite_database).settled("org_1", ChannelKind.WEBHOOK, held, url=url)
    assert columns == {"address": address}
    assert held == {"url": url}


async def test_an_address_in_numbers_that_is_private_is_refused_at_once(sqlite_database: Database) -> None:
    url = "http://10.0.0.5:5678/x"
    call = settings_of(sqlite_database).settled("org_1", ChannelKind.WEBHOOK, {}, url=url)
    assert await refused(call) is ADDRESS_REFUSED
    allowed = settings_of(sqlite_database, private_hosts=("10.0.0.5",))
    assert await allowed.settled("org_1", ChannelKind.WEBHOOK, {}, url=url) == {"address": "http://10.0.0.5:5678/…"}


def test_what_is_sealed_belongs_to_its_channel(sqlite_database: Database) -> None:
    settings = settings_of(sqlite_database)
    sealed = settings.sealed("chn_1", {"url": "x", "secrets": ["y"]})
    assert settings.unsealed("chn_1", sealed) == {"url": "x", "secrets": ["y"]}
    assert settings.unsealed("chn_1", None) == {"secrets": []}
    with pytest.raises(RefusalError) as error:
        settings.unsealed("chn_2", sealed)
    assert error.value.outcome is SECRET_UNREADABLE
