# SPDX-License-Identifier: Apache-2.0
"""The four patch types of the Kubernetes API and who owns which field: pure functions over plain JSON values."""
