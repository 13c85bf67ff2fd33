# SPDX-License-Identifier: Apache-2.0
"""get in all its forms, and what the API says about itself: discovery, explain, who may do what."""

from typing import Final

from tests.node.controlplane.stories.manifests import POD
from tests.support.kubectl_story import Step, Story

_GET: Final = Story(
    "get",
    (
        Step("create -f -", "pod/one created", POD),
        Step(
            "create -f -",
            "pod/two created",
            POD.replace("name: one, labels: {app: one}", "name: two, labels: {app: two}"),
        ),
        Step("get pods -o name", "pod/one\npod/two"),
        Step(
            "get pods -o jsonpath='{range .items[*]}{.metadata.name}:{.spec.containers[*].image} {end}'",
            "one:busybox two:busybox",
        ),
        Step(
            "get pods -o custom-columns=NAME:.metadata.name,QOS:.status.qosClass,NODE:.spec.nodeName",
            "NAME QOS NODE\none BestEffort <none>\ntwo BestEffort <none>",
        ),
        Step("get pods -o go-template='{{range .items}}{{.metadata.name}} {{end}}'", "one two"),
        Step(
            "get pods --sort-by=.metadata.labels.app --no-headers",
            "one 0/1 Pending 0 <AGE>\ntwo 0/1 Pending 0 <AGE>",
        ),
        Step("get pods --field-selector status.phase=Pending,metadata.name=two -o name", "pod/two"),
        Step("get pods --field-selector spec.nodeName!= -o name", ""),
        Step(
            "get pods --field-selector color=red",
            'Error from server (BadRequest): Unable to find <ANY> field selector "color=red": '
            "field label not supported: color",
            fails=True,
        ),
        Step(
            "get pods -l 'app in (one)' --show-labels",
            "NAME READY STATUS RESTARTS AGE LABELS\none 0/1 Pending 0 <AGE> app=one",
        ),
        Step("get pods --chunk-size=1 -o name", "pod/one\npod/two"),
        Step("get pods,cm -o name", "pod/one\npod/two\nconfigmap/kube-root-ca.crt"),
        Step("get pods nope", 'Error from server (NotFound): pods "nope" not found', fails=True),
        Step("get pods nope --ignore-not-found", ""),
        Step("get unicorns", 'error: the server doesn\'t have a resource type "unicorns"', fails=True),
        Step("get jobs", "No resources found in <NS> namespace."),
        Step(
            "get --raw /apis/apps/v1/namespaces/<NS>/replicasets",
            '{"kind":"ReplicaSetList","apiVersion":"apps/v1",<ANY>"items":[]}',
        ),
        Step("logs one", "Error from server (BadRequest): pod one does not have a host assigned", fails=True),
        Step("exec one -- true", "<ANY>pod one does not have a host assigned", fails=True),
        Step(
            "port-forward one 8080:80",
            "error: unable to forward port because pod is not running. Current status=Pending",
            fails=True,
        ),
        Step("top pod", "error: Metrics API not available", fails=True),
        Step(
            "describe pod one",
            "Name: one\nNamespace: <NS>\nPriority: 0\n<LINES>Node: <none>\nLabels: app=one\nAnnotations: <none>\n"
            "Status: Pending\nIP:\nIPs: <none>\nContainers:\nmain:\nImage: busybox\nPort: <none>\nHost Port: <none>\n"
            "Environment:\nA: B\nMounts:\n"
            "/var/run/secrets/kubernetes.io/serviceaccount from kube-api-access-<ID> (ro)\n"
            "<LINES>QoS Class: BestEffort\nNode-Selectors: <none>\n"
            "Tolerations: node.kubernetes.io/not-ready:NoExecute op=Exists for 300s\n"
            "node.kubernetes.io/unreachable:NoExecute op=Exists for 300s\nEvents:<LINES>",
        ),
    ),
)
_ABOUT: Final = Story(
    "about",
    (
        Step("version --short", "Client Version: v1.<ANY>\nServer Version: v1.<ANY>", until=27),
        Step(
            "version",
            "Client Version: v1.<ANY>\nKustomize Version: <ANY>\nServer Version: v1.<LINES>",
            since=28,
        ),
        Step(
            "cluster-info", "<ANY>Kubernetes control plane<ANY> is running at <ANY>https://127.0.0.1:<LINES>"
        ),
        Step(
            "api-versions",
            "<LINES>apps/v1\nauthentication.k8s.io/v1\nauthorization.k8s.io/v1\nautoscaling/v1\nautoscaling/v2\n"
            "batch/v1\ncertificates.k8s.io/v1\ncoordination.k8s.io/v1\ndiscovery.k8s.io/v1\nevents.k8s.io/v1\n<LINES>"
            "networking.k8s.io/v1\nnode.k8s.io/v1\npolicy/v1\nrbac.authorization.k8s.io/v1\n<LINES>"
            "scheduling.k8s.io/v1\nstorage.k8s.io/v1\nv1",
        ),
        Step(
            "api-resources --api-group=apps",
            "NAME SHORTNAMES APIVERSION NAMESPACED KIND\ncontrollerrevisions apps/v1 true ControllerRevision\n"
            "daemonsets ds apps/v1 true DaemonSet\ndeployments deploy apps/v1 true Deployment\n"
            "replicasets rs apps/v1 true ReplicaSet\nstatefulsets sts apps/v1 true StatefulSet",
        ),
        Step(
            "explain pod.spec.nodeName",
            "KIND: Pod\nVERSION: v1\nFIELD: nodeName <string>\nDESCRIPTION:\nNodeName <LINES>",
        ),
        Step(
            "explain deployment.spec.strategy --recursive",
            "GROUP: apps\nKIND: Deployment\nVERSION: v1\nFIELD: strategy <DeploymentStrategy>\n"
            "DESCRIPTION:\n<LINES>FIELDS:\n"
            "rollingUpdate <RollingUpdateDeployment>\nmaxSurge <IntOrString>\n"
            "maxUnavailable <IntOrString>\ntype <string>",
            since=29,
        ),
        Step(
            "explain deployment.spec.strategy --recursive",
            "KIND: Deployment\nVERSION: apps/v1\nRESOURCE: strategy <Object>\nDESCRIPTION:\n<LINES>FIELDS:\n"
            "rollingUpdate <Object>\nmaxSurge <string>\nmaxUnavailable <string>\ntype <string>",
            until=26,
        ),
        Step(
            "explain container.resources",
            "<LINES>",
            fails=True,
        ),
        Step(
            "explain pod.spec.containers.resources",
            "KIND: Pod\nVERSION: v1\nFIELD: resources <ResourceRequirements>\n"
            "<LINES>limits <map[string]Quantity>\n<LINES>",
            since=29,
        ),
        Step("explain pod.spec.nope", '<LINES>field "nope" does not exist', fails=True),
    ),
)
_WHO: Final = Story(
    "who",
    (
        Step(
            "create role reader --verb=get --resource=pods", "role.rbac.authorization.k8s.io/reader created"
        ),
        Step(
            "create rolebinding reads --role=reader --user=jane",
            "rolebinding.rbac.authorization.k8s.io/reads created",
        ),
        Step("auth can-i create pods", "yes"),
        Step("auth can-i get pods --as=jane", "yes", eventually=True),
        Step("auth can-i delete pods --as=jane", "no", fails=True),
        Step("auth can-i get pods --subresource=log --as=jane", "no", fails=True),
        Step(
            "auth can-i --list --as=jane",
            "Resources Non-Resource URLs Resource Names Verbs\n"
            "<LINES>[/healthz] [] [get]\n<LINES>pods [] [] [get]<LINES>",
        ),
        Step(
            "delete pod one --as=jane",
            'Error from server (Forbidden): pods "one" is forbidden: User "jane" cannot delete resource "pods" in '
            'API group "" in the namespace "<NS>"',
            fails=True,
        ),
        Step(
            "auth whoami",
            "ATTRIBUTE VALUE\nUsername kubernetes-admin\nGroups [system:masters system:authenticated]<LINES>",
            since=28,
        ),
        Step(
            "auth reconcile -f -",
            "role.rbac.authorization.k8s.io/other reconciled<LINES>",
            """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: other, namespace: <NS>}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
""",
        ),
    ),
)

READING: Final = (_GET, _ABOUT, _WHO)
