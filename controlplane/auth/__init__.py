# SPDX-License-Identifier: Apache-2.0
"""Who may do what: certificates and tokens, RBAC, the Node authorizer, signing requests, reviews and the audit log."""
