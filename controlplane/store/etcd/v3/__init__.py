# SPDX-License-Identifier: Apache-2.0
"""etcd v3's messages; generated from proto/controlplane/store/etcd/v3."""
