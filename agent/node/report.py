# SPDX-License-Identifier: Apache-2.0
"""The Node object as this node wants it (pure): what it registers with, and its status."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

from agent.node.capacity import Resources
from agent.node.conditions import Condition
from agent.node.config import NodeSettings
from agent.node.machine import Machine
from cri.model import Image, RuntimeHandler, RuntimeInfo

Json = dict[str, Any]

# The release of the API that this agent was written against: what clients compare (semver).
KUBERNETES: Final = "1.33.0"
# The kubelet's --node-status-max-images.
MOST_IMAGES: Final = 50
# The kubelet's limit of names of one image.
MOST_NAMES: Final = 5


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the node is: its name, its addresses (the first is where it is called), and the port that it answers at."""

    name: str
    addresses: tuple[str, ...]
    port: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the status tells. runtime None: it was not heard yet."""

    machine: Machine
    capacity: Resources
    allocatable: Resources
    conditions: tuple[Condition, ...]
    runtime: RuntimeInfo | None
    handlers: tuple[RuntimeHandler, ...] = ()
    images: tuple[Image, ...] = ()


def labels_of(identity: Identity, machine: Machine, settings: NodeSettings) -> dict[str, str]:
    """The labels that the node has from itself."""
    return {
        "beta.kubernetes.io/arch": machine.architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine.architecture,
        "kubernetes.io/hostname": identity.name,
        "kubernetes.io/os": "linux",
        **settings.labels,
    }


def new_node(identity: Identity, machine: Machine, settings: NodeSettings, status: Json) -> Json:
    """The object to register with."""
    taints = [_without_empty({"key": t.key, "value": t.value, "effect": t.effect}) for t in settings.taints]
    spec: Json = {"taints": taints, "providerID": settings.provider_id}
    if settings.pod_cidrs:
        spec |= {"podCIDR": settings.pod_cidrs[0], "podCIDRs": list(settings.pod_cidrs)}
    return {
        "metadata": {"name": identity.name, "labels": labels_of(identity, machine, settings)},
        "spec": _without_empty(spec),
        "status": status,
    }


def node_status(identity: Identity, facts: Facts) -> Json:
    """Everything of the status but the conditions' times."""
    return {
        "addresses": addresses(identity),
        "capacity": _amounts(facts.capacity),
        "allocatable": _amounts(facts.allocatable),
        "conditions": [_condition(each) for each in facts.conditions],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": identity.port}},
        "images": images(facts.images),
        "nodeInfo": _node_info(facts),
        "runtimeHandlers": [_handler(each) for each in facts.handlers],
        **_features(facts.runtime),
    }


def addresses(identity: Identity) -> list[Json]:
    """InternalIPs and the host name, which is the node's."""
    found = [{"type": "InternalIP", "address": address} for address in identity.addresses if address]
    return [*found, {"type": "Hostname", "address": identity.name}]


def images(found: Iterable[Image]) -> list[Json]:
    """The largest ones, by their names with digest and with tag."""
    named = [image for image in found if image.tags or image.digests]
    largest = sorted(named, key=lambda image: (-image.size, image.id))[:MOST_IMAGES]
    return [
        {"names": [*image.digests, *image.tags][:MOST_NAMES], "sizeBytes": image.size} for image in largest
    ]


def agent_version() -> str:
    """What kubectl shows as the node's version."""
    return f"v{KUBERNETES}+orlop.{metadata.version('orlop')}"


def _node_info(facts: Facts) -> Json:
    machine, runtime = facts.machine, facts.runtime
    return {
        "machineID": machine.machine_id,
        "systemUUID": machine.system_uuid,
        "bootID": machine.boot_id,
        "kernelVersion": machine.kernel,
        "osImage": machine.os_image,
        "containerRuntimeVersion": f"{runtime.name}://{runtime.version}" if runtime else "",
        "kubeletVersion": agent_version(),
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": machine.architecture,
    }


def _features(runtime: RuntimeInfo | None) -> Json:
    if runtime is None or not runtime.features.supplemental_groups_policy:
        return {}
    return {"features": {"supplementalGroupsPolicy": True}}


def _handler(handler: RuntimeHandler) -> Json:
    features = {
        "recursiveReadOnlyMounts": handler.recursive_readonly_mounts,
        "userNamespaces": handler.user_namespaces,
    }
    return {"name": handler.name, "features": features}


def _condition(condition: Condition) -> Json:
    return {
        "type": condition.type,
        "status": str(condition.is_true),
        "reason": condition.reason,
        "message": condition.message,
    }


def _amounts(resources: Resources) -> dict[str, str]:
    return {name: str(amount) for name, amount in resources.items()}


def _without_empty(values: Mapping[str, Any]) -> Json:
    return {key: value for key, value in values.items() if value}
