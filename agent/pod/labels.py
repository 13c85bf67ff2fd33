# SPDX-License-Identifier: Apache-2.0
"""The labels and annotations by which a pod is found again in the runtime.

The io.kubernetes.* names are the kubelet's, so that crictl and other tools group our containers as they expect.
"""

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
CONTAINER_NAME = "io.kubernetes.container.name"
RESTART_COUNT = "io.kubernetes.container.restartCount"

# Kept in the runtime rather than in a file of ours: it is there exactly as long as the thing it speaks of.
SOURCE = "orlop.dev/source"
GRACE_SECONDS = "orlop.dev/termination-grace-seconds"
BACKOFF_SECONDS = "orlop.dev/restart-backoff-seconds"
CGROUP = "orlop.dev/cgroup"
# On containers: what they are in their pod, their place among those, and the preStop hook as JSON.
ROLE = "orlop.dev/role"
ORDER = "orlop.dev/order"
PRE_STOP = "orlop.dev/pre-stop"
IMAGE = "orlop.dev/image"
