"""Hooks of a local run: their record, their runs, and what they work in."""
