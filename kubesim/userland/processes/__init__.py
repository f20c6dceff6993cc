"""Processes: how they start, what they run, the signals between them, their memory and their time."""
