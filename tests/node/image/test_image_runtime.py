# SPDX-License-Identifier: Apache-2.0
"""Our images in a real containerd of each release: imported and pulled, under the right names, and running."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cri import CriError, Image
from lab.image.build import build
from lab.image.builtin import BUSYBOX, PAUSE, busybox, pause
from lab.image.load import is_loaded, load
from lab.image.model import BuiltImage, Inline
from tests.support.cri_contract import Kit, Target, eventually, kit_for
from tests.support.registry import Registry, running_registry
from tests.support.releases import RELEASES, containerd_release
from tests.support.runtime_fixture import Containerd, running

pytestmark = pytest.mark.node


@pytest.fixture(scope="module", params=list(RELEASES))
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def containerd(release: str) -> Iterator[Containerd]:
    """It has pause and busybox loaded."""
    with running(containerd_release(release)) as started:
        yield started


@pytest.fixture
def ctr(release: str) -> str:
    return str(containerd_release(release) / "ctr")


@pytest.fixture(scope="module")
def registry(containerd: Containerd) -> Iterator[Registry]:
    with running_registry(f"/proc/{containerd.pid()}/ns/net") as started:
        yield started


def run(containerd: Containerd, function: Callable[[Kit], Awaitable[None]]) -> None:
    async def with_kit() -> None:
        target = Target(containerd.socket, containerd.root, containerd.cgroup_parent)
        async with kit_for(target, "image") as kit:
            await function(kit)

    asyncio.run(with_kit())


async def status(kit: Kit, reference: str) -> Image:
    """What CRI says of an image; the runtime takes note of an import a moment later."""
    found: list[Image] = []

    async def known() -> bool:
        image = await kit.runtime.image_status(reference)
        found[:] = [image] if image else []
        return bool(found)

    await eventually(known, f"{reference} is known")
    return found[0]


async def serves(kit: Kit, image: str) -> str:
    """What busybox's httpd in this image answers to busybox's wget beside it."""
    script = "mkdir -p /tmp/w && echo from $(hostname) >/tmp/w/index.html && exec httpd -f -p 127.0.0.1:8080 -h /tmp/w"
    _, container = await kit.start(script, kit.pod(hostname="inside"), image=image)
    return await kit.shell(
        container, "until wget -q -O - http://127.0.0.1:8080/ 2>/dev/null; do usleep 20000; done"
    )


def test_cri_finds_what_was_loaded_by_name_and_by_the_built_id(
    release: str, containerd: Containerd, tmp_path: Path
) -> None:
    built = {spec.reference: build(spec, tmp_path / "image.tar") for spec in (pause(), busybox())}

    async def found(kit: Kit) -> None:
        for reference, image in built.items():
            known = await status(kit, reference)
            assert known.id == image.id
            assert known.tags == (reference,)
        pinned = (await status(kit, PAUSE)).pinned
        assert pinned == (release != "1.6"), "containerd 1.6 knows no pinned images"

    run(containerd, found)


def test_the_loaded_images_run_and_serve_http(containerd: Containerd) -> None:
    async def runs(kit: Kit) -> None:
        # The sandbox itself is pause.
        assert await serves(kit, BUSYBOX) == "from inside\n"

    run(containerd, runs)


def test_loading_again_changes_nothing_and_a_new_build_replaces_the_old(
    containerd: Containerd, ctr: str, tmp_path: Path
) -> None:
    name = f"docker.io/local/again-{secrets.token_hex(3)}:1"

    def built(content: bytes) -> BuiltImage:
        spec = replace(busybox(), reference=name)
        return build(replace(spec, files={**spec.files, "/note": Inline(content)}), tmp_path / "image.tar")

    first = built(b"1")
    socket = containerd.socket
    assert not is_loaded(first.path, socket=socket, ctr=ctr)
    assert load(first.path, socket=socket, ctr=ctr, pinned=[name]) == (first,)
    assert is_loaded(first.path, socket=socket, ctr=ctr)
    assert load(first.path, socket=socket, ctr=ctr) == (first,)
    second = built(b"2")
    assert not is_loaded(second.path, socket=socket, ctr=ctr)
    load(second.path, socket=socket, ctr=ctr)
    assert is_loaded(second.path, socket=socket, ctr=ctr)

    async def newer(kit: Kit) -> None:
        async def replaced() -> bool:
            return (await status(kit, name)).id == second.id

        await eventually(replaced, "the new build has the name")
        _, container = await kit.start(image=name)
        assert await kit.shell(container, "cat /note") == "2"

    run(containerd, newer)


def test_an_image_is_pulled_from_a_registry_and_runs(
    containerd: Containerd, registry: Registry, tmp_path: Path
) -> None:
    name = f"{registry.host}/local/pulled:{secrets.token_hex(3)}"
    spec = replace(busybox(), reference=name)
    # A layer that no other image has, so that every byte comes from the registry.
    image = build(replace(spec, files={**spec.files, "/note": Inline(name.encode())}), tmp_path / "image.tar")
    assert registry.push(image.path) == image.digest

    async def pulled(kit: Kit) -> None:
        assert await kit.runtime.image_status(name) is None
        assert await kit.runtime.pull_image(name) == image.id
        known = await status(kit, name)
        assert known.id == image.id
        assert known.digests == (f"{name.rpartition(':')[0]}@{image.digest}",)
        assert await serves(kit, name) == "from inside\n"

    run(containerd, pulled)


def test_what_the_registry_says_of_an_unknown_image_is_in_the_error(
    containerd: Containerd, registry: Registry
) -> None:
    name = f"{registry.host}/local/unknown:1"

    async def refused(kit: Kit) -> None:
        with pytest.raises(CriError, match=rf"^cannot pull image .*{name}.* not found"):
            await kit.runtime.pull_image(name)

    run(containerd, refused)
