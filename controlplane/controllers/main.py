# SPDX-License-Identifier: Apache-2.0
"""Wiring: all controllers and the scheduler of one process, run while it is the leader."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from controlplane.controllers.clusterroles import ClusterRoleAggregation
from controlplane.controllers.controller import Clock, Controller, Shared, utc_now
from controlplane.controllers.csrsigning import Approver, CertificateSigning, Signer
from controlplane.controllers.daemonset import DaemonSets
from controlplane.controllers.deployment import Deployments
from controlplane.controllers.disruption import Disruptions
from controlplane.controllers.endpoints import Endpoints
from controlplane.controllers.endpointslice import EndpointSlices
from controlplane.controllers.eventttl import LIFETIME, EventLifetime
from controlplane.controllers.garbagecollector import GarbageCollector
from controlplane.controllers.namespace import Namespaces
from controlplane.controllers.nodelifecycle import NodeLifecycle
from controlplane.controllers.podcidr import PodRanges
from controlplane.controllers.podgc import PodGarbage
from controlplane.controllers.replicaset import ReplicaSets
from controlplane.controllers.resourcequota import ResourceQuotas
from controlplane.controllers.rootca import RootCertificates
from controlplane.controllers.serviceaccount import ServiceAccounts
from controlplane.scheduler.scheduler import Scheduler
from kube.client import Client
from kube.informer import Informers
from kube.leader import DEFAULT_TIMING, Elector, Timing

LEASE: Final = "kube-controller-manager"


@dataclass(frozen=True, slots=True)
class ControllersConfig:
    """identity tells this process from the others that want to lead.

    pod_cidrs are the cluster's pod ranges, one or one of each IP family; () gives nodes none. ca_pem is what pods check
    the server with. sign and approve are for CertificateSigningRequests; without both, none is touched. event_lifetime:
    how long an Event is kept after it last happened.
    """

    identity: str
    ca_pem: str
    pod_cidrs: tuple[str, ...] = ()
    sign: Signer | None = None
    approve: Approver | None = None
    event_lifetime: timedelta = LIFETIME
    timing: Timing = DEFAULT_TIMING
    now: Clock = utc_now


async def run_controllers(
    client: Client, config: ControllersConfig, *, scheduler: Client | None = None
) -> None:
    """Whenever we hold the Lease kube-system/kube-controller-manager, run all controllers; until cancelled.

    scheduler is the identity that the scheduler writes with (the controllers' own by default); it reads the copies that
    the controllers read, so that each object is kept once.
    """

    async def lead() -> None:
        await _run(client, config, scheduler or client)

    await Elector(client, LEASE, config.identity, timing=config.timing).run(lead)


async def _run(client: Client, config: ControllersConfig, scheduler: Client) -> None:
    informers = Informers(client)
    shared = Shared(client, informers, config.now)
    controllers = _controllers(shared, config)
    placing = Scheduler(scheduler, informers, now=config.now)
    # Last: of kinds that nobody followed before it, only the metadata is kept.
    controllers.append(GarbageCollector(shared))
    async with asyncio.TaskGroup() as group:
        group.create_task(informers.run(), name="informers")
        group.create_task(placing.run(), name="scheduler")
        for controller in controllers:
            group.create_task(controller.run(), name=controller.name)


def _controllers(shared: Shared, config: ControllersConfig) -> list[Controller]:
    """Those that always run, and those that the configuration has the means for."""
    made: list[Controller] = [
        ReplicaSets(shared),
        Deployments(shared),
        DaemonSets(shared),
        EndpointSlices(shared),
        Endpoints(shared),
        Namespaces(shared),
        ServiceAccounts(shared),
        NodeLifecycle(shared),
        PodGarbage(shared),
        RootCertificates(shared, config.ca_pem),
        ResourceQuotas(shared),
        ClusterRoleAggregation(shared),
        Disruptions(shared),
        EventLifetime(shared, config.event_lifetime),
    ]
    if config.pod_cidrs:
        made.append(PodRanges(shared, config.pod_cidrs))
    if config.sign and config.approve:
        made.append(CertificateSigning(shared, config.sign, config.approve))
    return made
