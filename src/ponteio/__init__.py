"""Ponteio: a self-hosted, multi-tenant, real-time event gateway for Evolution API."""

__version__ = "0.1.0"
