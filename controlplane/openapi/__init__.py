# SPDX-License-Identifier: Apache-2.0
"""OpenAPI documents of the served kinds: v2 as JSON and protobuf, v3 by group and version."""

from controlplane.openapi.answer import OpenApi

__all__ = ["OpenApi"]
