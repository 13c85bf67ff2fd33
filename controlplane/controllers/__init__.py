# SPDX-License-Identifier: Apache-2.0
"""The loops that make the cluster what its objects say: one controller a file."""
