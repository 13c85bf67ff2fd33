# SPDX-License-Identifier: Apache-2.0
"""All checks of a level, in the order in which their findings are told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from controlplane.admission.pod_standards import baseline, restricted
from controlplane.admission.pod_standards.model import Level, Standard
from controlplane.admission.pod_standards.view import Finding, PodView


@dataclass(frozen=True, slots=True)
class Check:
    """One control; `since` is the minor version that first had it, `replaces` the one of baseline that it includes."""

    id: str
    run: Callable[[PodView, int], Finding | None]
    since: int = 0
    replaces: str = ""


BASELINE: Final = (
    Check("appArmorProfile", baseline.app_armor),
    Check("capabilities_baseline", baseline.capabilities),
    Check("hostNamespaces", baseline.host_namespaces),
    Check("hostPathVolumes", baseline.host_path_volumes),
    Check("hostPorts", baseline.host_ports),
    Check("hostProbesAndHostLifecycle", baseline.probe_hosts, since=34),
    Check("privileged", baseline.privileged),
    Check("procMount_baseline", baseline.proc_mount),
    Check("seLinuxOptions", baseline.selinux),
    Check("seccompProfile_baseline", baseline.seccomp),
    Check("sysctls", baseline.sysctls),
    Check("windowsHostProcess", baseline.windows_host_process),
)
RESTRICTED: Final = (
    Check("allowPrivilegeEscalation", restricted.privilege_escalation, since=8),
    Check("capabilities_restricted", restricted.capabilities, since=22, replaces="capabilities_baseline"),
    Check("procMount_restricted", baseline.proc_mount_always, replaces="procMount_baseline"),
    Check("restrictedVolumes", restricted.volumes, replaces="hostPathVolumes"),
    Check("runAsNonRoot", restricted.run_as_non_root),
    Check("runAsUser", restricted.run_as_user, since=23),
    Check("seccompProfile_restricted", restricted.seccomp, since=19, replaces="seccompProfile_baseline"),
)


def findings(standard: Standard, pod: dict[str, object]) -> list[Finding]:
    """What a pod (or template: metadata and spec) does that the standard forbids; empty when it may."""
    view = PodView(pod)
    found = (check.run(view, standard.minor) for check in checks(standard))
    return [finding for finding in found if finding is not None]


def checks(standard: Standard) -> list[Check]:
    """The checks of a standard: of baseline first, each by its id."""
    stricter = _known(RESTRICTED, standard) if standard.level is Level.RESTRICTED else []
    replaced = {check.replaces for check in stricter}
    base = _known(BASELINE, standard) if standard.level is not Level.PRIVILEGED else []
    return [*(check for check in base if check.id not in replaced), *stricter]


def _known(table: tuple[Check, ...], standard: Standard) -> list[Check]:
    return [check for check in table if check.since <= standard.minor]
