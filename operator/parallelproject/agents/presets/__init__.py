"""The presets, one agent a file."""
