"""On which database, in which mode."""

from __future__ import annotations

import pytest

SQLITE = (pytest.param("sqlite", "global"), pytest.param("sqlite", "traditional"))
POSTGRES = tuple(pytest.param("postgresql", mode, marks=pytest.mark.postgres) for mode in ("global", "traditional"))

in_every_way = pytest.mark.parametrize(("dialect", "mode"), [*SQLITE, *POSTGRES])
#: Both modes, and PostgreSQL once: where the database plays a part, but no other one in each mode.
in_both_modes = pytest.mark.parametrize(("dialect", "mode"), [*SQLITE, POSTGRES[0]])
