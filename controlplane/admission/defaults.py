# SPDX-License-Identifier: Apache-2.0
"""The plugins of a cluster that nobody configured."""

from collections.abc import Iterable

from controlplane.admission.chain import ordered
from controlplane.admission.default_ingress_class import DefaultIngressClass
from controlplane.admission.default_storage_class import DefaultStorageClass
from controlplane.admission.default_toleration_seconds import DefaultTolerationSeconds
from controlplane.admission.limit_range import LimitRanger
from controlplane.admission.namespace_lifecycle import NamespaceLifecycle
from controlplane.admission.pod_security import PodSecurity, PodSecuritySettings
from controlplane.admission.priority import Priority
from controlplane.admission.resource_quota import ResourceQuota
from controlplane.admission.runtime_class import RuntimeClass
from controlplane.admission.service_account import ServiceAccount
from controlplane.request import Plugin, Reader, Writer


def default_plugins(
    reader: Reader,
    writer: Writer,
    *others: Plugin,
    pod_security: PodSecuritySettings | None = None,
    without: Iterable[str] = (),
) -> tuple[Plugin, ...]:
    """All plugins of this folder and the others (NodeRestriction), in chain.ORDER, without those of these names."""
    plugins: tuple[Plugin, ...] = (
        NamespaceLifecycle(reader),
        LimitRanger(reader),
        ServiceAccount(reader),
        PodSecurity(reader, pod_security),
        Priority(reader),
        DefaultTolerationSeconds(),
        DefaultStorageClass(reader),
        RuntimeClass(reader),
        DefaultIngressClass(reader),
        ResourceQuota(reader, writer),
        *others,
    )
    unwanted = set(without)
    return ordered(plugin for plugin in plugins if plugin.name not in unwanted)
