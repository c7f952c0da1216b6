"""Who may start now: one file a constraint, with its rule, its prediction and its explanation. Pure."""
