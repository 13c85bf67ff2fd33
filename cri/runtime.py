# SPDX-License-Identifier: Apache-2.0
"""Calls about the runtime itself."""

import asyncio

from cri import methods
from cri.calls import REPEAT_AFTER, Caller, Until
from cri.errors import Unavailable, Unimplemented
from cri.model.runtime import CgroupDriver, RuntimeInfo, RuntimeStatus, Version
from cri.v1 import runtime_calls_pb2 as pb
from cri.v1 import runtime_pb2
from cri.wire import runtime as wire

# What kubelets have always sent; runtimes log it and do not compare.
_CLIENT_VERSION = "0.1.0"
# Seconds that a runtime which accepts connections may take to say who it is.
_FIRST_ANSWER = 10


class RuntimeState(Caller):
    """Who the runtime is, how it is, how it is set up."""

    async def version(self, *, about: str = "") -> Version:
        """Name and versions."""
        answer = await self._call(methods.VERSION, pb.VersionRequest(version=_CLIENT_VERSION), about)
        return wire.version_from(answer)

    async def status(self, *, verbose: bool = False, about: str = "") -> RuntimeStatus:
        """Conditions and handlers."""
        return wire.status_from(await self._call(methods.STATUS, pb.StatusRequest(verbose=verbose), about))

    async def cgroup_driver(self, *, about: str = "") -> CgroupDriver | None:
        """The cgroup driver that the runtime is set up for; Unimplemented before containerd 2.0."""
        return wire.driver_from(await self._call(methods.GET_CONFIG, pb.RuntimeConfigRequest(), about))

    async def update_runtime_config(self, *, pod_cidr: str, about: str = "") -> None:
        """Tell the runtime the node's pod range, or two of them with a comma between."""
        setup = runtime_pb2.RuntimeConfig(network_config=runtime_pb2.NetworkConfig(pod_cidr=pod_cidr))
        await self._call(methods.SET_CONFIG, pb.UpdateRuntimeConfigRequest(runtime_config=setup), about)

    async def await_start(self, wait: float) -> None:
        """Return as soon as the runtime answers at all; give up after `wait` seconds, or at once with 0."""
        request, until = pb.VersionRequest(version=_CLIENT_VERSION), Until.within(wait)
        while True:
            try:
                await self._once(methods.CONNECT, request, "", Until.within(_FIRST_ANSWER), patient=False)
            except Unavailable:
                if until.left <= 0:
                    raise
                await asyncio.sleep(REPEAT_AFTER)
            else:
                return

    async def learn(self) -> RuntimeInfo:
        """Everything that connect asks, asked anew."""
        version, status, config = await asyncio.gather(self.version(), self._status(), self._config())
        return RuntimeInfo(
            name=version.name,
            version=version.version,
            api_version=version.api_version,
            cgroup_driver=None if config is None else wire.driver_from(config),
            features=wire.features_from(version, status, runtime_config=config is not None),
        )

    async def _status(self) -> pb.StatusResponse:
        return await self._call(methods.STATUS, pb.StatusRequest())

    async def _config(self) -> pb.RuntimeConfigResponse | None:
        try:
            return await self._call(methods.GET_CONFIG, pb.RuntimeConfigRequest())
        except Unimplemented:
            return None
