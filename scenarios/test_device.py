"""A scenario script: what people can do behind the device between here and the emulator of `--messenger-join FILE`.

Without a join file there is no device, and everything works.
"""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="module")
def found(messenger_probe: Any) -> Any:
    return messenger_probe.run()


@pytest.mark.parametrize("feature", ["sign-in", "file-transfer", "games"])
def test_people_can_use(found: Any, feature: str) -> None:
    assert found.outcome(feature) in ("works", "degraded"), found.by(feature)


def test_whoever_signs_in_can_chat(found: Any) -> None:
    assert found.journey("session").startswith("done")


def test_nothing_is_opened_by_somebody_else(found: Any) -> None:
    assert "tls.intercepted" not in found.verdicts("login-https")
