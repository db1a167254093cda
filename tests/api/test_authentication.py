"""Keys in headers: both spellings, none, several, and odd ones."""

from __future__ import annotations

from pathlib import Path

from tests.support.rest_client import RestDesk, code, rest_desk

WHO = "/api/instances"


async def names(desk: RestDesk, headers: dict[str, str] | dict[str, bytes]) -> list[str] | str:
    answer = await desk.nobody.get(WHO, headers=headers)
    return code(answer) if answer.status_code != 200 else [one["name"] for one in answer.json()["instances"]]


async def test_both_headers_carry_a_key_and_bearer_goes_first(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        acme, rival, _ = desk.api_keys
        assert await names(desk, {"Authorization": f"Bearer {acme}"}) == ["loja-01", "loja-02"]
        assert await names(desk, {"authorization": f"bearer {acme}"}) == ["loja-01", "loja-02"]
        assert await names(desk, {"apikey": rival}) == ["loja-03"]
        assert await names(desk, {"Authorization": f"Bearer {acme}", "apikey": rival}) == ["loja-01", "loja-02"]
        assert await names(desk, {"Authorization": "Bearer wrong", "apikey": rival}) == "auth_invalid"


async def test_what_is_no_key_is_refused_by_name(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        acme = desk.api_keys[0]
        for headers, expected in (
            ({}, "auth_required"),
            ({"apikey": ""}, "auth_required"),
            ({"Authorization": "Bearer "}, "auth_required"),
            ({"Authorization": f"Basic {acme}"}, "auth_required"),
            ({"Authorization": acme}, "auth_required"),
            ({"apikey": acme.lower()}, "auth_invalid"),
            ({"apikey": acme[:-1]}, "auth_invalid"),
            ({"apikey": "x" * 10_000}, "auth_invalid"),
            ({"apikey": "' OR 1=1 --"}, "auth_invalid"),
        ):
            assert await names(desk, headers) == expected
        assert await names(desk, {"apikey": "ção".encode("latin-1")}) == "auth_invalid"
        assert await names(desk, {"apikey": b"\xff\xfe"}) == "auth_invalid"


async def test_a_key_in_an_address_is_no_key(tmp_path: Path) -> None:
    """I5: addresses are logged."""
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        path = f"{WHO}?apikey={desk.api_keys[0]}"
        assert (await desk.client.get(path)).status_code == 401


async def test_rights_do_not_come_from_the_host_or_the_path(tmp_path: Path) -> None:
    async with rest_desk(tmp_path, instances=3, started=False) as desk:
        for headers in ({"Host": "gateway/healthz"}, {"Host": "localhost"}, {"X-Forwarded-Prefix": "/healthz"}):
            assert (await desk.nobody.get("/api/quarantine", headers=headers)).status_code in (401, 421)
        for path in ("/healthz/../api/quarantine", "//api/quarantine", "/healthz%2F..%2Fapi/quarantine"):
            assert (await desk.nobody.get(path)).status_code in (401, 404)
