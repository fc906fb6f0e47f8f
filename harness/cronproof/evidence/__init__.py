"""What an execution has left behind, as plain data, and what became of each message."""
