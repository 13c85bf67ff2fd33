# SPDX-License-Identifier: Apache-2.0
"""Pull policies, back-off, shared and bounded pulls, and what is said of them."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from lightkube.models import core_v1

from agent.image.model import EnsuredImage, ImageError, ImageNote, PullBackoff
from agent.image.notes import duration
from agent.image.pull import SHOWN_FOR, ImagePuller
from cri import Runtime, connect
from tests.support.eventually import eventually
from tests.support.fake_cri import FakeRuntime
from tests.support.fake_server import answers

HERE = "docker.io/local/busybox:1"
AWAY = "r.example/team/app:1"
LATEST = "docker.io/local/app:latest"


class Registry(FakeRuntime):
    """A runtime that notes what it pulls and with which names; it takes only `accepted`, when that is set."""

    def __init__(self, socket: Path) -> None:
        super().__init__(socket)
        self.pulls: list[tuple[str, str]] = []
        self.accepted: str | None = None
        self.at_once = self.most_at_once = 0

    @answers("PullImage")
    async def pull_image(self, request: Any) -> Any:
        self.pulls.append((request.image.image, request.auth.username))
        return await super().pull_image(request)


@dataclass
class Scene:
    fake: Registry
    runtime: Runtime
    puller: ImagePuller
    notes: list[ImageNote] = field(default_factory=list)
    now: float = 1000.0

    async def ensure(self, image: str, policy: str = "", **options: Any) -> EnsuredImage:
        return await self.puller.ensure(
            image, policy, "container default/web/app", tell=self.notes.append, **options
        )

    async def error(self, image: str, policy: str = "", **options: Any) -> ImageError:
        with pytest.raises(ImageError) as caught:
            await self.ensure(image, policy, **options)
        return caught.value

    def reasons(self) -> list[str]:
        return [note.reason for note in self.notes]

    def refuse(self, times: int = 1, detail: str = "no such host") -> None:
        self.fake.fail("PullImage", grpc.StatusCode.UNKNOWN, detail, times)


def play(tmp_path: Path, act: Callable[[Scene], Awaitable[None]], **options: Any) -> Scene:
    async def main() -> Scene:
        fake = Registry(tmp_path / "cri.sock")
        await fake.start()
        runtime = await connect(fake.socket)
        puller = ImagePuller(runtime, PullBackoff(), lambda: scene.now, **options)
        scene = Scene(fake, runtime, puller)
        try:
            await act(scene)
        finally:
            await runtime.close()
            await fake.close()
        return scene

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("image", "policy", "pulled"),
    [
        (HERE, "IfNotPresent", False),
        (HERE, "Always", True),
        (HERE, "Never", False),
        (HERE, "", False),
        (AWAY, "IfNotPresent", True),
        (AWAY, "", True),
        (LATEST, "", True),
    ],
)
def test_policies(tmp_path: Path, image: str, policy: str, *, pulled: bool) -> None:
    async def act(scene: Scene) -> None:
        scene.fake.images.append(LATEST)
        found = await scene.ensure(image, policy)
        assert found == EnsuredImage(f"sha256:{image}", 1000, pulled)

    scene = play(tmp_path, act)
    assert bool(scene.fake.pulls) is pulled
    if pulled:
        assert scene.reasons() == ["Pulling", "Pulled"]
        assert scene.notes[0].message == f'Pulling image "{image}"'
        text = scene.notes[1].message
        assert text.startswith(f'Successfully pulled image "{image}" in ')
        assert text.endswith("including waiting). Image size: 1000 bytes.")
    else:
        assert scene.notes == [
            ImageNote("Normal", "Pulled", f'Container image "{image}" already present on machine')
        ]


def test_never_and_absent(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        error = await scene.error(AWAY, "Never")
        assert error.reason == "ErrImageNeverPull"
        assert str(error) == f'Container image "{AWAY}" is not present with pull policy of Never'

    assert play(tmp_path, act).fake.pulls == []


def test_a_name_that_is_none(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        error = await scene.error("Bad Name")
        assert error.reason == "InvalidImageName"
        assert 'couldn\'t parse image name "Bad Name"' in str(error)

    play(tmp_path, act)


def test_a_runtime_that_cannot_look(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.fake.fail("ImageStatus", grpc.StatusCode.UNKNOWN, "broken store")
        error = await scene.error(AWAY)
        assert (error.reason, str(error)) == (
            "ImageInspectError",
            f'Failed to inspect image "{AWAY}": broken store',
        )

    play(tmp_path, act)


def test_back_off_doubles_to_five_minutes_and_forgets(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        delays = []
        for _ in range(7):
            scene.refuse()
            error = await scene.error(AWAY)
            assert error.reason == "ErrImagePull"
            assert error.retry_at == scene.now + SHOWN_FOR
            early = await scene.error(AWAY)
            assert early.reason == "ImagePullBackOff"
            delays.append(early.retry_at - scene.now)
            assert str(early).startswith(
                f'Back-off pulling image "{AWAY}": ErrImagePull: cannot pull image {AWAY}'
            )
            assert str(early).endswith(": no such host")
            scene.now = early.retry_at
        assert delays == [10, 20, 40, 80, 160, 300, 300]
        scene.now += 601
        scene.refuse()
        await scene.error(AWAY)
        assert (await scene.error(AWAY)).retry_at == scene.now + 10, "what did not fail for long begins anew"
        scene.now += 10
        assert (await scene.ensure(AWAY)).pulled
        scene.fake.images.remove(AWAY)
        scene.refuse()
        await scene.error(AWAY)
        assert (await scene.error(AWAY)).retry_at == scene.now + 10, "so does what went well"

    scene = play(tmp_path, act)
    assert scene.reasons()[:4] == ["Pulling", "Failed", "BackOff", "Pulling"]
    assert scene.notes[1].message == f'Failed to pull image "{AWAY}": no such host'
    assert len(scene.fake.calls) > 0


def test_another_pod_is_not_held_back(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.refuse()
        await scene.error(AWAY, owner="old")
        assert (await scene.ensure(AWAY, owner="new")).pulled

    play(tmp_path, act)


def test_the_runtimes_own_reasons_are_kept(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.refuse(detail="RegistryUnavailable: nobody answers")
        assert (await scene.error(AWAY)).reason == "RegistryUnavailable"
        assert "RegistryUnavailable: " in str(await scene.error(AWAY))

    play(tmp_path, act)


def test_who_wants_the_same_at_once_shares_one_pull_and_places_are_bounded(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        free = scene.fake.hold("PullImage")
        same = [asyncio.create_task(scene.ensure(AWAY, owner=str(n))) for n in range(5)]
        others = [asyncio.create_task(scene.ensure(f"r.example/other:{n}")) for n in range(4)]
        await eventually(lambda: scene.fake.calls["PullImage"] == 2)
        assert len(scene.puller.pulling) == 5
        free.set()
        assert all(found.pulled for found in await asyncio.gather(*same, *others))
        assert scene.puller.pulling == frozenset()

    scene = play(tmp_path, act, parallel=2)
    assert [image for image, _ in scene.fake.pulls].count(AWAY) == 1
    assert len(scene.fake.pulls) == 5


def test_a_pull_goes_on_when_who_asked_is_gone(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        free = scene.fake.hold("PullImage")
        task = asyncio.create_task(scene.ensure(AWAY))
        await eventually(lambda: scene.fake.calls["PullImage"] == 1)
        task.cancel()
        free.set()
        await eventually(lambda: AWAY in scene.fake.images)
        assert not (await scene.ensure(AWAY)).pulled

    play(tmp_path, act)


def test_each_credential_is_tried_until_one_is_taken(tmp_path: Path) -> None:
    def secret(registry: str, user: str) -> core_v1.Secret:
        content = json.dumps({registry: {"username": user, "password": "p"}}).encode()
        return core_v1.Secret(
            type="kubernetes.io/dockercfg", data={".dockercfg": base64.b64encode(content).decode()}
        )

    secrets = [secret("r.example", "wide"), secret("r.example/team", "narrow"), secret("x.example", "other")]

    async def act(scene: Scene) -> None:
        scene.refuse()
        await scene.ensure(AWAY, secrets=secrets)

    scene = play(tmp_path, act)
    assert scene.fake.pulls == [(AWAY, "wide")], "the first one, narrow, was refused before it was noted"
    assert scene.fake.calls["PullImage"] == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.34, "340ms"),
        (1, "1s"),
        (1.2, "1.2s"),
        (1.2349, "1.234s"),
        (123.5, "2m3.5s"),
        (3600, "1h0m0s"),
    ],
)
def test_durations_are_written_as_go_does(seconds: float, text: str) -> None:
    assert duration(seconds) == text
