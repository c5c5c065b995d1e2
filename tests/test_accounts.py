"""Users, passwords, and slowing down who guesses them."""

import base64
import re

import pytest

from index.errors import RagError
from server.accounts import Accounts
from server.passwords import hash_password, is_password
from server.throttle import Throttle
from ui.visitor import Role

pytestmark = pytest.mark.databases


def test_the_throttle_doubles_the_wait_up_to_a_minute_and_forgets() -> None:
    now = 0.0
    throttle = Throttle(lambda: now)
    waits = []
    for _ in range(13):
        throttle.failed("1.2.3.4", "ana")
        waits.append(throttle.wait("1.2.3.4", "ana"))
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    now = 61.0
    assert throttle.wait("1.2.3.4", "ana") == 0
    throttle.succeeded("1.2.3.4", "ana")
    for n in range(7):
        throttle.failed("1.2.3.4", f"user{n}")
    assert throttle.wait("1.2.3.4", "whoever") == 1, "twenty from one address, whatever the names"
    assert throttle.wait("5.6.7.8", "ana") == 0
    now = 4000.0
    assert throttle.wait("1.2.3.4", "whoever") == 0


def test_a_password_is_hashed_with_its_own_salt_and_cost() -> None:
    one, two = hash_password("correct horse", cost=4), hash_password("correct horse", cost=4)
    assert one != two
    assert is_password("correct horse", one)
    assert not is_password("correct hors", one)
    assert not is_password("x" * 2_000_000, one)
    # RFC 7914, section 12: P="password", S="NaCl", N=1024, r=8, p=16
    salt = base64.b64encode(b"NaCl").decode()
    digest = base64.b64encode(
        bytes.fromhex(
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
            "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
        )
    ).decode()
    assert is_password("password", f"scrypt$1024$8$16${salt}${digest}")


@pytest.mark.parametrize(
    ("name", "password", "role", "documents", "reason"),
    [
        ("a:b", "long enough", Role.READER, "", "cannot be a user's name"),
        ("", "long enough", Role.READER, "", "cannot be a user's name"),
        ("ana", "short", Role.READER, "", "has 5 characters"),
        ("ana", "long enough", Role.READER, "colour=red", "no document has a 'colour'"),
        ("ana", "long enough", Role.ADMIN, "path:x/*", "for all documents only"),
        ("taken", "long enough", Role.READER, "", "there is a user taken already"),
    ],
)
def test_an_account_that_cannot_be_made_says_why(
    accounts: Accounts, name: str, password: str, role: Role, documents: str, reason: str
) -> None:
    accounts.add("taken", "long enough", Role.READER)
    with pytest.raises(RagError, match=re.escape(reason)):
        accounts.add(name, password, role, documents)
    assert [user.name for user in accounts.users()] == ["taken"]
