"""The words: frames, events, cursors, identities and outcomes.

Takes plain values, gives immutable types. Owns the vocabulary that every other room shares.
Never does I/O and never imports another room.
"""
