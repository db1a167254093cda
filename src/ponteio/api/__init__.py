"""Answer: REST under /api, health, and the description of both at /openapi.json.

Takes requests and the rooms' own objects, gives JSON, or a problem document for every refusal. Owns routes, schemas
and the way from a key in a header to a principal. Never holds a rule about links, events or ownership: it asks.
"""
