# SPDX-License-Identifier: Apache-2.0
"""The store in etcd v3, for several control planes over one state. gRPC and protobuf stop at this folder's border."""

from controlplane.store.etcd.options import EtcdOptions, Tls
from controlplane.store.etcd.store import EtcdStore, open_etcd

__all__ = ["EtcdOptions", "EtcdStore", "Tls", "open_etcd"]
