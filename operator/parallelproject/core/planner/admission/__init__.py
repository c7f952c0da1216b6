"""Who may start now: the constraints of a plan. Pure."""
