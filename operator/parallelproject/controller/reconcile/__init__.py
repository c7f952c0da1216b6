"""One round for a project: what is observed goes in, the plan comes out, what it says is done."""
