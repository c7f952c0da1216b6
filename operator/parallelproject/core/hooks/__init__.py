"""The hooks of a project: what follows from their runs, and the phases of groups."""
