"""One round for a project: observe, plan, act, write the status."""
