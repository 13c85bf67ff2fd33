# SPDX-License-Identifier: Apache-2.0
"""Which credentials are for which image, and how they are written down."""

import asyncio
import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import core_v1

from agent.image.credentials import Credentials, secret_entries
from agent.image.dockerconfig import CredentialsError, read_config_json
from agent.image.keyring import Credential, lookup, matches_image, qualified


def credential(name: str) -> Credential:
    return Credential(name, "p")


@pytest.mark.parametrize(
    ("registries", "image", "expected"),
    [
        (["r.example:5000"], "r.example:5000/a/b:1", ["r.example:5000"]),
        (["r.example:5000"], "r.example/a/b:1", []),
        (["r.example"], "r.example:5000/a", []),
        (["https://r.example/v2/"], "r.example/a@sha256:" + "0" * 64, ["https://r.example/v2/"]),
        (["http://r.example/v1/team"], "r.example/team/a", ["http://r.example/v1/team"]),
        (["r.example/team"], "r.example/other/a", []),
        (
            ["r.example", "r.example/team", "r.example/team/a"],
            "r.example/team/a",
            ["r.example/team/a", "r.example/team", "r.example"],
        ),
        (["*.example"], "r.example/a", ["*.example"]),
        (["*.example"], "a.r.example/a", []),
        (["*.r*.example"], "a.r1.example/a", ["*.r*.example"]),
        (["https://index.docker.io/v1/"], "busybox", ["https://index.docker.io/v1/"]),
        (["https://index.docker.io/v1/"], "team/app:1", ["https://index.docker.io/v1/"]),
        (["https://index.docker.io/v1/"], "docker.io/team/app", ["https://index.docker.io/v1/"]),
        (["https://index.docker.io/v1/"], "index.docker.io/team/app", ["https://index.docker.io/v1/"]),
        (["https://index.docker.io/v1/"], "r.example/team/app", []),
        (["docker.io", "https://index.docker.io/v1/"], "busybox", ["docker.io"]),
        (["localhost:5000"], "localhost:5000/a", ["localhost:5000"]),
        (["[::1]:5000"], "[::1]:5000/a", ["[::1]:5000"]),
        (["*"], "r/a", []),
    ],
)
def test_lookup(registries: list[str], image: str, expected: list[str]) -> None:
    found = lookup([(registry, credential(registry)) for registry in registries], image)
    assert found == tuple(credential(registry) for registry in expected)


@pytest.mark.parametrize(
    ("pattern", "image", "holds"),
    [
        ("123.dkr.*.example", "123.dkr.west.example/a", True),
        ("*.*.r.io", "a.b.r.io/x", True),
        ("*.r.io", "a.b.r.io/x", False),
        ("r.io/foo", "r.io/foo/a", True),
        ("r.io:8080/p", "r.io:8080/p/a", True),
        ("r.io", "r.io:8080/a", False),
        ("docker.io", "busybox", True),
    ],
)
def test_match_images(pattern: str, image: str, *, holds: bool) -> None:
    assert matches_image(pattern, image) is holds


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("team/app:1", "docker.io/team/app:1"),
        ("r.example:5000/a/b", "r.example:5000/a/b:latest"),
        ("localhost/a:1@sha256:" + "0" * 64, "localhost/a@sha256:" + "0" * 64),
        ("index.docker.io/library/busybox:1", "docker.io/library/busybox:1"),
    ],
)
def test_names_as_runtimes_list_them(image: str, expected: str) -> None:
    assert qualified(image) == expected


AUTH = base64.b64encode(b"me:pass:word").decode()


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"username": "me", "password": "p"}, Credential("me", "p")),
        ({"auth": AUTH}, Credential("me", "pass:word")),
        ({"auth": AUTH.rstrip("=")}, Credential("me", "pass:word")),
        ({"auth": AUTH, "username": "x", "password": "y", "email": "z"}, Credential("me", "pass:word")),
        ({"auth": base64.b64encode(b"me:p\0\0").decode()}, Credential("me", "p")),
        ({"identitytoken": "t"}, Credential(identity_token="t")),
        ({}, Credential()),
    ],
)
def test_entries_of_docker(entry: Mapping[str, str], expected: Credential) -> None:
    assert read_config_json(json.dumps({"auths": {"r": entry}}).encode()) == {"r": expected}


@pytest.mark.parametrize(
    "text", ["", "[]", '{"auths": 1}', '{"auths": {"r": 1}}', '{"auths": {"r": {"auth": "!"}}}', "\xff",
             '{"auths": {"r": {"auth": "bm9jb2xvbg=="}}}']
)  # fmt: skip
def test_what_is_no_docker_configuration(text: str) -> None:
    with pytest.raises(CredentialsError):
        read_config_json(text.encode("latin-1"))


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(CredentialsError):
        read_config_json(data)


def secret(kind: str, key: str, content: bytes) -> core_v1.Secret:
    return core_v1.Secret(type=kind, data={key: base64.b64encode(content).decode()})


def test_secrets_of_both_types_are_read_and_broken_ones_passed_over() -> None:
    entry = {"r.example": {"auth": AUTH}}
    secrets = [
        secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", json.dumps({"auths": entry}).encode()),
        secret(
            "kubernetes.io/dockercfg", ".dockercfg", json.dumps({"old.example": entry["r.example"]}).encode()
        ),
        secret("kubernetes.io/dockercfg", ".dockerconfigjson", b"{}"),
        secret("Opaque", ".dockercfg", b"{}"),
        core_v1.Secret(type="kubernetes.io/dockercfg", data={".dockercfg": "%"}),
    ]
    assert [registry for registry, _ in secret_entries(secrets)] == ["r.example", "old.example"]


def test_credentials_never_show_themselves() -> None:
    assert "secret" not in repr(Credential("secret", "secret", "secret", "secret"))


def test_the_pods_secrets_come_before_the_nodes_file(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    node = Credentials(file)
    mine = secret("kubernetes.io/dockercfg", ".dockercfg", b'{"r.example": {"username": "pod"}}')
    assert asyncio.run(node.lookup("r.example/a", [mine])) == (Credential("pod"),)
    file.write_text('{"auths": {"r.example": {"username": "node"}}}')
    assert asyncio.run(node.lookup("r.example/a", [mine])) == (Credential("pod"), Credential("node"))
    file.write_text("broken")
    assert asyncio.run(node.lookup("r.example/a", [])) == ()
