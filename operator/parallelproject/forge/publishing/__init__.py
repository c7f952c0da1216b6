"""A branch becomes a pull request, and is merged when its checks pass."""
