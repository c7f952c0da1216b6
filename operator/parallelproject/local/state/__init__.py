"""What a local run writes down: its directory, every attempt, and the places of its workspaces."""
