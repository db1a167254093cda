from __future__ import annotations

from ponteio.model.journal import FAMILIES, JournalKind


def test_every_kind_has_a_family() -> None:
    assert set(FAMILIES) == {"link", "gap", "instance", "limit", "events", "journal"}
    assert all(kind.count(".") == 1 for kind in JournalKind)
