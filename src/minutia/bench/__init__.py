"""How fast this machine is, and how much of that the networks make use of."""
