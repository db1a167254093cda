"""Keep: tables, engines and migrations for SQLite and PostgreSQL.

Takes a database URL, gives transactions. Owns the schema and both drivers, whose errors end here as `StorageError`.
Never knows what an event means.
"""
