# SPDX-License-Identifier: Apache-2.0
"""Calls about usage."""

from collections.abc import Mapping

from cri import methods
from cri.calls import Caller
from cri.model.usage import ContainerStats, MetricDescriptor, SandboxMetrics, SandboxStats
from cri.v1 import stats_calls_pb2 as pb
from cri.wire import usage as wire


class Stats(Caller):
    """What containers and pods use."""

    async def container_stats(self, container_id: str, *, about: str = "") -> ContainerStats:
        """One container's figures; NotFound when it is gone."""
        request = pb.ContainerStatsRequest(container_id=container_id)
        answer = await self._call(methods.CONTAINER_STATS, request, about or f"container {container_id}")
        return wire.container_from(answer.stats)

    async def list_container_stats(
        self,
        *,
        labels: Mapping[str, str] | None = None,
        sandbox_id: str = "",
        container_id: str = "",
        about: str = "",
    ) -> tuple[ContainerStats, ...]:
        """The figures of running containers for which all that is given is true."""
        request = pb.ListContainerStatsRequest(filter=wire.container_filter(labels, sandbox_id, container_id))
        answer = await self._call(methods.LIST_CONTAINER_STATS, request, about)
        return tuple(wire.container_from(each) for each in answer.stats)

    async def sandbox_stats(self, sandbox_id: str, *, about: str = "") -> SandboxStats:
        """One pod's figures; NotFound when it is gone."""
        request = pb.PodSandboxStatsRequest(pod_sandbox_id=sandbox_id)
        answer = await self._call(methods.SANDBOX_STATS, request, about or f"sandbox {sandbox_id}")
        return wire.sandbox_from(answer.stats)

    async def list_sandbox_stats(
        self, *, labels: Mapping[str, str] | None = None, sandbox_id: str = "", about: str = ""
    ) -> tuple[SandboxStats, ...]:
        """The figures of ready sandboxes for which all that is given is true."""
        request = pb.ListPodSandboxStatsRequest(filter=wire.sandbox_filter(labels, sandbox_id))
        answer = await self._call(methods.LIST_SANDBOX_STATS, request, about)
        return tuple(wire.sandbox_from(each) for each in answer.stats)

    async def list_metric_descriptors(self, *, about: str = "") -> tuple[MetricDescriptor, ...]:
        """The metrics that the runtime names itself; Unimplemented where it has none."""
        answer = await self._call(methods.LIST_METRIC_DESCRIPTORS, pb.ListMetricDescriptorsRequest(), about)
        return tuple(wire.descriptor_from(each) for each in answer.descriptors)

    async def list_sandbox_metrics(self, *, about: str = "") -> tuple[SandboxMetrics, ...]:
        """Those metrics' values, by pod."""
        answer = await self._call(methods.LIST_SANDBOX_METRICS, pb.ListPodSandboxMetricsRequest(), about)
        return tuple(wire.metrics_from(each) for each in answer.pod_metrics)
