"""Scenarios: named situations with what must pass, what must stop and what a person then notices.

Not their execution. `load.load` finds and reads one, `model` says what it holds.
"""
