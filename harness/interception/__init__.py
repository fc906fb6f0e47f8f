"""What keeps the calls of processes outside from leaving: they reach the mocks, or nothing."""
