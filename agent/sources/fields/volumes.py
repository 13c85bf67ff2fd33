# SPDX-License-Identifier: Apache-2.0
"""Volumes and their mounts."""

from typing import Final

from lightkube.models import core_v1, meta_v1

from agent.sources.fields.rules import Fields, Refused, Support, every, none_of

_KINDS: Final = "configMap downwardAPI emptyDir hostPath image nfs persistentVolumeClaim projected secret"
_DRIVERS: Final = (
    "awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "ephemeral", "fc", "flexVolume",
    "flocker", "gcePersistentDisk", "gitRepo", "glusterfs", "iscsi", "photonPersistentDisk", "portworxVolume",
    "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume",
)  # fmt: skip
_VOLUME: Final[dict[str, Support]] = {
    **every(f"name {_KINDS}"),
    **none_of(_DRIVERS, ", ".join(_KINDS.split())),
}

VOLUMES: Final[Fields] = {
    core_v1.Volume: _VOLUME,
    core_v1.VolumeMount: every(
        "bindMountOptions mountPath mountPropagation name readOnly recursiveReadOnly subPath subPathExpr"
    ),
    core_v1.ConfigMapVolumeSource: every("defaultMode defaultUser items name optional"),
    core_v1.SecretVolumeSource: every("defaultMode defaultUser items optional secretName"),
    core_v1.DownwardAPIVolumeSource: every("defaultMode defaultUser items"),
    core_v1.ProjectedVolumeSource: every("defaultMode defaultUser sources"),
    core_v1.EmptyDirVolumeSource: every("medium mode sizeLimit"),
    core_v1.HostPathVolumeSource: every("path type"),
    core_v1.ImageVolumeSource: every("pullPolicy reference"),
    core_v1.NFSVolumeSource: every("path readOnly server"),
    core_v1.PersistentVolumeClaimVolumeSource: every("claimName readOnly"),
    core_v1.KeyToPath: every("key path mode user"),
    core_v1.DownwardAPIVolumeFile: every("fieldRef mode path resourceFieldRef user"),
    core_v1.VolumeProjection: {
        **every("clusterTrustBundle configMap downwardAPI secret serviceAccountToken"),
        "podCertificate": Refused("secret, or serviceAccountToken"),
    },
    core_v1.ConfigMapProjection: every("items name optional"),
    core_v1.SecretProjection: every("items name optional"),
    core_v1.DownwardAPIProjection: every("items"),
    core_v1.ServiceAccountTokenProjection: every("audience expirationSeconds path user"),
    core_v1.ClusterTrustBundleProjection: every("labelSelector name optional path signerName user"),
    meta_v1.LabelSelector: every("matchExpressions matchLabels"),
    meta_v1.LabelSelectorRequirement: every("key operator values"),
}
