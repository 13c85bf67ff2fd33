# SPDX-License-Identifier: Apache-2.0
"""CRI v1's messages; generated from proto/cri/v1."""
