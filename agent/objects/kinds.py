# SPDX-License-Identifier: Apache-2.0
"""How the kinds that pods refer to are addressed in the API, and which of them a node may watch."""

from collections.abc import Mapping
from typing import Final

from agent.objects.model import CLAIM, CONFIG_MAP, RUNTIME_CLASS, SECRET, TRUST_BUNDLE, VOLUME
from kube.kinds import CONFIG_MAPS, Kind

SECRETS: Final = Kind("", "v1", "secrets", "Secret")
CLAIMS: Final = Kind("", "v1", "persistentvolumeclaims", CLAIM)
VOLUMES: Final = Kind("", "v1", "persistentvolumes", VOLUME, namespaced=False)
RUNTIME_CLASSES: Final = Kind("node.k8s.io", "v1", "runtimeclasses", RUNTIME_CLASS, namespaced=False)
TRUST_BUNDLES: Final = Kind(
    "certificates.k8s.io", "v1beta1", "clustertrustbundles", TRUST_BUNDLE, namespaced=False
)

KINDS: Final[Mapping[str, Kind]] = {
    CONFIG_MAP: CONFIG_MAPS,
    SECRET: SECRETS,
    CLAIM: CLAIMS,
    VOLUME: VOLUMES,
    RUNTIME_CLASS: RUNTIME_CLASSES,
    TRUST_BUNDLE: TRUST_BUNDLES,
}
# The Node authorizer lets a node get these, and neither list nor watch them.
ONLY_READ: Final = frozenset({CLAIM, VOLUME})
