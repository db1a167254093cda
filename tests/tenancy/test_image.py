from __future__ import annotations

from dataclasses import replace

from tests.support.log_world import NOON

from ponteio.model.identity import Instance, Organization, Server
from ponteio.tenancy.image import DirectoryImage, name_key


def _server(server_id: str) -> Server:
    return Server(server_id, "http://evolution.test", "", NOON)


_SERVERS = [_server("main")]
_ACME, _ZETA = Organization("org_a", "Acme", NOON), Organization("org_z", "Zeta", NOON)
_ONE = Instance("ins_1", "main", "one", "org_a")


def test_an_organization_is_found_by_id_and_by_any_spelling_of_its_name() -> None:
    image = DirectoryImage(_SERVERS, [_ACME, _ZETA])
    assert {image.organization(text) for text in ("org_a", "acme", " ACME ", "\uff21cme")} == {_ACME}
    assert image.organization("Acm") is None


def test_an_id_wins_over_a_name() -> None:
    imposter = Organization("org_i", "org_a", NOON)
    assert DirectoryImage(_SERVERS, [_ACME, imposter]).organization("org_a") == _ACME


def test_an_instance_moves_with_its_owner() -> None:
    image = DirectoryImage(_SERVERS, [_ACME, _ZETA], [_ONE])
    image.put_instances([replace(_ONE, organization_id="org_z")])
    assert (image.owned("org_a"), image.owned_instance("org_a", "one")) == ([], None)
    assert [one.name for one in image.owned("org_z")] == ["one"]
    image.put_instances([replace(_ONE, organization_id=None)])
    assert image.owned("org_z") == []
    assert image.instances["main", "one"].organization_id is None


def test_removed_instances_are_not_shown_to_their_owner() -> None:
    image = DirectoryImage(
        _SERVERS, [_ACME], [replace(_ONE, removed_at=NOON), Instance("ins_2", "main", "two", "org_a")]
    )
    assert [one.name for one in image.owned("org_a")] == ["two"]
    assert image.owned_instance("org_a", "one") is None


def test_one_name_on_two_servers_is_two_instances() -> None:
    image = DirectoryImage(
        [_server("b"), _server("a")], [_ACME], [replace(_ONE, server_id=server) for server in ("b", "a")]
    )
    found = image.owned_instance("org_a", "one")
    assert found is not None
    assert found.server_id == "a"
    assert [one.server_id for one in image.owned("org_a")] == ["a", "b"]
    assert [one.server_id for one in image.namesakes("one")] == ["a", "b"]
    assert image.namesakes("two") == []


def test_servers_are_known_once() -> None:
    image = DirectoryImage([_server("b")])
    for server_id in ("b", "a", "a"):
        image.put_server(_server(server_id))
    assert list(image.servers) == ["a", "b"]


def test_case_folding_and_compatibility_forms_meet() -> None:
    assert name_key("Straße") == name_key("STRASSE")
    assert name_key("é") == name_key("e\u0301")
