"""Watch: counted outcomes and logging.

Takes names and numbers, gives totals and log lines. Owns every counter. Never sees content or secrets.
"""
