"""The loop of a local run: observe, plan, act."""
