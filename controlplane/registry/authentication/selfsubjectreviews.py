# SPDX-License-Identifier: Apache-2.0
"""SelfSubjectReview: a question that is answered and not stored."""

from lightkube.resources import authentication_v1

from controlplane.registry.derive import derive

RESOURCE = derive(authentication_v1.SelfSubjectReview, columns=())
