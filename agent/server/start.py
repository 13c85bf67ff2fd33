# SPDX-License-Identifier: Apache-2.0
"""Wires the agent's HTTP interfaces: what they answer from, and where."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from agent.config import AgentConfig
from agent.server.answers import Answers, PodBook
from agent.server.config import HttpsConfig
from agent.server.guard import ApiServer, Guard
from agent.server.site import find_site, https_site, unix_site
from cri import Runtime

log = logging.getLogger("orlop.agent")


@asynccontextmanager
async def serving(
    config: AgentConfig,
    runtime: Runtime,
    manager: PodBook,
    probe_metrics: CollectorRegistry,
    api: ApiServer | None,
) -> AsyncIterator[None]:
    """Answer on the unix socket, and by HTTPS where the node is set up for it. Raises AgentError."""
    https = https_config(config)
    answers = Answers(
        config.node_name,
        config.address,
        runtime,
        manager,
        config=kubelet_configuration(config),
        probe_metrics=probe_metrics,
        checkpoints=config.state / "checkpoints",
        logs_folder=https.logs_folder if https else None,
        cgroup_mount=config.cgroup_mount,
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(unix_site(answers, config.socket))
        if https is not None:
            site = await find_site(https, config.node_name, tuple(filter(None, (config.address,))))
            guard = Guard(config.node_name, api, groups=https.groups)
            port = await stack.enter_async_context(https_site(answers, guard, site))
            log.info("HTTPS at port %d", port)
        yield


def https_config(config: AgentConfig) -> HttpsConfig | None:
    """What is set, or what an API server needs; None for a node that stands alone and was told nothing."""
    api = config.api
    if config.https is not None or api is None:
        return config.https
    return HttpsConfig(
        config.state / "pki",
        port=api.port,
        certificate=api.serving_certificate,
        key=api.serving_key,
        client_authority=api.client_authority,
    )


def kubelet_configuration(config: AgentConfig) -> Mapping[str, Any]:
    """This node's settings by the names of KubeletConfiguration, for /configz."""
    https, api, node, gc = https_config(config), config.api, config.node, config.images.gc
    return {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "address": https.host if https else "",
        "port": https.port if https else 0,
        "readOnlyPort": 0,
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": api is not None}},
        "staticPodPath": str(config.manifests),
        "containerRuntimeEndpoint": f"unix://{config.runtime_socket}",
        "cgroupRoot": config.cgroup_root,
        "clusterDNS": list(api.cluster_dns) if api else [],
        "clusterDomain": api.cluster_domain if api else "",
        "maxPods": node.max_pods,
        "kubeReserved": dict(node.kube_reserved),
        "systemReserved": dict(node.system_reserved),
        "evictionHard": dict(node.eviction_hard),
        "nodeLeaseDurationSeconds": node.lease_seconds,
        "containerLogMaxSize": str(config.rotation.max_size),
        "containerLogMaxFiles": config.rotation.max_files,
        "serializeImagePulls": config.images.parallel_pulls == 1,
        "maxParallelImagePulls": config.images.parallel_pulls,
        "imageGCHighThresholdPercent": gc.high_percent,
        "imageGCLowThresholdPercent": gc.low_percent,
        "imageMinimumGCAge": f"{gc.minimum_age:g}s",
        "imageMaximumGCAge": f"{gc.maximum_age:g}s",
    }
