"""Only so many exports at once, of one organization and of all."""

from __future__ import annotations

import pytest

from ponteio.api.export_places import OF_ALL, OF_ONE_ORGANIZATION, ExportPlaces
from ponteio.model.outcome import TOO_MANY_EXPORTS, RefusalError


def refused(places: ExportPlaces, organization_id: str) -> bool:
    try:
        places.take(organization_id)
    except RefusalError as refusal:
        return refusal.outcome is TOO_MANY_EXPORTS
    return False


def test_an_organization_has_its_share_and_gets_it_back() -> None:
    places = ExportPlaces()
    for _ in range(OF_ONE_ORGANIZATION):
        places.take("acme")
    assert refused(places, "acme")
    places.take("beta")
    places.leave("acme")
    places.take("acme")
    assert len(places) == OF_ONE_ORGANIZATION + 1


def test_the_process_has_its_limit() -> None:
    places = ExportPlaces()
    for number in range(OF_ALL):
        places.take(f"org-{number}")
    assert refused(places, "another")
    for number in range(OF_ALL):
        places.leave(f"org-{number}")
    assert len(places) == 0
    assert not places._taken


@pytest.mark.parametrize("rounds", [3])
def test_a_refusal_takes_no_place(rounds: int) -> None:
    places = ExportPlaces()
    for _ in range(OF_ONE_ORGANIZATION):
        places.take("acme")
    assert all(refused(places, "acme") for _ in range(rounds))
    assert len(places) == OF_ONE_ORGANIZATION
