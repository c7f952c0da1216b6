"""A model provider on this machine that follows a script: real agent programs run against it, without a key."""
