"""The process between the engine and the tasks: it starts them, stops them, and notes how they end."""
