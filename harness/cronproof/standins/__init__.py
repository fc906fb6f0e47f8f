"""What keeps the calls of processes from leaving: they reach a stand-in, or nothing."""
