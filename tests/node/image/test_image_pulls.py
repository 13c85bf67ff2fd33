# SPDX-License-Identifier: Apache-2.0
"""The agent's puller and collector with a real containerd and real registries, one of which wants a password."""

import asyncio
import base64
import json
import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lightkube.models import core_v1

from agent.image.collector import ImageCollector
from agent.image.credentials import Credentials
from agent.image.gc import Disk, GcPolicy
from agent.image.model import ImageError, ImageNote, PullBackoff
from agent.image.pull import ImagePuller
from cri import Runtime, connect
from lab.image.build import build
from lab.image.builtin import BUSYBOX, PAUSE, busybox
from lab.image.model import BuiltImage, Inline
from tests.support.cri_contract import eventually
from tests.support.registry import PASSWORD, USER, Registry, running_registry
from tests.support.releases import containerd_release
from tests.support.runtime_fixture import Containerd, running

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def containerd() -> Iterator[Containerd]:
    with running(containerd_release("1.6")) as started:
        yield started


@pytest.fixture(scope="module")
def public(containerd: Containerd) -> Iterator[Registry]:
    with running_registry(f"/proc/{containerd.pid()}/ns/net") as started:
        yield started


@pytest.fixture(scope="module")
def private(containerd: Containerd) -> Iterator[Registry]:
    with running_registry(f"/proc/{containerd.pid()}/ns/net", port=5001, private=True) as started:
        yield started


def pushed(registry: Registry, folder: Path) -> tuple[str, BuiltImage]:
    """A new image in the registry: its name, and what was built."""
    name = f"{registry.host}/team/app:{secrets.token_hex(3)}"
    spec = replace(busybox(), reference=name)
    image = build(replace(spec, files={**spec.files, "/note": Inline(name.encode())}), folder / "image.tar")
    registry.push(image.path)
    return name, image


def play(containerd: Containerd, act: Callable[[Runtime], Awaitable[None]]) -> None:
    async def main() -> None:
        runtime = await connect(containerd.socket)
        try:
            await act(runtime)
        finally:
            await runtime.close()

    asyncio.run(main())


def puller(runtime: Runtime, credentials: Credentials | None = None) -> ImagePuller:
    return ImagePuller(runtime, PullBackoff(), lambda: 0.0, credentials=credentials)


def test_a_pull_is_told_with_its_size_and_done_once(
    containerd: Containerd, public: Registry, tmp_path: Path
) -> None:
    name, built = pushed(public, tmp_path)
    notes: list[ImageNote] = []

    async def act(runtime: Runtime) -> None:
        images = puller(runtime)
        found = await images.ensure(name, "", "container default/web/app", tell=notes.append)
        assert (found.id, found.pulled) == (built.id, True)
        assert f"Image size: {found.size} bytes." in notes[-1].message
        assert found.size > 100_000
        assert not (await images.ensure(name, "", "again", tell=notes.append)).pulled
        assert (await images.ensure(name, "Always", "always", tell=notes.append)).pulled

    play(containerd, act)
    assert [note.reason for note in notes] == ["Pulling", "Pulled", "Pulled", "Pulling", "Pulled"]


def test_a_private_registry_takes_the_right_secret_only(
    containerd: Containerd, private: Registry, tmp_path: Path
) -> None:
    name, built = pushed(private, tmp_path)

    def secret(user: str, registry: str) -> core_v1.Secret:
        auth = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
        content = json.dumps({"auths": {registry: {"auth": auth}}}).encode()
        data = {".dockerconfigjson": base64.b64encode(content).decode()}
        return core_v1.Secret(type="kubernetes.io/dockerconfigjson", data=data)

    async def act(runtime: Runtime) -> None:
        images = puller(runtime)
        wrong = [secret("you", private.host), secret(USER, "elsewhere.example")]
        for given in ([], wrong):
            with pytest.raises(ImageError) as caught:
                await images.ensure(name, "", "pod", secrets=given, owner=str(len(given)))
            assert caught.value.reason == "ErrImagePull"
            assert "401" in str(caught.value) or "authorization failed" in str(caught.value)
            assert PASSWORD not in str(caught.value)
        found = await images.ensure(name, "", "pod", secrets=[*wrong, secret(USER, f"{private.host}/team")])
        assert found.id == built.id

    play(containerd, act)


def test_the_nodes_own_file_opens_it_too(containerd: Containerd, private: Registry, tmp_path: Path) -> None:
    name, _ = pushed(private, tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": {private.host: {"username": USER, "password": PASSWORD}}}))

    async def act(runtime: Runtime) -> None:
        assert (await puller(runtime, Credentials(file)).ensure(name, "", "pod")).pulled

    play(containerd, act)


def test_what_cannot_be_pulled_says_the_registrys_words(containerd: Containerd, public: Registry) -> None:
    cases = {f"{public.host}/team/none:1": "not found", "127.0.0.1:5999/a/b:1": "connection refused"}

    async def act(runtime: Runtime) -> None:
        for name, words in cases.items():
            with pytest.raises(ImageError, match=words) as caught:
                await puller(runtime).ensure(name, "", "pod")
            assert caught.value.reason == "ErrImagePull"

    play(containerd, act)


def test_a_full_disk_costs_unused_images_but_never_pause_or_what_is_used(
    containerd: Containerd, public: Registry, tmp_path: Path
) -> None:
    name, _ = pushed(public, tmp_path)
    now = [1000.0]

    async def act(runtime: Runtime) -> None:
        await puller(runtime).ensure(name, "", "pod")
        collector = ImageCollector(
            runtime,
            GcPolicy(),
            lambda: [BUSYBOX],
            warn=lambda _reason, _text: None,
            clock=lambda: now[0],
            measure=lambda _folder: Disk(1 << 40, 1),
        )
        assert await collector.collect() == ()
        now[0] += 500
        removed = await collector.collect()
        assert name in {tag for image in removed for tag in image.tags}

        async def gone() -> bool:
            return await runtime.image_status(name) is None

        await eventually(gone, f"{name} is gone")
        for kept in (PAUSE, BUSYBOX):
            assert await runtime.image_status(kept) is not None, kept

    play(containerd, act)
