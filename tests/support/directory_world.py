"""Questions that tests ask of a directory."""

from __future__ import annotations

from ponteio.tenancy.directory import Directory


def id_of(directory: Directory, name: str) -> str:
    """The id of the organization of this name."""
    organization = directory.organization(name)
    assert organization is not None
    return organization.organization_id
