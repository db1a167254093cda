"""Speak: the Socket.IO edge for browsers and services.

Takes committed events and status notices, gives them to the sockets of their organization, each socket from its own
cursor. Owns the sockets, their rooms and their deadlines. Never decides who owns what, never says what is not
committed, and never keeps a queue that can grow without end.
"""
