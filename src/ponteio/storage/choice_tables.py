"""What is stored, for how long, and pushed; what each instance is to send."""

from __future__ import annotations
