from __future__ import annotations

import pytest

from ponteio.decode.catalogue import CATALOGUE, CONFIG_NAMES, INTEGRATIONS, NEVER_EMITTED, canonical, counted
from ponteio.model.filter import EventFilter


def test_the_catalogue_holds_the_29_events_that_evolution_emits() -> None:
    assert len(CATALOGUE) == 29
    assert all(kind.emitted and kind.integrations <= INTEGRATIONS for kind in CATALOGUE.values())
    assert all(kind.integrations for kind in CATALOGUE.values())
    assert all(name == kind.name for name, kind in CATALOGUE.items())


def test_evolutions_settings_know_31_names_of_which_two_are_never_emitted() -> None:
    assert len(CONFIG_NAMES) == 31
    assert {kind.config_name for kind in NEVER_EMITTED.values()} == {"APPLICATION_STARTUP", "CONTACTS_SET"}
    assert not any(kind.emitted or kind.reaches_namespace for kind in NEVER_EMITTED.values())


def test_only_groups_update_cannot_reach_a_namespace() -> None:
    assert [kind.name for kind in CATALOGUE.values() if not kind.reaches_namespace] == ["groups.update"]
    assert CATALOGUE["groups.update"].config_name == "GROUP_UPDATE"


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.name)
def test_the_family_is_what_a_family_filter_takes(kind: object) -> None:
    name = str(getattr(kind, "name", ""))
    family = CATALOGUE[name].family
    if "." in name:
        assert EventFilter.of(events=[f"{family}.*"]).matches("any", name)
    else:
        assert family == name == "call"


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("MESSAGES_UPSERT", "messages.upsert"),
        ("messages.upsert", "messages.upsert"),
        ("Messages.Upsert", "messages.upsert"),
        ("GROUP_PARTICIPANTS_UPDATE", "group-participants.update"),
        ("TYPEBOT_CHANGE_STATUS", "typebot.change-status"),
        ("GROUP_UPDATE", "groups.update"),
        ("GROUPS_UPDATE", "groups.update"),
        ("CALL", "call"),
        ("CONTACTS_SET", "contacts.set"),
        ("some.Later.event", "some.Later.event"),
        ("", ""),
    ],
)
def test_every_spelling_leads_to_the_wire_name_and_unknown_names_stay(spelled: str, name: str) -> None:
    assert canonical(spelled) == name


def test_the_catalogue_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CATALOGUE["x"] = CATALOGUE["call"]  # type: ignore[index]


def test_whoever_counts_has_the_catalogues_names_and_one_for_all_others() -> None:
    assert counted("MESSAGES_UPSERT") == "messages.upsert"
    assert {counted(name) for name in ("CONTACTS_SET", "some.Later.event", "")} == {"other"}
    assert "other" not in CATALOGUE
