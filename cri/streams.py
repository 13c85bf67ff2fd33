# SPDX-License-Identifier: Apache-2.0
"""Commands in containers, and the URLs at which the runtime serves streams."""

from collections.abc import Sequence

from cri import methods
from cri.calls import Caller
from cri.model.container import ExecResult
from cri.v1 import streaming_calls_pb2 as pb


class Streams(Caller):
    """Commands and streams. A URL is good for one connection, within about a minute."""

    async def exec_sync(
        self, container_id: str, command: Sequence[str], *, timeout: int, about: str = ""
    ) -> ExecResult:
        """Run a command in a container and wait for its end, at most `timeout` seconds, which must be
        positive.

        Raises DeadlineExceeded when the command did not end in time; the runtime has killed it then. A
        runtime cuts or refuses output beyond 16 MiB.
        """
        if timeout <= 0:
            raise ValueError(f"exec_sync needs a timeout of 1 second or more, not {timeout}")
        request = pb.ExecSyncRequest(container_id=container_id, cmd=command, timeout=timeout)
        about = about or f"container {container_id}"
        answer = await self._call(methods.EXEC_SYNC, request, about, extra=timeout)
        return ExecResult(answer.exit_code, answer.stdout, answer.stderr)

    async def exec_url(
        self,
        container_id: str,
        command: Sequence[str],
        *,
        tty: bool,
        stdin: bool,
        stdout: bool,
        stderr: bool,
        about: str = "",
    ) -> str:
        """The URL of a command's standard streams; with a terminal stderr must be False."""
        request = pb.ExecRequest(
            container_id=container_id, cmd=command, tty=tty, stdin=stdin, stdout=stdout, stderr=stderr
        )
        return (await self._call(methods.EXEC, request, about or f"container {container_id}")).url

    async def attach_url(
        self, container_id: str, *, tty: bool, stdin: bool, stdout: bool, stderr: bool, about: str = ""
    ) -> str:
        """The URL of the standard streams of the container's first process; tty as in its configuration."""
        request = pb.AttachRequest(
            container_id=container_id, tty=tty, stdin=stdin, stdout=stdout, stderr=stderr
        )
        return (await self._call(methods.ATTACH, request, about or f"container {container_id}")).url

    async def port_forward_url(self, sandbox_id: str, ports: Sequence[int] = (), *, about: str = "") -> str:
        """The URL of connections to the pod's ports; the client names them again as it connects."""
        request = pb.PortForwardRequest(pod_sandbox_id=sandbox_id, port=ports)
        return (await self._call(methods.PORT_FORWARD, request, about or f"sandbox {sandbox_id}")).url
