import sys
import time

from ._library import generated


class AccessToken:
    """An access token with its generation and its end. ``value`` is its text; nothing else shows it."""

    __slots__ = ("_value", "_generation", "_end")

    def __init__(self, value: str, generation: "generated.Generation", expires_in: float):
        self._value = value
        self._generation = generation
        self._end = _now() + expires_in

    @property
    def value(self) -> str:
        """The token's text, for an ``Authorization: Bearer`` header (RFC 6750, section 2.1)."""
        return self._value

    @property
    def generation(self) -> "generated.Generation":
        """The name under which a 401 is reported back."""
        return self._generation

    @property
    def expires_in(self) -> float:
        """What is left of its life, in seconds; zero when it has expired."""
        return max(0.0, self._end - _now())

    def __repr__(self) -> str:
        epoch, number = self._generation.epoch, self._generation.number
        return f"AccessToken(generation={epoch}.{number}, expires_in={self.expires_in:.0f})"

    def __eq__(self, other) -> bool:
        if not isinstance(other, AccessToken):
            return NotImplemented
        return self._value == other._value and self._generation == other._generation

    def __hash__(self) -> int:
        return hash((self._generation.epoch, self._generation.number))

    def __reduce__(self):
        raise TypeError("an access token is not written anywhere")


def from_core(token: "generated.AccessToken") -> AccessToken:
    return AccessToken(token.value, token.generation, token.expires_in_ms / 1000)


def _now() -> float:
    # Lifetimes run on a clock that counts sleep. On macOS that is CLOCK_MONOTONIC.
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
