"""Where all parts meet: one execution, one scenario, one run. Read `verification.py` first."""
