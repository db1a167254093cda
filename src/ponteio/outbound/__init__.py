"""Reach: whatever leaves the house goes through here.

Takes addresses that somebody entered, gives connections to those that may be reached. Owns the rule for addresses, name
resolution and HTTP. Never connects to an address that it did not check, never follows a redirect.
"""
