"""Measurements of agentctl: each module is run with `python -m benchmarks.NAME`."""
