# SPDX-License-Identifier: Apache-2.0
"""Credential providers: real executables, asked by the kubelet's interface, kept as long as they say."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from agent.errors import AgentError
from agent.image.keyring import Credential
from agent.image.provider import Providers
from agent.image.provider_config import read_providers
from agent.run import run_provider

VERSION = "credentialprovider.kubelet.k8s.io/v1"
# Prints what the test wants and counts how often it was asked.
SCRIPT = """#!/bin/sh
cat >"{folder}/request"
echo asked >>"{folder}/asked"
echo "$1 $COLOUR" >"{folder}/called"
cat "{folder}/answer"
exit "$(cat "{folder}/code" 2>/dev/null || echo 0)"
"""


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 0.0
        (folder / "bin").mkdir()
        program = folder / "bin" / "helper"
        program.write_text(SCRIPT.format(folder=folder))
        program.chmod(0o755)
        self.config = folder / "providers.yaml"
        self.configure()
        self.answer()

    def configure(self, **fields: Any) -> None:
        provider = {
            "name": "helper",
            "matchImages": ["*.r.example"],
            "defaultCacheDuration": "10m",
            "apiVersion": VERSION,
            "args": ["get"],
            "env": [{"name": "COLOUR", "value": "blue"}],
        }
        text = {
            "apiVersion": "kubelet.config.k8s.io/v1",
            "kind": "CredentialProviderConfig",
            "providers": [{**provider, **fields}],
        }
        self.config.write_text(json.dumps(text))

    def answer(self, key: str = "Registry", duration: str | None = None, **fields: Any) -> None:
        auth = {"*.r.example": {"username": "u", "password": "p"}}
        answer = {
            "apiVersion": VERSION,
            "kind": "CredentialProviderResponse",
            "cacheKeyType": key,
            "cacheDuration": duration,
            "auth": auth,
        }
        (self.folder / "answer").write_text(json.dumps({**answer, **fields}))

    def providers(self) -> Providers:
        return Providers(read_providers(self.config), self.folder / "bin", run_provider, lambda: self.now)

    def asked(self) -> int:
        file = self.folder / "asked"
        return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


FOUND = (Credential("u", "p"),)


def test_a_provider_is_asked_for_images_that_match(world: World) -> None:
    providers = world.providers()
    assert asyncio.run(providers.lookup("a.r.example/team/app:1")) == FOUND
    request = json.loads((world.folder / "request").read_text())
    assert request == {
        "apiVersion": VERSION,
        "kind": "CredentialProviderRequest",
        "image": "a.r.example/team/app:1",
    }
    assert (world.folder / "called").read_text() == "get blue\n"
    assert asyncio.run(providers.lookup("elsewhere.example/app")) == ()
    assert world.asked() == 1


@pytest.mark.parametrize(
    ("key", "again", "asked"),
    [
        ("Image", ["a.r.example/x:1"], 1),
        ("Image", ["a.r.example/y:1"], 2),
        ("Registry", ["a.r.example/y:1"], 1),
        ("Registry", ["b.r.example/x:1"], 2),
        ("Global", ["b.r.example/z:1", "c.r.example/y"], 1),
    ],
)
def test_answers_are_kept_by_their_key(world: World, key: str, again: list[str], asked: int) -> None:
    world.answer(key)
    providers = world.providers()
    for image in ["a.r.example/x:1", *again]:
        assert asyncio.run(providers.lookup(image)) == FOUND
    assert world.asked() == asked


@pytest.mark.parametrize(("duration", "keeps"), [("0s", 0), ("1m", 60), (None, 600), ("1h30m", 5400)])
def test_answers_are_kept_as_long_as_they_say(world: World, duration: str | None, keeps: float) -> None:
    world.answer(duration=duration)
    providers = world.providers()
    asyncio.run(providers.lookup("a.r.example/x"))
    world.now += keeps - 1
    asyncio.run(providers.lookup("a.r.example/x"))
    assert world.asked() == (1 if keeps else 2)
    world.now += 2
    asyncio.run(providers.lookup("a.r.example/x"))
    assert world.asked() == (2 if keeps else 3)


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({}, 3, "exit code 3"),
        ({"kind": "Other"}, 0, "no CredentialProviderResponse"),
        ({"apiVersion": "v0"}, 0, "answers in apiVersion"),
        ({"cacheKeyType": "Moon"}, 0, "cacheKeyType has to be"),
        ({"cacheDuration": "long"}, 0, "is no duration"),
        ({"auth": []}, 0, None),
        ({"auth": ["x"]}, 0, "has to be an object"),
    ],
)
def test_a_broken_provider_gives_nothing_and_is_logged(
    world: World, caplog: pytest.LogCaptureFixture, fields: dict[str, Any], code: int, words: str | None
) -> None:
    world.answer(**fields)
    (world.folder / "code").write_text(str(code))
    assert asyncio.run(world.providers().lookup("a.r.example/x")) == ()
    assert (words or "") in caplog.text


def test_a_provider_that_is_not_there(world: World, caplog: pytest.LogCaptureFixture) -> None:
    (world.folder / "bin" / "helper").unlink()
    assert asyncio.run(world.providers().lookup("a.r.example/x")) == ()
    assert "No such file" in caplog.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "../sh"}, "without a path"),
        ({"matchImages": []}, "matchImages has to be"),
        ({"apiVersion": "v0"}, "its apiVersion has to be"),
        ({"tokenAttributes": {}}, "not supported: tokenAttributes"),
        ({"defaultCacheDuration": "x"}, "is no duration"),
    ],
)
def test_a_configuration_that_is_refused(world: World, fields: dict[str, Any], words: str) -> None:
    world.configure(**fields)
    with pytest.raises(AgentError, match=words):
        read_providers(world.config)
