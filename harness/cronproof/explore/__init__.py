"""Which schedules are executed, and how one is: the executor, the policies, the strategies."""
