"""`kerazoo.choose`: the network for a budget of time on this machine."""
