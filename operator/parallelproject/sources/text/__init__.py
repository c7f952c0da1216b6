"""Texts from strangers: JSON, YAML and Markdown, with places for errors; ids, paths and bounds."""
