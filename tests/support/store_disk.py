# SPDX-License-Identifier: Apache-2.0
"""A store on a file system of its own that gets full or cannot be written; for `unshare --mount`.

    unshare --mount --propagation private python -m tests.support.store_disk full|readonly FOLDER

Prints what the store said, one refusal a line; ends with an assertion where something is lost.
"""

import asyncio
import subprocess
import sys
from pathlib import Path

from controlplane.store.errors import StoreError, UnavailableError
from controlplane.store.interface import Record, Store
from controlplane.store.sqlite import open_sqlite

BALLAST = 1 << 20


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def say(error: StoreError) -> None:
    sys.stdout.write(f"{type(error).__name__}: {error}\n")


async def write_until_refused(store: Store, name: str) -> list[Record]:
    """Four writers until the disk is full; what was acknowledged."""
    acknowledged: list[Record] = []

    async def writer(number: int) -> UnavailableError:
        for count in range(100_000):
            try:
                acknowledged.append(await store.create(f"/{name}/{number}/{count}", b"x" * 2000))
            except UnavailableError as error:
                return error
        raise AssertionError("the disk is never full")

    refusals = await asyncio.gather(*(writer(number) for number in range(4)))
    say(refusals[0])
    return acknowledged


async def full(folder: Path) -> None:
    path, ballast = folder / "store.db", folder / "ballast"
    ballast.write_bytes(b"x" * BALLAST)
    store = await open_sqlite(path)
    acknowledged = await write_until_refused(store, "first")
    # Reading goes on, and nothing that was refused is seen.
    assert set((await store.list("/")).records) == set(acknowledged)
    ballast.unlink()
    acknowledged += await write_until_refused(store, "second")
    await store.close()
    again = await open_sqlite(path)
    assert set((await again.list("/")).records) == set(acknowledged)
    assert any(record.key.startswith("/second/") for record in acknowledged)
    await again.close()


async def readonly(folder: Path) -> None:
    path = folder / "store.db"
    store = await open_sqlite(path)
    made = await store.create("/a/b//c", b"x")
    await store.close()
    mount("-o", "remount,ro", str(folder))
    try:
        await open_sqlite(path)
    except StoreError as error:
        say(error)
    else:
        raise AssertionError("a store was opened that cannot be written")
    mount("-o", "remount,rw", str(folder))
    again = await open_sqlite(path)
    assert await again.get("/a/b//c") == made
    await again.close()


def main(mode: str, folder: Path) -> None:
    mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder))
    asyncio.run({"full": full, "readonly": readonly}[mode](folder))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
