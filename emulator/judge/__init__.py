"""Observations in, verdicts and outcomes out: pure and versioned."""
