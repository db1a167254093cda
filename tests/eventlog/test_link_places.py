from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ponteio.eventlog import link_places
from ponteio.model.link import LinkTarget


@pytest.mark.parametrize("instance", [None, "alpha", "a/b", "/", "//x", "Loja Centro", "a,b"])
def test_a_target_comes_back_from_its_row(instance: str | None) -> None:
    target = LinkTarget("main", instance)
    row = cast("Any", SimpleNamespace(**link_places.columns(target)))
    assert link_places.target_of(row) == target
