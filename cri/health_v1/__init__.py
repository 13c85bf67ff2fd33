# SPDX-License-Identifier: Apache-2.0
"""gRPC's health messages; generated from proto/cri/health_v1."""
