# SPDX-License-Identifier: Apache-2.0
"""Kinds of events.k8s.io/v1."""
