# SPDX-License-Identifier: Apache-2.0
"""SelfSubjectAccessReview: a question that is answered and not stored."""

from lightkube.resources import authorization_v1

from controlplane.registry.derive import derive

RESOURCE = derive(authorization_v1.SelfSubjectAccessReview, columns=())
