"""The commands that containers run: prepare, deliver, land, salvage."""
