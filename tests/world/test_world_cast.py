"""The cast: what ships does what its comments say, and every mistake is named with file, key and remedy."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from worlds_made import dump, made

from emulator.problems import BadInput
from emulator.wire import oim, tags
from emulator.world import World, load_cast, picture

SHIPPED = Path(__file__).parents[2] / "scenarios" / "casts" / "default.toml"
ONE = 'format = 1\n[[account]]\naddress = "a@example.com"\npassword = "x"\n'
TWO = ONE + '[[account]]\naddress = "b@example.com"\npassword = "x"\n'


@pytest.fixture
def world() -> World:
    world = made(open_accounts=True)
    load_cast(SHIPPED.read_text("utf-8"), SHIPPED).populate(world)
    return world


def test_the_shipped_cast_tells_its_stories(world: World) -> None:
    alice, bob, carol, dave = (f"{name}@example.com" for name in ("alice", "bob", "carol", "dave"))
    assert world.accounts.authenticate(alice, "opal-Kite7").psm == "На стене ☀"
    assert world.sees(alice, bob)
    assert world.sees(bob, alice)
    assert not world.sees(dave, carol), "blocked"
    (asking,) = world.lists.members(alice, "Pending")
    assert (asking.address, asking.invite) == (dave, "Met you at the crag")
    assert not world.lists.members(carol, "Pending")
    assert not world.lists.members(bob, "Pending")
    (message,) = world.mail.messages(bob)
    assert oim.read_mime(message.content).text == "Привет, Боря! See you at 7."
    assert message.sender == alice
    assert world.books.contact_of(alice, bob).nickname == "Bobby"
    (group,) = world.books.contact_of(alice, bob).groups
    assert world.books.group(alice, group).name == "Climbing"
    assert world.account("shy@example.com").hidden
    for name in ("echo", "files", "voice", "games", "folders", "shy"):
        assert world.account(f"{name}@example.com").resident
    assert world.account(alice).tile is not None
    probe = world.account(tags.account(bytes(16)))
    assert "contact@hotmail.com" in probe.contacts
    assert [one.name for one in probe.groups.values()] == ["Emulated group"]


def test_what_is_there_already_stays(world: World) -> None:
    world.accounts.set_name("alice@example.com", "Another")
    world.take_changes()
    before = dump(world)
    cast = load_cast(SHIPPED.read_text("utf-8"), SHIPPED)
    assert cast.populate(world) == ()
    assert dump(world) == before
    assert not world.unwritten


MISTAKES = [
    ("format = 1\n[[account]\n", "line 2", "Mend that line"),
    ("account = []\n", "format", "Compare with"),
    ("format = 2\naccount = []\n", "format", "Compare with"),
    (ONE + "colour = 1\n", "colour", "Compare with"),
    (ONE + "name = 5\n", "account[0].name", "Compare with"),
    (ONE.replace("@", " at "), "account[0].address", "write name@example.com"),
    (ONE.replace('password = "x"', ""), "account[0].password", "resident = true"),
    (ONE + "resident = true\n", "account[0].password", "leave the password out"),
    (TWO.replace("b@", "A@"), "account[1].address", "keep one of them"),
    (ONE.replace("a@example", tags.account(bytes(16)).replace("hotmail", "example").removesuffix(".com")),
     "account[0].address", "choose another name"),
    (ONE + f'name = "{"x" * 400}"\n', "account[0].name", "shorten it"),
    (ONE + f'psm = "{"x" * 1100}"\n', "account[0].psm", "shorten it"),
    (ONE + 'contacts = ["a@exmple.com"]\n', "account[0].contacts", "did you mean a@example.com"),
    (ONE + 'contacts = ["a@example.com"]\n', "account[0].contacts", "leave it out"),
    (TWO + 'block = ["a@example.com", "a@example.com"]\n', "account[1].block", "keep one of them"),
    (TWO + 'block = ["a@example.com"]\nallow = ["a@example.com"]\n', "account[1].block", "take it off"),
    (TWO + 'contacts = ["a@example.com"]\nallow = ["a@example.com"]\n', "account[1].allow", "leave it out here"),
    (TWO + 'groups = { g = ["a@example.com"] }\n', "account[1].groups.g", "did you mean none"),
    (TWO + "groups = { g = [], G = [] }\n", "account[1].groups", "rename one"),
    (TWO + f'groups = {{ {"x" * 62} = [] }}\n', "account[1].groups", "use 1 to 61"),
    (TWO + 'nicknames = { "a@example.com" = "x" }\n', "account[1].nicknames", "did you mean none"),
    (ONE + 'blp = "XX"\n', "account[0].blp", "Compare with"),
    (ONE + 'tile = "missing.png"\n', "account[0].tile", 'write "generated"'),
    (ONE + 'tile = "../x.png"\n', "account[0].tile", "put the picture beside"),
    (ONE + 'tile = "cast.toml"\n', "account[0].tile", "use a PNG"),
    (ONE + '[newcomers]\ncontacts = ["b@example.com"]\n', "newcomers.contacts", "did you mean a@example.com"),
    (TWO + '[[message]]\nfrom = "c@example.com"\nto = "a@example.com"\ntext = ""\n', "message[0].from", "did you mean"),
    (TWO + 'block = ["a@example.com"]\n[[message]]\nfrom = "a@example.com"\nto = "b@example.com"\ntext = ""\n',
     "message[0].to", "choose another sender"),
    (TWO + 'blp = "BL"\n[[message]]\nfrom = "a@example.com"\nto = "b@example.com"\ntext = ""\n',
     "message[0].to", "choose another sender"),
    (TWO + f'[[message]]\nfrom = "a@example.com"\nto = "b@example.com"\ntext = "{"x" * 9000}"\n',
     "message[0].text", "shorten it"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "key", "remedy"), MISTAKES, ids=[key for _, key, _ in MISTAKES])
def test_mistakes_are_named(text: str, key: str, remedy: str, tmp_path: Path) -> None:
    path = tmp_path / "cast.toml"
    path.write_text(text)
    with pytest.raises(BadInput) as refused:
        load_cast(text, path)
    for part in (str(path), key, remedy):
        assert part in str(refused.value)


def test_every_accepted_cast_can_be_played() -> None:
    text = TWO + (
        'blp = "BL"\ngtc = "N"\ncontacts = ["a@example.com"]\n'
        'groups = { g = ["a@example.com"] }\nnicknames = { "a@example.com" = "A" }\ntile = ""\n'
        '[[message]]\nfrom = "a@example.com"\nto = "b@example.com"\ntext = ""\n'
    )
    world = made()
    assert load_cast(text, Path("cast.toml")).populate(world) == ("a@example.com", "b@example.com")
    assert world.account("b@example.com").tile is None
    assert world.lists.bits("b@example.com", "a@example.com") == 3


def test_a_picture_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "me.gif").write_bytes(b"GIF89a....")
    cast = load_cast(ONE + 'tile = "me.gif"\n', tmp_path / "cast.toml")
    world = made()
    cast.populate(world)
    tile = world.account("a@example.com").tile
    assert tile is not None
    assert (tile.mime, tile.data) == ("image/gif", b"GIF89a....")


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_generated_pictures_are_pictures(tmp_path: Path) -> None:
    path = tmp_path / "tile.png"
    path.write_bytes(picture.generate("alice@example.com"))
    command = ["tshark", "-r", str(path), "-V"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")
    told = {line.strip() for line in lines}
    assert {"Width: 96", "Height: 96", "Bit Depth: 8", "Colour Type: Truecolour (2)"} <= told
    assert "CRC: 0xae426082" in told, "the checksum of every empty IEND chunk there is"
    assert not [line for line in lines if "Malformed" in line]
    assert picture.generate("alice@example.com") != picture.generate("bob@example.com")


@pytest.mark.parametrize("named", ["", 'contacts = ["contact@hotmail.com"]', 'contacts = ["a@example.com"]'])
def test_accounts_of_probes_find_the_contact_of_their_flows_whatever_the_cast(named):
    people = ONE + '[[account]]\naddress = "contact@hotmail.com"\nresident = true\n[newcomers]\n' + named
    world = made(open_accounts=True)
    load_cast(people, SHIPPED).populate(world)
    found = list(world.account(tags.account(bytes(range(16)))).contacts)
    assert found.count("contact@hotmail.com") == 1
    assert ("a@example.com" in found) == ("a@example.com" in named)
