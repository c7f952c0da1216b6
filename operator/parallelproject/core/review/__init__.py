"""What people, checks and the base say of a pull request, and which task acts on it."""
