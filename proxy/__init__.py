# SPDX-License-Identifier: Apache-2.0
"""Services on a node: virtual IPs and cluster DNS. Laid out for the issue that builds it; empty until then."""
