# SPDX-License-Identifier: Apache-2.0
"""A full disk and a damaged store, as clients and people who start the server see them."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.support.apiprocess import ApiProcess

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
MOUNTED = 'mount -t tmpfs -o size=8m tmpfs "$0" && exec "$@"'


def config_map(name: str, size: int = 2000) -> dict[str, object]:
    return {"metadata": {"name": name}, "data": {"x": "x" * size}}


def fill(path: Path) -> None:
    """A file that takes all the room there is."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            with suppress(OSError):
                while True:
                    file.write(b"x" * size)


def test_a_full_disk(tmp_path: Path) -> None:
    """Writes are refused with what to do, reads and watches go on, and so do writes when there is room again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    process = ApiProcess(tmp_path, store=f"sqlite://{disk}/store.db")
    process.wrapper = ("unshare", "--mount", "--propagation", "private", "sh", "-c", MOUNTED, str(disk))
    with process:
        admin = process.admin()
        ballast = Path(f"/proc/{process.process.pid}/root{disk}/ballast")
        assert ballast.with_name("store.db").exists()
        begin = admin.get(CONFIGMAPS).json["metadata"]["resourceVersion"]
        with admin.watch(f"{CONFIGMAPS}?watch=1&resourceVersion={begin}") as events:
            fill(ballast)
            written, refused = [], None
            for number in range(5000):
                answer = admin.post(CONFIGMAPS, config_map(f"c{number}", 20_000))
                if answer.code != 201:
                    refused = answer
                    break
                written.append(f"c{number}")
            assert refused is not None
            assert (refused.code, refused.json["reason"]) == (503, "ServiceUnavailable")
            assert "disk is full; make room" in refused.json["message"], refused.json
            assert refused.headers["Retry-After"] == "1"
            assert admin.get("/api/v1/namespaces/default").code == 200
            assert kept(admin.get(CONFIGMAPS).json) == written
            ballast.unlink()
            assert admin.post(CONFIGMAPS, config_map("after")).code == 201
            told = []
            while not told or told[-1] != "after":
                told.append(next(events)["object"]["metadata"]["name"])
        assert [name for name in told if name != "kube-root-ca.crt"] == [*written, "after"]
        assert process.process.poll() is None


def kept(listed: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
    names = [item["metadata"]["name"] for item in listed["items"]]
    return sorted((name for name in names if name.startswith("c")), key=lambda name: int(name[1:]))


DAMAGES: tuple[tuple[Callable[[bytes], bytes], str], ...] = (
    (lambda data: b"not a database" + data[14:], "it is not a store; name another file, or restore a backup"),
    (lambda data: data[: len(data) // 2], "damaged"),
    (lambda data: data[:9000] + b"\xff" * 20_000 + data[29_000:], "damaged"),
)


def test_a_damaged_store_is_told_at_the_start(tmp_path: Path) -> None:
    with ApiProcess(tmp_path) as process:
        admin = process.admin()
        for number in range(20):
            assert admin.post(CONFIGMAPS, config_map(f"c{number}", 4000)).code == 201
        assert process.kill(15) == 0
        data = process.store.read_bytes()
        for damage, told in DAMAGES:
            (tmp_path / "log").unlink()
            process.store.write_bytes(damage(data))
            process.launch()
            assert process.ended() == 1
            assert f"cannot open {process.store}: " in process.log
            assert told in process.log
            assert "Traceback" not in process.log
            # It is as it was for whoever wants to save something from it.
            assert process.store.read_bytes() == damage(data)
