"""Attempts that a coding agent makes: what its output says of their ends."""
