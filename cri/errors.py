# SPDX-License-Identifier: Apache-2.0
"""What goes wrong between us and the container runtime. gRPC's own errors never leave `cri`."""


class CriError(Exception):
    """A call to the container runtime failed.

    operation: what was asked, such as "create container". about: for whom, such as "container
    default/web/app", or "". code: gRPC's name of the status, such as "NOT_FOUND". detail: the runtime's own
    words.
    """

    def __init__(self, operation: str, about: str, code: str, detail: str) -> None:
        super().__init__(operation, about, code, detail)
        self.operation = operation
        self.about = about
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"cannot {subject(self.operation, self.about)}: {self.detail}"


class NotFound(CriError):  # noqa: N818 - gRPC's name of the status
    """The runtime does not have the sandbox, container or image."""


class AlreadyExists(CriError):  # noqa: N818 - gRPC's name of the status
    """A sandbox or container of that name and attempt is there, or is being made at this moment."""


class DeadlineExceeded(CriError):  # noqa: N818 - gRPC's name of the status
    """The runtime did not answer in time, or the command of exec_sync did not end in time.

    A change that was asked for may have happened, or may still happen: look before asking again.
    """


class Unavailable(CriError):  # noqa: N818 - gRPC's name of the status
    """Nothing answers at the socket, or the connection broke.

    A change that was asked for may have happened: look before asking again.
    """


class Unimplemented(CriError):  # noqa: N818 - gRPC's name of the status
    """The runtime is too old, or not set up, for this call."""


def subject(operation: str, about: str) -> str:
    """ "create container" about "container default/web/app" is "create container default/web/app".

    A thing of another kind is joined with "for": "run sandbox for pod default/web".
    """
    kind, _, name = about.partition(" ")
    if not about:
        return operation
    if name and operation.endswith(f" {kind}"):
        return f"{operation} {name}"
    return f"{operation} for {about}"


_BY_CODE: dict[str, type[CriError]] = {
    "NOT_FOUND": NotFound,
    "ALREADY_EXISTS": AlreadyExists,
    "DEADLINE_EXCEEDED": DeadlineExceeded,
    "UNAVAILABLE": Unavailable,
    "UNIMPLEMENTED": Unimplemented,
}


def from_status(operation: str, about: str, code: str, detail: str) -> CriError:
    """The error for a gRPC status: of a subclass where callers decide on it, else a plain CriError."""
    return _BY_CODE.get(code, CriError)(operation, about, code, detail)
