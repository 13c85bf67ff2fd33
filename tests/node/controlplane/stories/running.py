# SPDX-License-Identifier: Apache-2.0
"""Workloads and nodes: scale, set, rollout, expose, wait, describe, taint, cordon, drain, certificates."""

from typing import Final

from tests.node.controlplane.stories.manifests import DEPLOYMENT, NODE, POD
from tests.support.kubectl_story import Step, Story

_SCALE: Final = Story(
    "scale",
    (
        Step("create -f -", "deployment.apps/web created", DEPLOYMENT),
        Step("scale deploy web --replicas=3", "deployment.apps/web scaled"),
        Step(
            "scale deploy/web --replicas=1 --current-replicas=9",
            "error: Expected replicas to be 9, was 3",
            fails=True,
        ),
        Step("scale deploy nope --replicas=1", '<ANY>deployments.apps "nope" not found', fails=True),
        Step(
            "wait deploy/web --for=jsonpath='{.status.updatedReplicas}'=3 --timeout=60s",
            "deployment.apps/web condition met",
            since=23,
        ),
        Step(
            "get deploy web -o wide",
            "NAME READY UP-TO-DATE AVAILABLE AGE CONTAINERS IMAGES SELECTOR\n"
            "web 0/3 3 0 <AGE> web example.com/web:1 app=web",
            since=23,
        ),
        Step(
            "get rs -o wide",
            "NAME DESIRED CURRENT READY AGE CONTAINERS IMAGES SELECTOR\n"
            "web-<ID> 3 3 0 <AGE> web example.com/web:1 app=web,pod-template-hash=<ID>",
            since=23,
        ),
        Step(
            "get pods -l app=web --no-headers",
            "web-<ID> 0/1 Pending 0 <AGE>\nweb-<ID> 0/1 Pending 0 <AGE>\nweb-<ID> 0/1 Pending 0 <AGE>",
            since=23,
        ),
        Step(
            "autoscale deploy web --max=3 --min=2 --cpu-percent=50",
            "horizontalpodautoscaler.autoscaling/web autoscaled<LINES>",
            until=33,
        ),
        Step(
            "autoscale deploy web --max=3 --min=2 --cpu=50%",
            "horizontalpodautoscaler.autoscaling/web autoscaled",
            since=34,
        ),
        Step(
            "get hpa",
            "NAME REFERENCE TARGETS MINPODS MAXPODS REPLICAS AGE\nweb Deployment/web cpu: <unknown>/50% 2 3 0 <AGE>",
        ),
        Step(
            "autoscale deploy web --max=3",
            '<ANY>horizontalpodautoscalers.autoscaling "web" already exists',
            fails=True,
            until=33,
        ),
        Step("expose deploy web --port=80 --target-port=8000", "service/web exposed"),
        Step(
            "describe svc web",
            "Name: web\nNamespace: <NS>\nLabels: app=web\nAnnotations: <none>\nSelector: app=web\nType: ClusterIP\n"
            "IP Family Policy: SingleStack\nIP Families: IPv4\nIP: <IP>\nIPs: <IP>\nPort: <unset> 80/TCP\n"
            "TargetPort: 8000/TCP\nEndpoints:<ANY>\nSession Affinity: None\n<LINES>Events: <none>",
        ),
        Step(
            "describe deploy web",
            "Name: web\nNamespace: <NS>\nCreationTimestamp: <ANY>\nLabels: app=web\n"
            "Annotations: deployment.kubernetes.io/revision: 1\nSelector: app=web\n"
            "Replicas: 3 desired | 3 updated | 3 total | 0 available | 3 unavailable\nStrategyType: RollingUpdate\n"
            "MinReadySeconds: 0\nRollingUpdateStrategy: 25% max unavailable, 25% max surge\nPod Template:\n"
            "Labels: app=web\nContainers:\nweb:\nImage: example.com/web:1\nPort: 80/TCP\nHost Port: 0/TCP\n"
            "Environment: <none>\nMounts: <none>\nVolumes: <none>\n<LINES>Conditions:\nType Status Reason\n<ANY>\n"
            "Available False MinimumReplicasUnavailable\nProgressing True <ANY>\nOldReplicaSets: <none>\n"
            "NewReplicaSet: web-<ID> (3/3 replicas created)\nEvents:\nType Reason Age From Message\n<ANY>\n"
            "Normal ScalingReplicaSet <AGE> deployment-controller "
            "Scaled up replica set web-<ID> from 0 to <ANY><LINES>",
            since=23,
            eventually=True,
        ),
    ),
)
_ROLLOUT: Final = Story(
    "rollout",
    (
        Step("create -f -", "deployment.apps/web created", DEPLOYMENT),
        Step(
            "wait deploy/web --for=condition=Progressing --timeout=60s", "deployment.apps/web condition met"
        ),
        Step("annotate deploy web kubernetes.io/change-cause=first", "deployment.apps/web annotated"),
        Step("set image deploy/web web=example.com/web:2", "deployment.apps/web image updated"),
        Step("set env deploy/web A=B", "deployment.apps/web env updated"),
        Step("set env deploy/web --list", "# Deployment web, container web\nA=B"),
        Step(
            "set resources deploy/web --limits=cpu=1 --requests=cpu=500m",
            "deployment.apps/web resource requirements updated",
        ),
        Step(
            "set resources deploy/web --limits=cpu=1 --requests=cpu=2",
            '<ANY>Deployment.apps "web" is invalid: spec.template.spec.containers[0].resources.requests<ANY>: '
            'Invalid value: "2": must be less than or equal to cpu limit of 1',
            fails=True,
        ),
        Step("set serviceaccount deploy/web robot", "deployment.apps/web serviceaccount updated"),
        Step("rollout pause deploy/web", "deployment.apps/web paused"),
        Step("rollout pause deploy/web", 'error: deployments.apps "web" is already paused', fails=True),
        Step(
            "rollout restart deploy/web",
            'error: deployments.apps "web" can\'t restart paused deployment (run rollout resume first)',
            fails=True,
        ),
        Step("rollout resume deploy/web", "deployment.apps/web resumed"),
        Step("rollout restart deploy/web", "deployment.apps/web restarted"),
        Step(
            "rollout status deploy/web --watch=false",
            "Waiting for deployment <ANY>",
        ),
        Step(
            "rollout undo deploy/web --to-revision=77",
            "error: unable to find specified revision 77 in history",
            fails=True,
        ),
        Step("rollout undo deploy/web --to-revision=1", "deployment.apps/web rolled back"),
        Step("get deploy web -o jsonpath={..image}", "example.com/web:1"),
        Step("rollout history deploy/web", "deployment.apps/web\nREVISION CHANGE-CAUSE\n<LINES>"),
    ),
)
_WAIT: Final = Story(
    "wait",
    (
        Step("create -f -", "pod/one created", POD),
        Step(
            "wait pod/one --for=condition=Ready --timeout=0s",
            "error: <ANY> pods/one",
            fails=True,
        ),
        Step(
            "wait pod/one --for=jsonpath='{.status.phase}'=Pending --timeout=60s",
            "pod/one condition met",
            since=23,
        ),
        Step("wait pod/one --for=condition=PodScheduled=false --timeout=60s", "pod/one condition met"),
        Step(
            "events --for=pod/one",
            "LAST SEEN TYPE REASON OBJECT MESSAGE\n<ANY> Warning FailedScheduling Pod/one <ANY>",
            since=26,
            eventually=True,
        ),
        Step(
            "get events --field-selector involvedObject.name=one",
            "LAST SEEN TYPE REASON OBJECT MESSAGE\n<AGE> Warning FailedScheduling pod/one <ANY>",
            eventually=True,
        ),
        Step("delete pod one --wait=false", 'pod "one" deleted<FROM>'),
        Step("wait pod/one --for=delete --timeout=60s", "<LINES>", since=24),
    ),
)
_STATUS: Final = (
    '{"status":{"conditions":[{"type":"Ready","status":"True","reason":"KubeletReady"}],'
    '"addresses":[{"type":"InternalIP","address":"192.0.2.1"},{"type":"Hostname","address":"n1"}],'
    '"capacity":{"cpu":"4","memory":"8Gi","pods":"110"},"allocatable":{"cpu":"4","memory":"8Gi","pods":"110"},'
    '"nodeInfo":{"kubeletVersion":"v1.33.0","osImage":"Debian","kernelVersion":"6.1","bootID":"","machineID":"",'
    '"containerRuntimeVersion":"containerd://1.6","architecture":"amd64","kubeProxyVersion":"",'
    '"operatingSystem":"linux","systemUUID":""}}}'
)
_ON_NODE: Final = POD.replace("spec: {", "spec: {nodeName: n1, ")
_NODES: Final = Story(
    "nodes",
    (
        Step("create -f -", "node/n1 created", NODE),
        # Nothing is scheduled to it: the story is of one node only, and other stories count on there being none.
        Step("cordon n1", "node/n1 cordoned"),
        Step("cordon n1", "node/n1 already cordoned"),
        Step(f"patch node n1 --subresource=status -p '{_STATUS}'", "node/n1 patched"),
        Step(
            "get node n1 -o wide",
            "NAME STATUS ROLES AGE VERSION INTERNAL-IP EXTERNAL-IP OS-IMAGE KERNEL-VERSION CONTAINER-RUNTIME\n"
            "n1 Ready,SchedulingDisabled worker <AGE> v1.33.0 192.0.2.1 <none> Debian 6.1 containerd://1.6",
        ),
        Step("taint node n1 size=big:NoSchedule", "node/n1 tainted"),
        Step(
            "taint node n1 size=big:NoSchedule",
            "error: node n1 already has size taint(s) with same effect(s) and --overwrite is false",
            fails=True,
        ),
        Step("taint node n1 size=small:NoSchedule --overwrite", "node/n1 modified"),
        Step("taint node n1 size-", "node/n1 untainted"),
        # No node runs it: with a grace of 0 s its eviction is its end.
        Step(
            "create -f -", "pod/one created", _ON_NODE.replace("n1,", "n1, terminationGracePeriodSeconds: 0,")
        ),
        Step("get pods --field-selector spec.nodeName=n1 -o name", "pod/one"),
        Step(
            "describe node n1",
            "Name: n1\nRoles: worker\nLabels: kubernetes.io/hostname=n1\nnode-role.kubernetes.io/worker=\n<LINES>"
            "Unschedulable: true\nLease: <LINES>Addresses:\nInternalIP: 192.0.2.1\nHostname: n1\nCapacity:\ncpu: 4\n"
            "memory: 8Gi\npods: 110\n<LINES>Non-terminated Pods: (1 in total)\n"
            "<LINES><NS> one 0 (0%) 0 (0%) 0 (0%) 0 (0%) <AGE>\n<LINES>",
        ),
        Step("drain n1", "<LINES>cannot delete <ANY>: <NS>/one<LINES>", fails=True),
        Step(
            "drain n1 --force --dry-run=server",
            "<LINES>evicting pod <NS>/one (server dry run)\nnode/n1 drained (server dry run)<LINES>",
        ),
        Step(
            "drain n1 --force --timeout=120s",
            "node/n1 already cordoned\nevicting pod <NS>/one\npod/one evicted\nnode/n1 drained<LINES>",
        ),
        Step("create -f -", "pod/one created", _ON_NODE),
        Step("delete pod one --wait=false", 'pod "one" deleted<FROM>'),
        Step("get pod one", "NAME READY STATUS RESTARTS AGE\none 0/1 Terminating 0 <AGE>"),
        Step("delete pod one --force --grace-period=0", '<LINES>pod "one" force deleted<FROM><LINES>'),
        Step("uncordon n1", "node/n1 uncordoned"),
        Step("delete node n1", 'node "n1" deleted<LINES>'),
    ),
    since=24,
)

RUNNING: Final = (_SCALE, _ROLLOUT, _WAIT, _NODES)
