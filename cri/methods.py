# SPDX-License-Identifier: Apache-2.0
"""The methods that we call, as one table: request, answer, name in errors, deadline; the path follows from
the request.

Left out on purpose: the Stream* variants of lists (for nodes whose list does not fit into one message of 16
MiB) and CheckpointPod with RestorePod, which no kubelet of today calls.
"""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from cri.events_v1 import service_pb2 as containerd
from cri.tasks_v1 import service_pb2 as tasks
from cri.v1 import checkpoint_calls_pb2 as chk
from cri.v1 import container_calls_pb2 as con
from cri.v1 import event_calls_pb2 as evt
from cri.v1 import image_calls_pb2 as img
from cri.v1 import runtime_calls_pb2 as run
from cri.v1 import sandbox_calls_pb2 as box
from cri.v1 import stats_calls_pb2 as use
from cri.v1 import streaming_calls_pb2 as stm

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)

Limit = Literal[
    "read", "change", "run_sandbox", "stop_sandbox", "pull", "stop_margin", "exec_margin", "endless"
]


@dataclass(frozen=True, slots=True)
class Method(Generic[Q, A]):
    """One method. `operation` names it in errors; `limit` is a field of Deadlines, or endless for event
    streams.

    Methods of limit "read" change nothing, so they wait for a runtime that is away and are repeated when the
    connection breaks under them.
    """

    path: str
    request: type[Q]
    answer: type[A]
    operation: str
    limit: Limit
    metadata: tuple[tuple[str, str], ...] = ()

    @property
    def reads(self) -> bool:
        """Whether it changes nothing and may be asked again."""
        return self.limit == "read"


def _runtime(request: type[Q], answer: type[A], operation: str, limit: Limit = "change") -> Method[Q, A]:
    return Method(f"/runtime.v1.RuntimeService/{_name(request)}", request, answer, operation, limit)


def _image(request: type[Q], answer: type[A], operation: str, limit: Limit = "change") -> Method[Q, A]:
    return Method(f"/runtime.v1.ImageService/{_name(request)}", request, answer, operation, limit)


def _name(request: type[Message]) -> str:
    return request.DESCRIPTOR.name.removesuffix("Request")


VERSION = _runtime(run.VersionRequest, run.VersionResponse, "read version of runtime", "read")
CONNECT = _runtime(run.VersionRequest, run.VersionResponse, "connect to container runtime", "read")
STATUS = _runtime(run.StatusRequest, run.StatusResponse, "read status of runtime", "read")
GET_CONFIG = _runtime(run.RuntimeConfigRequest, run.RuntimeConfigResponse, "read setup of runtime", "read")
SET_CONFIG = _runtime(
    run.UpdateRuntimeConfigRequest, run.UpdateRuntimeConfigResponse, "change setup of runtime"
)

RUN_SANDBOX = _runtime(box.RunPodSandboxRequest, box.RunPodSandboxResponse, "run sandbox", "run_sandbox")
STOP_SANDBOX = _runtime(box.StopPodSandboxRequest, box.StopPodSandboxResponse, "stop sandbox", "stop_sandbox")
REMOVE_SANDBOX = _runtime(
    box.RemovePodSandboxRequest, box.RemovePodSandboxResponse, "remove sandbox", "stop_sandbox"
)
SANDBOX_STATUS = _runtime(
    box.PodSandboxStatusRequest, box.PodSandboxStatusResponse, "read status of sandbox", "read"
)
LIST_SANDBOXES = _runtime(box.ListPodSandboxRequest, box.ListPodSandboxResponse, "list sandboxes", "read")
UPDATE_SANDBOX = _runtime(
    box.UpdatePodSandboxResourcesRequest, box.UpdatePodSandboxResourcesResponse, "change limits of sandbox"
)

CREATE_CONTAINER = _runtime(con.CreateContainerRequest, con.CreateContainerResponse, "create container")
START_CONTAINER = _runtime(con.StartContainerRequest, con.StartContainerResponse, "start container")
STOP_CONTAINER = _runtime(
    con.StopContainerRequest, con.StopContainerResponse, "stop container", "stop_margin"
)
REMOVE_CONTAINER = _runtime(con.RemoveContainerRequest, con.RemoveContainerResponse, "remove container")
CONTAINER_STATUS = _runtime(
    con.ContainerStatusRequest, con.ContainerStatusResponse, "read status of container", "read"
)
LIST_CONTAINERS = _runtime(con.ListContainersRequest, con.ListContainersResponse, "list containers", "read")
UPDATE_CONTAINER = _runtime(
    con.UpdateContainerResourcesRequest, con.UpdateContainerResourcesResponse, "change limits of container"
)
REOPEN_LOG = _runtime(
    con.ReopenContainerLogRequest, con.ReopenContainerLogResponse, "reopen log of container"
)
CHECKPOINT = _runtime(chk.CheckpointContainerRequest, chk.CheckpointContainerResponse, "checkpoint container")

EXEC_SYNC = _runtime(stm.ExecSyncRequest, stm.ExecSyncResponse, "run command in container", "exec_margin")
EXEC = _runtime(stm.ExecRequest, stm.ExecResponse, "prepare command in container")
ATTACH = _runtime(stm.AttachRequest, stm.AttachResponse, "prepare attaching to container")
PORT_FORWARD = _runtime(stm.PortForwardRequest, stm.PortForwardResponse, "prepare port forwarding to sandbox")

CONTAINER_STATS = _runtime(
    use.ContainerStatsRequest, use.ContainerStatsResponse, "read usage of container", "read"
)
LIST_CONTAINER_STATS = _runtime(
    use.ListContainerStatsRequest, use.ListContainerStatsResponse, "list usage of containers", "read"
)
SANDBOX_STATS = _runtime(
    use.PodSandboxStatsRequest, use.PodSandboxStatsResponse, "read usage of sandbox", "read"
)
LIST_SANDBOX_STATS = _runtime(
    use.ListPodSandboxStatsRequest, use.ListPodSandboxStatsResponse, "list usage of sandboxes", "read"
)
LIST_METRIC_DESCRIPTORS = _runtime(
    use.ListMetricDescriptorsRequest, use.ListMetricDescriptorsResponse, "list metrics of runtime", "read"
)
LIST_SANDBOX_METRICS = _runtime(
    use.ListPodSandboxMetricsRequest, use.ListPodSandboxMetricsResponse, "list metrics of sandboxes", "read"
)

PULL_IMAGE = _image(img.PullImageRequest, img.PullImageResponse, "pull image", "pull")
IMAGE_STATUS = _image(img.ImageStatusRequest, img.ImageStatusResponse, "read status of image", "read")
LIST_IMAGES = _image(img.ListImagesRequest, img.ListImagesResponse, "list images", "read")
REMOVE_IMAGE = _image(img.RemoveImageRequest, img.RemoveImageResponse, "remove image")
IMAGE_FS_INFO = _image(img.ImageFsInfoRequest, img.ImageFsInfoResponse, "read usage of images", "read")

CONTAINER_EVENTS = Method(
    "/runtime.v1.RuntimeService/GetContainerEvents",
    evt.GetEventsRequest,
    evt.ContainerEventResponse,
    "follow events of runtime",
    "endless",
)
SUBSCRIBE = Method(
    "/containerd.services.events.v1.Events/Subscribe",
    containerd.SubscribeRequest,
    containerd.Envelope,
    "follow events of runtime",
    "endless",
)

# containerd's own service; everything made over CRI is in this namespace.
_NAMESPACE = (("containerd-namespace", "k8s.io"),)
KILL_TASK = Method(
    "/containerd.services.tasks.v1.Tasks/Kill",
    tasks.KillRequest,
    Empty,
    "kill task of container",
    "change",
    _NAMESPACE,
)
DELETE_TASK = Method(
    "/containerd.services.tasks.v1.Tasks/Delete",
    tasks.DeleteTaskRequest,
    tasks.DeleteResponse,
    "delete task of container",
    "change",
    _NAMESPACE,
)
