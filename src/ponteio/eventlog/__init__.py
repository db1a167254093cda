"""Remember: the log of each organization, what was kept out of it, and when we were deaf.

Takes addressed events and refusals, gives stored events with their place. Owns `seq`, `epoch` and the fingerprints.
Never speaks, and never lets a reader see a number before the one below it.
"""
