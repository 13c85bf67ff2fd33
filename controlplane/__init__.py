# SPDX-License-Identifier: Apache-2.0
"""A thin Kubernetes API server. Laid out for the issue that builds it; empty until then."""
