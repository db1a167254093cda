"""Hear: the links to Evolution API servers, and the calls to their REST API.

Takes addresses, keys and what people want connected; gives raw frames to the sink it is handed, link states and
typed answers. Owns every connection to Evolution, its retries and the record of its outages.
Never awaits between reading a frame and queueing it, and never sends Evolution an event.
"""
