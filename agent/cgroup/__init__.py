# SPDX-License-Identifier: Apache-2.0
"""The pod level of cgroups: quality of service, limits, names, and the files of cgroup v1 and v2."""
