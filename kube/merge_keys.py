# SPDX-License-Identifier: Apache-2.0
"""How patches treat the fields of the Kubernetes types: the facts that lightkube's models leave out.

They are the tags patchStrategy and patchMergeKey and the markers +listType, +listMapKey, +mapType and +structType
of the Go types of k8s.io/api 0.36 (types of 1.37 that it lacks follow the rule for conditions: a map by type).
What no table has is the default: a list is atomic and replaced, objects and maps are merged field by field.
"""

from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple


class Treatment(NamedTuple):
    """One row. strategies is of "merge", "replace" and "retainKeys"; list_type is atomic, set, map or "" (unsaid)."""

    strategies: tuple[str, ...] = ()
    merge_key: str = ""
    list_type: str = ""
    list_map_keys: tuple[str, ...] = ()


# Type, field, patch strategies, patch merge key, list type, list map keys; "-" is none.
_TABLE: Final = """
admissionregistration_v1.MutatingAdmissionPolicySpec matchConditions merge name map name
admissionregistration_v1.MutatingWebhook matchConditions merge name map name
admissionregistration_v1.MutatingWebhookConfiguration webhooks merge name map name
admissionregistration_v1.ValidatingAdmissionPolicyBindingSpec validationActions - - set -
admissionregistration_v1.ValidatingAdmissionPolicySpec matchConditions merge name map name
admissionregistration_v1.ValidatingAdmissionPolicySpec variables merge name map name
admissionregistration_v1.ValidatingAdmissionPolicyStatus conditions - - map type
admissionregistration_v1.ValidatingWebhook matchConditions merge name map name
admissionregistration_v1.ValidatingWebhookConfiguration webhooks merge name map name
admissionregistration_v1alpha1.MutatingAdmissionPolicySpec matchConditions merge name map name
admissionregistration_v1beta1.MutatingAdmissionPolicySpec matchConditions merge name map name
apiextensions_v1.CustomResourceDefinitionStatus conditions - - map type
apiextensions_v1.JSONSchemaProps x-kubernetes-validations merge rule map rule
apiregistration_v1.APIServiceStatus conditions merge type map type
apiserverinternal_v1alpha1.ServerStorageVersion decodableVersions - - set -
apiserverinternal_v1alpha1.ServerStorageVersion servedVersions - - set -
apiserverinternal_v1alpha1.StorageVersionStatus conditions - - map type
apiserverinternal_v1alpha1.StorageVersionStatus storageVersions - - map apiServerID
apps_v1.DaemonSetStatus conditions merge type map type
apps_v1.DeploymentSpec strategy retainKeys - - -
apps_v1.DeploymentStatus conditions merge type map type
apps_v1.ReplicaSetStatus conditions merge type map type
apps_v1.StatefulSetStatus conditions merge type map type
autoscaling_v2.HorizontalPodAutoscalerStatus conditions merge type map type
batch_v1.JobStatus conditions merge type atomic -
batch_v1.PodFailurePolicyOnExitCodesRequirement values - - set -
batch_v1.UncountedTerminatedPods failed - - set -
batch_v1.UncountedTerminatedPods succeeded - - set -
certificates_v1.CertificateSigningRequestStatus conditions - - map type
certificates_v1beta1.PodCertificateRequestStatus conditions merge type map type
core_v1.ComponentStatus conditions merge type map type
core_v1.Container env merge name map name
core_v1.Container ports merge containerPort map containerPort,protocol
core_v1.Container volumeDevices merge devicePath map devicePath
core_v1.Container volumeMounts merge mountPath map mountPath
core_v1.ContainerRestartRuleOnExitCodes values - - set -
core_v1.ContainerStatus allocatedResourcesStatus merge name map name
core_v1.ContainerStatus volumeMounts merge mountPath map mountPath
core_v1.EphemeralContainer env merge name map name
core_v1.EphemeralContainer ports merge containerPort map containerPort,protocol
core_v1.EphemeralContainer volumeDevices merge devicePath map devicePath
core_v1.EphemeralContainer volumeMounts merge mountPath map mountPath
core_v1.NamespaceStatus conditions merge type map type
core_v1.NodeAllocatableResourceClaimStatus containers - - set -
core_v1.NodeSpec podCIDRs merge - set -
core_v1.NodeStatus addresses merge type map type
core_v1.NodeStatus conditions merge type map type
core_v1.PersistentVolumeClaimStatus conditions merge type map type
core_v1.PodSpec containers merge name map name
core_v1.PodSpec ephemeralContainers merge name map name
core_v1.PodSpec hostAliases merge ip map ip
core_v1.PodSpec imagePullSecrets merge name map name
core_v1.PodSpec initContainers merge name map name
core_v1.PodSpec resourceClaims merge,retainKeys name map name
core_v1.PodSpec schedulingGates merge name map name
core_v1.PodSpec topologySpreadConstraints merge topologyKey map topologyKey,whenUnsatisfiable
core_v1.PodSpec volumes merge,retainKeys name map name
core_v1.PodStatus conditions merge type map type
core_v1.PodStatus hostIPs merge ip atomic -
core_v1.PodStatus podIPs merge ip map ip
core_v1.PodStatus resourceClaimStatuses merge,retainKeys name map name
core_v1.ReplicationControllerStatus conditions merge type map type
core_v1.ResourceRequirements claims - - map name
core_v1.ResourceStatus resources - - map resourceID
core_v1.ServiceAccount secrets merge name map name
core_v1.ServiceSpec ports merge port map port,protocol
core_v1.ServiceStatus conditions merge type map type
discovery_v1.Endpoint addresses - - set -
flowcontrol_v1.FlowSchemaStatus conditions merge type map type
flowcontrol_v1.NonResourcePolicyRule nonResourceURLs - - set -
flowcontrol_v1.NonResourcePolicyRule verbs - - set -
flowcontrol_v1.PriorityLevelConfigurationStatus conditions merge type map type
flowcontrol_v1.ResourcePolicyRule apiGroups - - set -
flowcontrol_v1.ResourcePolicyRule namespaces - - set -
flowcontrol_v1.ResourcePolicyRule resources - - set -
flowcontrol_v1.ResourcePolicyRule verbs - - set -
meta_v1.ObjectMeta finalizers merge - set -
meta_v1.ObjectMeta ownerReferences merge uid map uid
networking_v1.ServiceCIDRStatus conditions merge type map type
policy_v1.PodDisruptionBudgetSpec selector replace - - -
policy_v1.PodDisruptionBudgetStatus conditions merge type map type
resource_v1.AllocatedDeviceStatus conditions - - map type
resource_v1.ResourceClaimStatus devices - - map driver,device,pool,shareID
resource_v1.ResourceClaimStatus reservedFor merge uid map uid
resource_v1alpha3.DeviceTaintRuleStatus conditions merge type map type
resource_v1alpha3.ResourcePoolStatusRequestStatus conditions merge type map type
resource_v1beta1.AllocatedDeviceStatus conditions - - map type
resource_v1beta1.ResourceClaimStatus devices - - map driver,device,pool,shareID
resource_v1beta1.ResourceClaimStatus reservedFor merge uid map uid
resource_v1beta2.AllocatedDeviceStatus conditions - - map type
resource_v1beta2.DeviceTaintRuleStatus conditions merge type map type
resource_v1beta2.ResourceClaimStatus devices - - map driver,device,pool,shareID
resource_v1beta2.ResourceClaimStatus reservedFor merge uid map uid
storage_v1.CSIDriverSpec volumeLifecycleModes - - set -
storage_v1.CSINodeSpec drivers merge name map name
storagemigration_v1.StorageVersionMigrationStatus conditions merge type map type
storagemigration_v1beta1.StorageVersionMigrationStatus conditions merge type map type
"""

# Objects that server-side apply owns as a whole (+structType=atomic), by module.
_ATOMIC_TYPES: Final = {
    "admissionregistration_v1": "ParamKind Variable ParamRef MatchResources NamedRuleWithOperations",
    "admissionregistration_v1alpha1": "ParamKind ParamRef MatchResources NamedRuleWithOperations",
    "admissionregistration_v1beta1": "ParamKind Variable ParamRef MatchResources NamedRuleWithOperations",
    "autoscaling_v1": "CrossVersionObjectReference",
    "core_v1": (
        "SecretReference FileKeySelector ObjectFieldSelector ResourceFieldSelector ConfigMapKeySelector "
        "SecretKeySelector NodeSelector NodeSelectorTerm TopologySelectorTerm EndpointAddress EndpointPort "
        "ObjectReference LocalObjectReference TypedLocalObjectReference ScopeSelector"
    ),
    "discovery_v1": "EndpointPort",
    "meta_v1": "OwnerReference LabelSelector",
    "networking_v1": "ServiceBackendPort",
    "rbac_v1": "Subject RoleRef",
}

# Fields that say themselves whether their map or object is owned as a whole.
_ATOMIC_FIELDS: Final = {
    ("core_v1.PersistentVolumeSpec", "claimRef"): False,
    ("core_v1.PodSpec", "nodeSelector"): True,
    ("core_v1.ReplicationControllerSpec", "selector"): True,
    ("core_v1.ServiceSpec", "selector"): True,
    ("node_v1.Scheduling", "nodeSelector"): True,
}

# What a missing key field of a list item counts as (+default of a field that is a list map key).
_KEY_DEFAULTS: Final = {
    "core_v1.ContainerPort": MappingProxyType({"protocol": "TCP"}),
    "core_v1.ServicePort": MappingProxyType({"protocol": "TCP"}),
}
_NO_DEFAULTS: Final[MappingProxyType[str, str]] = MappingProxyType({})
_UNSAID: Final = Treatment()


def treatment(type_name: str, field: str) -> Treatment:
    """How this field is patched; type_name is "<module>.<class>" of lightkube.models, such as "core_v1.PodSpec"."""
    return _treatments().get((type_name, field), _UNSAID)


def is_atomic_type(type_name: str) -> bool:
    """Whether objects of this type are owned as a whole."""
    module, _, name = type_name.partition(".")
    return name in _ATOMIC_TYPES.get(module, "").split()


def field_atomicity(type_name: str, field: str) -> bool | None:
    """Whether the map or object in this field is owned as a whole; None when its type decides."""
    return _ATOMIC_FIELDS.get((type_name, field))


def key_defaults(type_name: str) -> MappingProxyType[str, str]:
    """Values of key fields that items of this type may leave out."""
    return _KEY_DEFAULTS.get(type_name, _NO_DEFAULTS)


@cache
def _treatments() -> dict[tuple[str, str], Treatment]:
    rows = [line.split(" ") for line in _TABLE.strip().splitlines()]
    return {
        (type_name, field): Treatment(_words(strategies), _word(key), _word(list_type), _words(keys))
        for type_name, field, strategies, key, list_type, keys in rows
    }


def _word(text: str) -> str:
    return "" if text == "-" else text


def _words(text: str) -> tuple[str, ...]:
    return () if text == "-" else tuple(text.split(","))
