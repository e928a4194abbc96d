"""A scenario script: what one rule of a firewall does to people. Run it with `pytest scenarios/test_one_rule.py`."""

from __future__ import annotations

from typing import Any

import pytest

RULES = """
table inet lab {
    chain forward {
        type filter hook forward priority filter; policy accept;
        tcp dport %s drop
    }
}
"""


@pytest.mark.parametrize(("port", "broken"), [(1503, "whiteboard"), (6891, "file-transfer-legacy")])
def test_a_rule_costs_exactly_what_it_should(messenger_lab: Any, port: int, broken: str) -> None:
    messenger_lab.apply(RULES % port)
    result = messenger_lab.run()
    assert result.outcome(broken) == "broken"
    assert "blocked.drop.outbound" in result.verdicts(broken)
    assert {feature for feature, outcome in result.outcomes.items() if outcome != "works"} == {broken}
