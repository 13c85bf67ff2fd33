# SPDX-License-Identifier: Apache-2.0
"""containerd's task messages; generated from proto/cri/tasks_v1."""
