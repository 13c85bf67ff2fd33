# SPDX-License-Identifier: Apache-2.0
"""The interfaces that Orlop speaks over gRPC, as .proto files, and the program that makes Python of them."""
