"""Where the certificates are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.pki import locate

CHECKOUT = Path(__file__).parents[2]


def test_what_is_named_wins() -> None:
    assert locate(Path("here"), CHECKOUT, {"HOME": "/home/x"}) == Path("here")


def test_a_checkout_keeps_its_own() -> None:
    assert locate(None, CHECKOUT, {"HOME": "/home/x"}) == CHECKOUT / "certs"


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({"XDG_DATA_HOME": "/data", "HOME": "/home/x"}, "linux", "/data/messenger-lab/certs"),
        ({"XDG_DATA_HOME": "relative", "HOME": "/home/x"}, "linux", "/home/x/.local/share/messenger-lab/certs"),
        ({"HOME": "/Users/x"}, "darwin", "/Users/x/Library/Application Support/messenger-lab/certs"),
        ({"LOCALAPPDATA": "/local"}, "win32", "/local/messenger-lab/certs"),
    ],
)
def test_else_the_user_data_directory(tmp_path: Path, environ: dict[str, str], platform: str, expected: str) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "something-else"\n')
    assert locate(None, tmp_path, environ, platform=platform) == Path(expected)


def test_without_a_home_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--certs"):
        locate(None, tmp_path, {}, platform="linux")
