"""Where a session's record lives: the core's own stores, or the host's."""

import os
from typing import Union

from ._library import generated


class KeyWrapper:
    """Wraps one 32-byte data key with a key that the platform guards. Called on a thread of the library's own.

    Raise ``KeyFailure.Locked``, ``.Transient`` or ``.Gone``; anything else counts as ``Transient``.
    """

    def wrap(self, data_key: bytes) -> bytes:
        """Wraps a data key. The result, which is never empty, is stored beside the record in clear."""
        raise NotImplementedError

    def unwrap(self, wrapped: bytes) -> bytes:
        """Gives back the data key that was wrapped."""
        raise NotImplementedError


class SecureStorage:
    """A place of the host's for named entries of bytes, which the core seals. Called on a thread of the library's own.

    An exception counts as "cannot be read now" for a read and as "may or may not have happened" for a write.
    """

    def entry_id(self) -> str:
        """Names the entry among all stores of this device: two sessions with the same id share one record."""
        raise NotImplementedError

    def read(self, name: str) -> "generated.ReadOutcome":
        """Reads one entry."""
        raise NotImplementedError

    def write(self, name: str, data: bytes) -> "generated.WriteOutcome":
        """Replaces one entry, in one step: a crash leaves the old bytes or the new ones."""
        raise NotImplementedError

    def delete(self, name: str) -> "generated.WriteOutcome":
        """Deletes one entry; an absent one counts as deleted."""
        raise NotImplementedError


class Storage:
    """A place for the session's record."""

    __slots__ = ("_inner",)

    def __init__(self, inner: "generated.Storage"):
        self._inner = inner

    @classmethod
    def memory(cls) -> "Storage":
        """In memory: for tests, and for apps that chose to keep nothing."""
        return cls(generated.Storage.memory())

    @classmethod
    def file(cls, folder: Union[str, os.PathLike], key_wrapper: KeyWrapper) -> "Storage":
        """Files in ``folder``, sealed (AES-256-GCM) under a data key that ``key_wrapper`` guards."""
        return cls(generated.Storage.file(os.fspath(folder), _KeyWrapperAdapter(key_wrapper)))

    @classmethod
    def keyring(cls, application: str) -> "Storage":
        """The platform's keyring, under the application's id such as ``com.example.app``."""
        return cls(generated.Storage.keyring(application))

    @classmethod
    def host(cls, store: SecureStorage, key_wrapper: KeyWrapper) -> "Storage":
        """A store of the host's own, which sees sealed bytes only."""
        return cls(generated.Storage.host(_StorageAdapter(store), _KeyWrapperAdapter(key_wrapper)))

    def __repr__(self) -> str:
        return repr(self._inner)


# The adapters catch BaseException: generated code lets a SystemExit or KeyboardInterrupt through to ctypes, which
# prints it and tells Rust that all went well.


class _KeyWrapperAdapter(generated.KeyWrapper):
    def __init__(self, wrapper: KeyWrapper):
        self._wrapper = wrapper

    def wrap(self, data_key: bytes) -> bytes:
        return _key(lambda: self._wrapper.wrap(data_key))

    def unwrap(self, wrapped: bytes) -> bytes:
        return _key(lambda: self._wrapper.unwrap(wrapped))


class _StorageAdapter(generated.SecureStorage):
    def __init__(self, store: SecureStorage):
        self._store = store

    def entry_id(self) -> str:
        return _stored(self._store.entry_id)

    def read(self, name: str) -> "generated.ReadOutcome":
        return _stored(lambda: self._store.read(name))

    def write(self, name: str, bytes: bytes) -> "generated.WriteOutcome":
        return _stored(lambda: self._store.write(name, bytes))

    def delete(self, name: str) -> "generated.WriteOutcome":
        return _stored(lambda: self._store.delete(name))


def _key(call):
    try:
        return call()
    except generated.KeyFailure:
        raise
    except BaseException:
        raise generated.KeyFailure.Transient() from None


def _stored(call):
    try:
        return call()
    except BaseException:
        raise generated.StorageError.Threw() from None
