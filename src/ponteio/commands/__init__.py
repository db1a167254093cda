"""Command: what a person types into a terminal.

Takes words and options, gives text on standard output and an exit status. Owns the terminal.
Never holds a rule of another room.
"""
