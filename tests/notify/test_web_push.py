from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.post_world import LOOPBACK
from tests.support.push_endpoint import Browser, PushService, push_service
from tests.support.webhook_receiver import answering, silent

from ponteio.notify.attempt import Ending
from ponteio.notify.channel import Message, Urgency
from ponteio.notify.http_post import HttpPost, PostOptions
from ponteio.notify.push_crypto import MAX_PLAIN, PushKeys
from ponteio.notify.vapid import VapidKeys
from ponteio.notify.web_push import WebPush, payload_of, topic_of
from ponteio.storage.database import Database
from ponteio.storage.vault import Vault

MESSAGE = Message("org_1", "Title", "Body", "tag", url="/x", urgency=Urgency.HIGH, content="Olá")
LATER = datetime.now(UTC) + timedelta(days=1)


def keys_of(browser: Browser) -> PushKeys:
    keys = browser.subscription["keys"]
    return PushKeys(browser.endpoint, keys["p256dh"], keys["auth"])


@pytest.fixture
async def service(tmp_path: Path, sqlite_database: Database) -> AsyncIterator[tuple[PushService, WebPush]]:
    async with push_service(tmp_path) as opened:
        vapid = VapidKeys(sqlite_database, Vault([Vault.new_key()]))
        opened.public_key = await vapid.public()
        post = HttpPost(PostOptions(connector=LOOPBACK.connector, tls=opened.http.tls, total_s=1.0))
        yield opened, WebPush(post, vapid, contact="mailto:ops@example.com", public_url="https://ponteio.example")
        await post.close()


@pytest.mark.parametrize(
    ("status", "ending", "retry"),
    [
        (201, Ending.DELIVERED, False),
        (200, Ending.DELIVERED, False),
        (202, Ending.DELIVERED, False),
        (301, Ending.REJECTED, False),
        (400, Ending.REJECTED, False),
        (403, Ending.REJECTED, False),
        (404, Ending.GONE, False),
        (410, Ending.GONE, False),
        (413, Ending.TOO_LARGE, False),
        (429, Ending.REJECTED, True),
        (500, Ending.REJECTED, True),
        (503, Ending.REJECTED, True),
    ],
)
async def test_each_status_means_what_the_rfc_says(
    service: tuple[PushService, WebPush], status: int, ending: Ending, retry: bool
) -> None:
    here, push = service
    browser = here.browser()
    here.http.by_path[browser.path] = answering(status, "retry-after: 7")
    attempt = await push.send(keys_of(browser), MESSAGE, LATER, content=True)
    assert (attempt.ending, attempt.retry, attempt.status) == (ending, retry, status)
    assert (attempt.retry_after_s == 7) is (retry or ending is Ending.REJECTED)
    assert len(here.http.calls) == (2 if status == 413 else 1)


async def test_what_a_browser_gets(service: tuple[PushService, WebPush]) -> None:
    here, push = service
    browser = here.browser()
    later = datetime.now(UTC) + timedelta(hours=1)
    assert (await push.send(keys_of(browser), MESSAGE, later, content=True)).is_delivered
    assert (await push.send(keys_of(browser), MESSAGE, later, content=False)).is_delivered
    whole, reduced = here.pushes(browser)
    assert whole.call.headers["urgency"] == "high"
    assert 3_500 <= int(whole.call.headers["ttl"]) <= 3_600
    assert whole.notification["body"] == "Body\nOlá"
    assert reduced.notification["body"] == "Body"
    assert whole.notification["navigate"] == "https://ponteio.example/x"
    assert len(whole.call.body) == len(reduced.call.body), "the length does not tell"


async def test_silence_and_private_addresses(service: tuple[PushService, WebPush]) -> None:
    here, push = service
    browser = here.browser()
    here.http.by_path[browser.path] = silent
    assert (await push.send(keys_of(browser), MESSAGE, LATER, content=True)).ending is Ending.TIMEOUT
    careful = WebPush(HttpPost(), push._vapid, contact="mailto:a@b.example")
    attempt = await careful.send(keys_of(browser), MESSAGE, LATER, content=True)
    assert (attempt.ending, attempt.retry) == (Ending.ADDRESS_REFUSED, False)
    assert len(here.http.calls) == 1


@given(
    title=st.text(max_size=300),
    body=st.text(max_size=3_000),
    shown=st.text(max_size=3_000),
    small=st.booleans(),
    content=st.booleans(),
)
def test_every_payload_fits_and_is_whole(title: str, body: str, shown: str, small: bool, content: bool) -> None:
    clean = [text.encode("utf-8", "replace").decode() for text in (title, body, shown)]
    message = Message("org_1", clean[0], clean[1], "t" * 500, content=clean[2])
    plain = payload_of(message, "https://ponteio.example", content=content, small=small)
    assert len(plain) <= MAX_PLAIN
    assert len(plain) % 1024 == 0 or len(plain) == MAX_PLAIN
    said = json.loads(plain)["notification"]
    assert clean[0].startswith(said["title"])
    if not content or small:
        assert clean[1].startswith(said["body"])


def test_the_largest_texts_are_cut() -> None:
    message = Message("org_1", "🙂" * 300, "🙂" * 3_000, "t", content="🙂" * 3_000)
    said = json.loads(payload_of(message, content=True))["notification"]
    assert len(said["title"]) == 200
    assert said["body"].startswith("🙂" * 100)
    assert json.loads(payload_of(MESSAGE))["notification"]["navigate"] == "/x"
    far = Message("o", "t", "b", "t", url="https://elsewhere.example/")
    assert json.loads(payload_of(far, "https://p.example"))["notification"]["navigate"] == "https://elsewhere.example/"


def test_a_topic_collapses_repeats_of_one_incident_alone() -> None:
    same = Message("org_1", "Other", "Other", "tag")
    assert topic_of(MESSAGE) == topic_of(same)
    assert len(topic_of(MESSAGE)) == 32
    assert topic_of(MESSAGE) != topic_of(Message("org_1", "T", "B", "tag2"))
    assert topic_of(MESSAGE) != topic_of(Message("org_2", "T", "B", "tag"))
