"""The commands of pproj, one a file."""
