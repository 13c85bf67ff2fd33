# SPDX-License-Identifier: Apache-2.0
"""Which objects a pod names, pure. A missing object that is optional is named all the same: it may come.

A selection of ClusterTrustBundles by their signer is Ref("ClusterTrustBundle", "", ""): all of them.
"""

from collections.abc import Iterable, Iterator

from lightkube.models import core_v1

from agent.objects.model import CLAIM, CONFIG_MAP, RUNTIME_CLASS, SECRET, TRUST_BUNDLE, Ref

Named = Iterator[tuple[str, str]]
"""(kind, name) of an object in the pod's own namespace."""


def references(pod: core_v1.Pod) -> frozenset[Ref]:
    """Everything that the pod's spec names and that its node has to read."""
    metadata, spec = pod.metadata, pod.spec
    if metadata is None or spec is None:
        return frozenset()
    namespace = metadata.namespace or "default"
    named = {*_of_containers(spec), *_of_volumes(spec, metadata.name or "")}
    named |= {(SECRET, secret.name or "") for secret in spec.imagePullSecrets or ()}
    found = {Ref(kind, namespace, name) for kind, name in named if name}
    if spec.runtimeClassName:
        found.add(Ref(RUNTIME_CLASS, "", spec.runtimeClassName))
    return frozenset(found | {Ref(TRUST_BUNDLE, "", name) for name in _trust_bundles(spec)})


def _of_containers(spec: core_v1.PodSpec) -> Named:
    for container in (
        *spec.containers,
        *(spec.initContainers or ()),
        *(spec.ephemeralContainers or ()),
    ):
        for source in container.envFrom or ():
            yield from _configuration(source.configMapRef, source.secretRef)
        for variable in container.env or ():
            if variable.valueFrom:
                yield from _configuration(variable.valueFrom.configMapKeyRef, variable.valueFrom.secretKeyRef)


def _configuration(
    config_map: core_v1.ConfigMapEnvSource
    | core_v1.ConfigMapKeySelector
    | core_v1.ConfigMapProjection
    | None,
    secret: core_v1.SecretEnvSource | core_v1.SecretKeySelector | core_v1.SecretProjection | None,
) -> Named:
    if config_map is not None:
        yield CONFIG_MAP, config_map.name or ""
    if secret is not None:
        yield SECRET, secret.name or ""


def _of_volumes(spec: core_v1.PodSpec, pod: str) -> Named:
    for volume in spec.volumes or ():
        if volume.configMap:
            yield CONFIG_MAP, volume.configMap.name or ""
        if volume.secret:
            yield SECRET, volume.secret.secretName or ""
        if volume.persistentVolumeClaim:
            yield CLAIM, volume.persistentVolumeClaim.claimName
        if volume.ephemeral:
            # k8s.io/kubernetes pkg/volume/util: the claim is called after the pod and the volume.
            yield CLAIM, f"{pod}-{volume.name}"
        for source in _projections(volume):
            yield from _configuration(source.configMap, source.secret)


def _projections(volume: core_v1.Volume) -> Iterable[core_v1.VolumeProjection]:
    return (volume.projected.sources or ()) if volume.projected else ()


def _trust_bundles(spec: core_v1.PodSpec) -> Iterator[str]:
    """Names of bundles; "" for a selection by signer, which needs all of them."""
    for volume in spec.volumes or ():
        for source in _projections(volume):
            if source.clusterTrustBundle:
                yield source.clusterTrustBundle.name or ""
