"""Alert rules, incidents, channels, and where browsers are pushed to."""

from __future__ import annotations
