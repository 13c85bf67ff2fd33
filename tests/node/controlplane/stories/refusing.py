# SPDX-License-Identifier: Apache-2.0
"""What is refused and warned of: immutable fields, wrong manifests, quotas, limits, the standards of pod security."""

import json
from typing import Any, Final

from tests.node.controlplane.stories.manifests import DEPLOYMENT, POD
from tests.support.kubectl_story import Step, Story

_STATEFUL_SET: Final = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 0
  serviceName: db
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: db}]}}
"""
_JOB: Final = """
apiVersion: batch/v1
kind: Job
metadata: {name: pi}
spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: pi, image: pi}]}}}
"""
_CLAIM: Final = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: disk}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


def patched(what: str, spec: Any) -> str:
    return f"patch {what} -p '{json.dumps(spec)}'"


_IMMUTABLE: Final = Story(
    "immutable",
    (
        Step("create -f -", "statefulset.apps/db created", _STATEFUL_SET),
        Step(
            patched("sts db", {"spec": {"serviceName": "other"}}),
            'The StatefulSet "db" is invalid: spec: Forbidden: updates to statefulset spec for fields other than '
            "'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
            "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
            fails=True,
        ),
        Step("create -f -", "job.batch/pi created", _JOB),
        Step(
            patched(
                "job pi", {"spec": {"template": {"spec": {"containers": [{"name": "pi", "image": "e"}]}}}}
            ),
            'The Job "pi" is invalid: spec.template: Invalid value: <ANY>: field is immutable',
            fails=True,
        ),
        Step("create -f -", "pod/one created", POD),
        Step(
            patched("pod one", {"spec": {"hostNetwork": True}}),
            'The Pod "one" is invalid: spec: Forbidden: pod updates may not change fields other than '
            "`spec.containers[*].image`<ANY>",
            fails=True,
        ),
        Step(
            patched("pod one", {"spec": {"containers": [{"name": "main", "image": "busybox:2"}]}}),
            "pod/one patched",
        ),
        Step("create -f -", "persistentvolumeclaim/disk created", _CLAIM),
        Step(
            patched("pvc disk", {"spec": {"accessModes": ["ReadWriteMany"]}}),
            'The PersistentVolumeClaim "disk" is invalid: spec: Forbidden: spec is immutable after creation except '
            "resources.requests and volumeAttributesClassName for bound claims",
            fails=True,
        ),
        Step("create secret generic keys --from-literal=a=b", "secret/keys created"),
        Step(
            patched("secret keys", {"type": "other"}),
            'The Secret "keys" is invalid: type: Invalid value: "other": field is immutable',
            fails=True,
        ),
        Step(patched("secret keys", {"immutable": True}), "secret/keys patched"),
        Step(
            patched("secret keys", {"data": {"a": "Yw=="}}),
            'The Secret "keys" is invalid: data: Forbidden: field is immutable when `immutable` is set',
            fails=True,
        ),
        Step("get sts,job,pvc,secret", "<LINES>disk Pending <unset> <AGE>\n<LINES>", since=20),
    ),
)
_MANIFESTS: Final = Story(
    "wrong-manifests",
    (
        Step(
            "create -f -",
            '<ANY>no matches for kind "Unicorn" in version "v1"<LINES>',
            '{"apiVersion": "v1", "kind": "Unicorn", "metadata": {"name": "x"}}',
            fails=True,
        ),
        Step(
            "create -f -",
            'Error from server (BadRequest): error when creating "STDIN": ConfigMap in version "v1" cannot be handled '
            'as a ConfigMap: strict decoding error: unknown field "dada"',
            '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "dada": {}}',
            fails=True,
            since=27,
        ),
        Step(
            "create -f - --validate=warn",
            'configmap/warned created\nWarning: unknown field "dada"',
            '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "warned"}, "dada": {}}',
            since=27,
        ),
        Step(
            "create -f -",
            'error: error validating "STDIN": error validating data: ValidationError(ConfigMap): unknown field "dada" '
            "in io.k8s.api.core.v1.ConfigMap; if you choose to ignore these errors, turn validation off with "
            "--validate=false",
            '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "dada": {}}',
            fails=True,
            until=24,
        ),
        Step(
            "create -f -",
            'The Deployment "web" is invalid:\n'
            '* spec.template.metadata.labels: Invalid value: {"app": "web"}: `selector` does not match template '
            '`labels`\n* spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
            DEPLOYMENT.replace("matchLabels: {app: web}", "matchLabels: {app: db}").replace(
                "spec: {containers", "spec: {restartPolicy: Never, containers"
            ),
            fails=True,
        ),
        Step(
            "create -f -",
            'The Pod "one" is invalid: spec.containers[0].volumeMounts[0].name: Not found: "data"<ANY>',
            POD.replace("image: busybox", "image: busybox, volumeMounts: [{name: data, mountPath: /data}]"),
            fails=True,
        ),
        Step("create -f -", "pod/one-<ID> created", POD.replace("name: one,", "generateName: one-,")),
    ),
)
_LIMIT: Final = """
apiVersion: v1
kind: LimitRange
metadata: {name: small}
spec: {limits: [{type: Container, max: {cpu: "1"}, default: {cpu: 500m}}]}
"""
_ADMISSION: Final = Story(
    "admission",
    (
        Step("create -f -", "limitrange/small created", _LIMIT),
        Step("create quota few --hard=pods=1", "resourcequota/few created"),
        Step(
            "describe limits small",
            "Name: small\nNamespace: <NS>\nType Resource Min Max Default Request Default Limit "
            "Max Limit/Request Ratio\n"
            "<ANY>\nContainer cpu - 1 500m 500m -",
        ),
        Step(
            "create -f -",
            'Error from server (Forbidden): error when creating "STDIN": pods "one" is forbidden: maximum cpu usage '
            "per Container is 1, but limit is 2",
            POD.replace("image: busybox", "image: busybox, resources: {limits: {cpu: 2}}"),
            fails=True,
        ),
        Step("create -f -", "pod/one created", POD),
        Step(
            "run two --image=busybox",
            'Error from server (Forbidden): pods "two" is forbidden: exceeded quota: few, requested: pods=1, '
            "used: pods=1, limited: pods=1",
            fails=True,
        ),
        Step("delete quota few", 'resourcequota "few" deleted<FROM>'),
        Step(
            "label namespace <NS> pod-security.kubernetes.io/warn=restricted "
            "pod-security.kubernetes.io/enforce=baseline",
            "<LINES>namespace/<NS> labeled<LINES>",
        ),
        Step(
            "run two --image=busybox",
            'pod/two created\nWarning: would violate PodSecurity "restricted:latest": '
            'allowPrivilegeEscalation != false (container "two" must set '
            "securityContext.allowPrivilegeEscalation=false), <ANY>",
        ),
        Step(
            "run three --image=busybox --privileged",
            'Error from server (Forbidden): pods "three" is forbidden: violates PodSecurity "baseline:latest": '
            'privileged (container "three" must not set securityContext.privileged=true)',
            fails=True,
        ),
        Step(
            "delete namespace kube-system",
            '<LINES>Error from server (Forbidden): namespaces "kube-system" is forbidden: '
            "this namespace may not be deleted<LINES>",
            fails=True,
        ),
    ),
)

REFUSING: Final = (_IMMUTABLE, _MANIFESTS, _ADMISSION)
