"""The life of links, and metrics over time."""

from __future__ import annotations
