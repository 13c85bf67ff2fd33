# SPDX-License-Identifier: Apache-2.0
"""Manifests that stories apply."""

from typing import Final

DEPLOYMENT: Final = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.com/web:1", ports: [{containerPort: 80}]}]}
"""
SETTINGS: Final = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web}}
data: {color: red}
"""
SERVICE: Final = """
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""
ALL: Final = f"{DEPLOYMENT}---{SETTINGS}---{SERVICE}"
CHANGED: Final = ALL.replace("web:1", "web:2").replace("color: red", "color: blue")
REPLICA_SET: Final = DEPLOYMENT.replace("kind: Deployment", "kind: ReplicaSet")
POD: Final = """
apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: one}}
spec: {containers: [{name: main, image: busybox, env: [{name: A, value: B}]}]}
"""
NODE: Final = """
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {kubernetes.io/hostname: n1, node-role.kubernetes.io/worker: ""}}
"""
