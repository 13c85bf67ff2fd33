# SPDX-License-Identifier: Apache-2.0
"""Request bodies in Kubernetes' protobuf encoding, as plain data."""

from controlplane.protobuf.body import MEDIA_TYPE, decode

__all__ = ["MEDIA_TYPE", "decode"]
