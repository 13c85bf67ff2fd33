# SPDX-License-Identifier: Apache-2.0
"""Admission: what is filled in and refused by looking at other objects, after authorization and before the store."""
