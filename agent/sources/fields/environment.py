# SPDX-License-Identifier: Apache-2.0
"""Where a container's environment comes from."""

from typing import Final

from lightkube.models import core_v1

from agent.sources.fields.rules import Fields, every

ENVIRONMENT: Final[Fields] = {
    core_v1.EnvVar: every("name value valueFrom"),
    core_v1.EnvFromSource: every("configMapRef prefix secretRef"),
    core_v1.EnvVarSource: every("configMapKeyRef fieldRef fileKeyRef resourceFieldRef secretKeyRef"),
    core_v1.ConfigMapEnvSource: every("name optional"),
    core_v1.SecretEnvSource: every("name optional"),
    core_v1.ConfigMapKeySelector: every("key name optional"),
    core_v1.SecretKeySelector: every("key name optional"),
    core_v1.FileKeySelector: every("key path volumeName optional"),
    core_v1.ObjectFieldSelector: every("fieldPath apiVersion"),
    core_v1.ResourceFieldSelector: every("resource containerName divisor"),
}
