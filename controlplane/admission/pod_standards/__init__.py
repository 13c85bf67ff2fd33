# SPDX-License-Identifier: Apache-2.0
"""The Pod Security Standards: what a pod of each level may not do. All of it is pure."""
