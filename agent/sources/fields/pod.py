# SPDX-License-Identifier: Apache-2.0
"""The Pod itself, its metadata and its spec."""

from typing import Final

from lightkube.models import core_v1, meta_v1

from agent.sources.fields.rules import NO, SCHEDULED, SET_BY_SERVER, YES, Fields, Ignored, Refused, Supported

POD: Final[Fields] = {
    core_v1.Pod: {
        "apiVersion": YES,
        "kind": YES,
        "metadata": YES,
        "spec": YES,
        "status": Ignored("the node writes the status; in a create it means nothing"),
    },
    meta_v1.ObjectMeta: {
        "name": YES,
        "namespace": YES,
        "labels": YES,
        "annotations": YES,
        "uid": Ignored("the uid follows from the content, so that a changed manifest is a new pod"),
        "creationTimestamp": SET_BY_SERVER,
        "deletionGracePeriodSeconds": SET_BY_SERVER,
        "deletionTimestamp": SET_BY_SERVER,
        "generation": SET_BY_SERVER,
        "managedFields": SET_BY_SERVER,
        "resourceVersion": SET_BY_SERVER,
        "selfLink": SET_BY_SERVER,
        "finalizers": NO,
        "generateName": Refused("metadata.name: a file needs a name that stays"),
        "ownerReferences": NO,
    },
    core_v1.PodSpec: {
        "containers": YES,
        "initContainers": YES,
        "ephemeralContainers": YES,
        "restartPolicy": YES,
        "terminationGracePeriodSeconds": YES,
        "activeDeadlineSeconds": YES,
        "readinessGates": YES,
        "nodeName": YES,
        "os": YES,
        "volumes": YES,
        "imagePullSecrets": YES,
        "resources": YES,
        "overhead": YES,
        "runtimeClassName": YES,
        "securityContext": YES,
        "hostIPC": YES,
        "hostNetwork": YES,
        "hostPID": YES,
        "shareProcessNamespace": YES,
        "hostname": YES,
        "hostnameOverride": YES,
        "subdomain": YES,
        "setHostnameAsFQDN": YES,
        "hostAliases": YES,
        # A node that stands alone has no cluster DNS: ClusterFirst gives the node's own, as the kubelet does then.
        "dnsPolicy": Supported(values=("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")),
        "dnsConfig": YES,
        "enableServiceLinks": YES,
        "serviceAccountName": YES,
        "serviceAccount": Ignored(
            "the old name of serviceAccountName, which the API server fills in beside it"
        ),
        "automountServiceAccountToken": Ignored("the API server acts on it: it adds the volume or does not"),
        "priority": YES,
        "priorityClassName": Ignored("the API server acts on it: it fills in priority"),
        "nodeSelector": YES,
        "affinity": YES,
        "tolerations": YES,
        "preemptionPolicy": SCHEDULED,
        "schedulerName": SCHEDULED,
        "schedulingGates": SCHEDULED,
        "schedulingGroup": SCHEDULED,
        "topologySpreadConstraints": SCHEDULED,
        "hostUsers": Supported(values=(True,)),
        "evictionResponders": NO,
        "resourceClaims": NO,
    },
    core_v1.PodOS: {"name": Supported(values=("linux",))},
    core_v1.PodReadinessGate: {"conditionType": YES},
    core_v1.LocalObjectReference: {"name": YES},
    core_v1.HostAlias: {"ip": YES, "hostnames": YES},
    core_v1.PodDNSConfig: {"nameservers": YES, "options": YES, "searches": YES},
    core_v1.PodDNSConfigOption: {"name": YES, "value": YES},
}
