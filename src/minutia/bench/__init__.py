"""Speed of this machine, and the share of it that networks reach."""
