# SPDX-License-Identifier: Apache-2.0
from cri.v1 import basic_pb2 as _basic_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WindowsCpuUsage(_message.Message):
    __slots__ = ("timestamp", "usage_core_nano_seconds", "usage_nano_cores")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    USAGE_CORE_NANO_SECONDS_FIELD_NUMBER: _ClassVar[int]
    USAGE_NANO_CORES_FIELD_NUMBER: _ClassVar[int]
    timestamp: int
    usage_core_nano_seconds: _basic_pb2.UInt64Value
    usage_nano_cores: _basic_pb2.UInt64Value
    def __init__(self, timestamp: _Optional[int] = ..., usage_core_nano_seconds: _Optional[_Union[_basic_pb2.UInt64Value, _Mapping]] = ..., usage_nano_cores: _Optional[_Union[_basic_pb2.UInt64Value, _Mapping]] = ...) -> None: ...

class WindowsMemoryUsage(_message.Message):
    __slots__ = ("timestamp", "working_set_bytes", "available_bytes", "page_faults", "commit_memory_bytes")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    WORKING_SET_BYTES_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PAGE_FAULTS_FIELD_NUMBER: _ClassVar[int]
    COMMIT_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    timestamp: int
    working_set_bytes: _basic_pb2.UInt64Value
    available_bytes: _basic_pb2.UInt64Value
    page_faults: _basic_pb2.UInt64Value
    commit_memory_bytes: _basic_pb2.UInt64Value
    def __init__(self, timestamp: _Optional[int] = ..., working_set_bytes: _Optional[_Union[_basic_pb2.UInt64Value, _Mapping]] = ..., available_bytes: _Optional[_Union[_basic_pb2.UInt64Value, _Mapping]] = ..., page_faults: _Optional[_Union[_basic_pb2.UInt64Value, _Mapping]] = ..., commit_memory_bytes: _Optional[_Union[_basic_pb2.UInt64Value, _Mapping]] = ...) -> None: ...

class WindowsProcessUsage(_message.Message):
    __slots__ = ("timestamp", "process_count")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PROCESS_COUNT_FIELD_NUMBER: _ClassVar[int]
    timestamp: int
    process_count: _basic_pb2.UInt64Value
    def __init__(self, timestamp: _Optional[int] = ..., process_count: _Optional[_Union[_basic_pb2.UInt64Value, _Mapping]] = ...) -> None: ...

class WindowsNetworkInterfaceUsage(_message.Message):
    __slots__ = ("name", "rx_bytes", "rx_packets_dropped", "tx_bytes", "tx_packets_dropped")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RX_BYTES_FIELD_NUMBER: _ClassVar[int]
    RX_PACKETS_DROPPED_FIELD_NUMBER: _ClassVar[int]
    TX_BYTES_FIELD_NUMBER: _ClassVar[int]
    TX_PACKETS_DROPPED_FIELD_NUMBER: _ClassVar[int]
    name: str
    rx_bytes: _basic_pb2.UInt64Value
    rx_packets_dropped: _basic_pb2.UInt64Value
    tx_bytes: _basic_pb2.UInt64Value
    tx_packets_dropped: _basic_pb2.UInt64Value
    def __init__(self, name: _Optional[str] = ..., rx_bytes: _Optional[_Union[_basic_pb2.UInt64Value, _Mapping]] = ..., rx_packets_dropped: _Optional[_Union[_basic_pb2.UInt64Value, _Mapping]] = ..., tx_bytes: _Optional[_Union[_basic_pb2.UInt64Value, _Mapping]] = ..., tx_packets_dropped: _Optional[_Union[_basic_pb2.UInt64Value, _Mapping]] = ...) -> None: ...

class WindowsNetworkUsage(_message.Message):
    __slots__ = ("timestamp", "default_interface", "interfaces")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_INTERFACE_FIELD_NUMBER: _ClassVar[int]
    INTERFACES_FIELD_NUMBER: _ClassVar[int]
    timestamp: int
    default_interface: WindowsNetworkInterfaceUsage
    interfaces: _containers.RepeatedCompositeFieldContainer[WindowsNetworkInterfaceUsage]
    def __init__(self, timestamp: _Optional[int] = ..., default_interface: _Optional[_Union[WindowsNetworkInterfaceUsage, _Mapping]] = ..., interfaces: _Optional[_Iterable[_Union[WindowsNetworkInterfaceUsage, _Mapping]]] = ...) -> None: ...
