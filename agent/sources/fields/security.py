# SPDX-License-Identifier: Apache-2.0
"""Security contexts; what the host does not have is refused when the pod comes (agent/pod/security.py)."""

from typing import Final

from lightkube.models import core_v1

from agent.sources.fields.rules import NO, Fields, Supported, every

_COMMON: Final = "appArmorProfile runAsGroup runAsNonRoot runAsUser seLinuxOptions seccompProfile"

SECURITY: Final[Fields] = {
    core_v1.PodSecurityContext: {
        **every(_COMMON),
        **every("fsGroup fsGroupChangePolicy supplementalGroups supplementalGroupsPolicy sysctls"),
        "seLinuxChangePolicy": Supported(values=("Recursive",)),
        "windowsOptions": NO,
    },
    core_v1.SecurityContext: {
        **every(_COMMON),
        **every("allowPrivilegeEscalation capabilities privileged procMount readOnlyRootFilesystem"),
        "windowsOptions": NO,
    },
    core_v1.AppArmorProfile: every("type localhostProfile"),
    core_v1.SeccompProfile: every("type localhostProfile"),
    core_v1.SELinuxOptions: every("level role type user"),
    core_v1.Capabilities: every("add drop"),
    core_v1.Sysctl: every("name value"),
}
