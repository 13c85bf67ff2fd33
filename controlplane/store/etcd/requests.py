# SPDX-License-Identifier: Apache-2.0
"""etcd's messages for what a store does, and records of its answers. Keys of ours get the root in front."""

from controlplane.store.errors import CompactedError
from controlplane.store.etcd.v3 import kv_pb2, rpc_pb2
from controlplane.store.interface import Change, ChangeKind, Record

_END = b"\xff"
"""Greater than every byte of UTF-8."""


class Keys:
    """Our keys as etcd's under one root."""

    def __init__(self, root: str) -> None:
        self._root = root.encode()
        # Within the watched range, and no key of ours: those begin with "/".
        self.marker = self._root + b"\0opened"

    def all(self) -> tuple[bytes, bytes]:
        """The range of the whole store with its marker."""
        return self._root + b"\0", self._root + b"/" + _END

    def range(self, prefix: str, start_key: str) -> tuple[bytes, bytes]:
        """As etcd's key and range_end."""
        begin = max(prefix or "/", start_key)
        return self.of(begin), self.of(prefix or "/") + _END

    def of(self, key: str) -> bytes:
        """One key."""
        return self._root + key.encode()

    def record(self, kv: kv_pb2.KeyValue) -> Record:
        """A record of etcd's."""
        return Record(kv.key[len(self._root) :].decode(), kv.value, kv.create_revision, kv.mod_revision)

    def changes(self, answer: rpc_pb2.WatchResponse) -> list[Change]:
        """What a watch with prev_kv has told. Raises CompactedError when what was before is gone."""
        return [self._change(event) for event in answer.events if event.kv.key != self.marker]

    def _change(self, event: kv_pb2.Event) -> Change:
        record, old = self.record(event.kv), event.prev_kv
        if event.type == kv_pb2.Event.PUT and record.create_revision == record.mod_revision:
            return Change(ChangeKind.CREATED, record)
        if not event.HasField("prev_kv"):
            revision = record.mod_revision
            raise CompactedError(f"cannot tell the change at revision {revision}: history is gone", revision)
        if event.type == kv_pb2.Event.PUT:
            return Change(ChangeKind.UPDATED, record, old.value)
        return Change(
            ChangeKind.DELETED, Record(record.key, old.value, old.create_revision, record.mod_revision)
        )


def put_if_absent(key: bytes, value: bytes) -> rpc_pb2.TxnRequest:
    """Fails when there is the key."""
    absent = rpc_pb2.Compare(target=rpc_pb2.Compare.CREATE, key=key, create_revision=0)
    put = rpc_pb2.RequestOp(request_put=rpc_pb2.PutRequest(key=key, value=value))
    return rpc_pb2.TxnRequest(compare=[absent], success=[put])


def put_if_at(key: bytes, value: bytes, revision: int) -> rpc_pb2.TxnRequest:
    """Answers with the record before; when it is not the one at revision, with what is there."""
    put = rpc_pb2.RequestOp(request_put=rpc_pb2.PutRequest(key=key, value=value, prev_kv=True))
    return _if_at(key, revision, put)


def delete_if_at(key: bytes, revision: int) -> rpc_pb2.TxnRequest:
    """Answers with the record before; when it is not the one at revision, with what is there."""
    delete = rpc_pb2.RequestOp(request_delete_range=rpc_pb2.DeleteRangeRequest(key=key, prev_kv=True))
    return _if_at(key, revision, delete)


def mark(key: bytes) -> rpc_pb2.TxnRequest:
    """Write a key whatever is there: a change that every watch of its range will see."""
    return rpc_pb2.TxnRequest(success=[rpc_pb2.RequestOp(request_put=rpc_pb2.PutRequest(key=key))])


def _if_at(key: bytes, revision: int, write: rpc_pb2.RequestOp) -> rpc_pb2.TxnRequest:
    # etcd's mod_revision of a missing key is 0, which must not let an update of "0" create one.
    at = rpc_pb2.Compare(target=rpc_pb2.Compare.MOD, key=key, mod_revision=revision)
    there = rpc_pb2.Compare(
        result=rpc_pb2.Compare.GREATER, target=rpc_pb2.Compare.VERSION, key=key, version=0
    )
    read = rpc_pb2.RequestOp(request_range=rpc_pb2.RangeRequest(key=key))
    return rpc_pb2.TxnRequest(compare=[at, there], success=[write], failure=[read])
