# SPDX-License-Identifier: Apache-2.0
"""containerd's event messages; generated from proto/cri/events_v1."""
