"""What may land: paths, sizes, secrets."""
