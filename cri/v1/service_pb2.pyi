# SPDX-License-Identifier: Apache-2.0
from cri.v1 import checkpoint_calls_pb2 as _checkpoint_calls_pb2
from cri.v1 import container_calls_pb2 as _container_calls_pb2
from cri.v1 import event_calls_pb2 as _event_calls_pb2
from cri.v1 import image_calls_pb2 as _image_calls_pb2
from cri.v1 import runtime_calls_pb2 as _runtime_calls_pb2
from cri.v1 import sandbox_calls_pb2 as _sandbox_calls_pb2
from cri.v1 import stats_calls_pb2 as _stats_calls_pb2
from cri.v1 import streaming_calls_pb2 as _streaming_calls_pb2
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor
