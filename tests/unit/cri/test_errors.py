# SPDX-License-Identifier: Apache-2.0
"""An error's class, words and fields."""

import pickle

import grpc
import grpc.aio
import pytest

from cri import AlreadyExists, Auth, CriError, DeadlineExceeded, NotFound, Unavailable, Unimplemented
from cri.errors import subject
from cri.translate import translate


def failed(code: grpc.StatusCode, detail: str) -> CriError:
    nothing = grpc.aio.Metadata()
    error = grpc.aio.AioRpcError(code, nothing, nothing, detail)
    return translate("create container", "container default/web/app", error)


@pytest.mark.parametrize(
    ("operation", "about", "words"),
    [
        ("create container", "container default/web/app", "create container default/web/app"),
        ("run command in container", "container default/web/app", "run command in container default/web/app"),
        ("run sandbox", "pod default/web", "run sandbox for pod default/web"),
        (
            "pull image",
            "image docker.io/a:1 for pod default/web",
            "pull image docker.io/a:1 for pod default/web",
        ),
        ("list containers", "", "list containers"),
        ("list containers", "container", "list containers for container"),
        ("connect to container runtime", "", "connect to container runtime"),
    ],
)
def test_what_could_not_be_done(operation: str, about: str, words: str) -> None:
    assert subject(operation, about) == words


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, NotFound),
        (grpc.StatusCode.ALREADY_EXISTS, AlreadyExists),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
        (grpc.StatusCode.UNAVAILABLE, Unavailable),
        (grpc.StatusCode.UNIMPLEMENTED, Unimplemented),
        (grpc.StatusCode.UNKNOWN, CriError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, CriError),
        (grpc.StatusCode.INVALID_ARGUMENT, CriError),
    ],
)
def test_codes(code: grpc.StatusCode, kind: type[CriError]) -> None:
    error = failed(code, "its own words")
    assert type(error) is kind
    assert (error.operation, error.about) == ("create container", "container default/web/app")
    assert (error.code, error.detail) == (code.name, "its own words")
    assert str(error) == "cannot create container default/web/app: its own words"


@pytest.mark.parametrize(
    ("code", "detail", "kind"),
    [
        (grpc.StatusCode.UNKNOWN, "server is not initialized yet", Unavailable),
        (grpc.StatusCode.UNKNOWN, 'name "app_web" is reserved for "1234"', AlreadyExists),
        (grpc.StatusCode.FAILED_PRECONDITION, 'name "app_web" is reserved for "1234"', AlreadyExists),
        (grpc.StatusCode.NOT_FOUND, "server is not initialized yet", NotFound),
        (grpc.StatusCode.FAILED_PRECONDITION, "something else", CriError),
        (grpc.StatusCode.UNKNOWN, "", CriError),
    ],
)
def test_what_containerd_has_no_code_for(code: grpc.StatusCode, detail: str, kind: type[CriError]) -> None:
    error = failed(code, detail)
    assert type(error) is kind
    assert error.detail == (detail or "the runtime gives no reason")


def test_an_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(NotFound("stop container", "container a", "NOT_FOUND", "gone")))
    assert type(error) is NotFound
    assert str(error) == "cannot stop container a: gone"


def test_credentials_are_not_shown() -> None:
    secret = Auth("user", "hunter2", "aHVudGVyMg==", "registry.local", "hunter2", "hunter2")
    assert repr(secret) == "Auth(server_address='registry.local')"
