"""The runs on this machine, as commands need them."""
