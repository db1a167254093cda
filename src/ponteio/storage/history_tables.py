"""How history is searched and counted."""

from __future__ import annotations
