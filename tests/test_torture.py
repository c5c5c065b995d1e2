"""A short form of each torture (see torture/ and docs/reliability.md), and that torture itself can find something."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, clean_environment
from torture.oracle import BrokenPromiseError, check
from torture.powercut import Disk, File, Operation, disk_at
from torture.worlds import AFTER, KINDS, World

SHORT = {
    "kills": ["kills", "refusals", "powercuts", "--kind", "update", "--kind", "large index", "--trials", "3"],
    "damage": ["damage", "--trials", "1"],
    "crowd": ["crowd", "model", "--trials", "4"],
    "fuzz": ["fuzz", "--cases", "300"],
    "requests": ["requests", "--cases", "300"],
}


@pytest.mark.parametrize("name", SHORT)
def test_a_short_torture(name: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "torture", *SHORT[name]],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


# Torture that cannot find anything would pass as well.


@pytest.fixture
def updated(tmp_path: Path) -> World:
    world = KINDS["update"].prepare(tmp_path)
    world.build()
    return world


def test_a_sound_index_keeps_its_promises(updated: World) -> None:
    check(updated, KINDS["update"])


def test_half_an_update_is_found(updated: World) -> None:
    (updated.folder / "docs" / "beta.txt").unlink()
    updated.build()
    with pytest.raises(BrokenPromiseError, match="neither before nor after"):
        check(updated, KINDS["update"])


def test_a_file_that_is_left_over_is_found(updated: World) -> None:
    (updated.store.folder / "vectors.half").write_bytes(b"x")
    with pytest.raises(BrokenPromiseError, match=r"left over: \['vectors.half'\]"):
        check(updated, KINDS["update"])


def test_lost_turns_are_found(updated: World) -> None:
    (talk,) = updated.conversations.listed("owner")
    (turn,) = updated.conversations.turns("owner", talk.id)
    updated.conversations.cut("owner", talk.id, turn.id)
    with pytest.raises(BrokenPromiseError, match="conversations"):
        check(updated, KINDS["update"])


def written(*operations: tuple[str, str, str]) -> list[Operation]:
    return [Operation(what, path, other, 0, b"data" if what == "write" else b"") for what, path, other in operations]


def outcomes(operations: list[Operation], *, strict: bool) -> set[tuple[tuple[str, bytes], ...]]:
    """Return all that the disk may hold, of a hundred draws."""
    start = {"/d/a": b"old"}
    return {
        tuple(sorted(disk_at(operations, start, strict=strict).after_the_cut(random.Random(number)).items()))
        for number in range(100)
    }


@pytest.mark.parametrize("strict", [False, True])
def test_what_was_not_synced_may_be_lost_in_a_power_cut(strict: bool) -> None:
    operations = written(("create", "/d/b", ""), ("write", "/d/b", ""))
    found = outcomes(operations, strict=strict)
    assert (("/d/a", b"old"),) in found, "the file is not there"
    assert {dict(names)["/d/b"] for names in found if len(names) == 2} == {b"", b"data", b"\0\0\0\0"}


@pytest.mark.parametrize(("synced", "count"), [((), 2), ((("sync", "/d", ""),), 1)])
def test_a_rename_is_safe_once_its_folder_is_synced(synced: tuple[tuple[str, str, str], ...], count: int) -> None:
    first = written(("create", "/d/b", ""), ("write", "/d/b", ""), ("sync", "/d/b", ""), ("rename", "/d/b", "/d/a"))
    found = outcomes([*first, *written(*synced)], strict=True)
    assert len(found) == count
    assert (("/d/a", b"data"),) in found


def test_a_file_that_is_made_again_is_not_lost_with_the_one_before_it() -> None:
    operations = written(("unlink", "/d/a", ""), ("create", "/d/a", ""), ("write", "/d/a", ""), ("sync", "/d/a", ""))
    assert outcomes([*operations, *written(("sync", "/d", ""))], strict=True) == {(("/d/a", b"data"),)}


def test_a_stamp_that_is_written_before_its_files_are_safe_is_found() -> None:
    stamp = Operation("write", "/d/s.new", "", 0, b'{"files": {"a": []}}')
    begun = [*written(("write", "/d/a", ""), ("create", "/d/s.new", "")), stamp]
    last = written(("rename", "/d/s.new", "/d/vectors.json"))
    with pytest.raises(AssertionError, match="not safe yet"):
        disk_at([*begun, *last], {"/d/a": b"old"}, strict=False)
    disk_at([*begun, *written(("sync", "/d/a", "")), *last], {"/d/a": b"old"}, strict=False)


def test_the_worlds_differ_as_they_should() -> None:
    assert all(kind.before != kind.after or kind.name in ("export", "chat") for kind in KINDS.values())
    assert KINDS["update"].after == AFTER
    assert Disk(strict=False, names={"a": File()}, safe_names={}).after_the_cut(random.Random(0)) == {}
