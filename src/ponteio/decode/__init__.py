"""Judge: raw frames in, typed events or named refusals out.

Takes `RawFrame`, gives `DecodedEvent` or `Refusal`. Owns the catalogue of event names, redaction (secrets die here),
the repair of Evolution's clock and the fingerprint. Never raises on bad input; touches no clock, socket or database.
"""
