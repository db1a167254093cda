"""How a link target is written in a row: its server and its namespace."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from ponteio.model.link import LinkTarget


def columns(target: LinkTarget) -> dict[str, str]:
    """The columns `server_id` and `namespace`."""
    return {"server_id": target.server_id, "namespace": target.namespace}


def target_of(row: Row[Any]) -> LinkTarget:
    """The target that `columns` was given."""
    return LinkTarget(row.server_id, None if row.namespace == "/" else row.namespace[1:])
