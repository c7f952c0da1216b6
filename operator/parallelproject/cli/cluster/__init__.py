"""The projects of a cluster, as commands need them."""
