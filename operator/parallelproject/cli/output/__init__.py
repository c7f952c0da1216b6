"""How commands print: text, tables, YAML, colour, errors."""
