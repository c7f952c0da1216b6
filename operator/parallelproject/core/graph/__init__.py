"""The graph of a spec: compiled, its cycles named, its files compared, its schedule simulated. Pure."""
