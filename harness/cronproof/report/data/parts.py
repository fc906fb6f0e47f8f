"""The parts of the sign-off report, in order: the four tests of the hand-made one, then others."""

PARTS: dict[str, str] = {
    "functions": "Test 1: RPC functions exist",
    "responses": "Test 2: All crons answer as they should",
    "race": "Test 3: Race condition prevention",
    "retry": "Test 4: Retry on SMS failure",
    "rules": "Beyond the report: rules of eligibility",
    "roles": "Beyond the report: roles and row-level security",
    "faults": "Beyond the report: faults",
    "remaining": "Remaining crons: the risk, measured",
}
