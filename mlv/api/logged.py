"""`run.config` and `run.summary`: mappings that log what is set in them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Send = Callable[[dict[str, Any]], None]


class Logged(dict):  # type: ignore[type-arg]  # Python 3.8 takes no arguments here
    """A dict that logs what is set in it; its keys are attributes too.

    A mapping in it is one of the same kind, so that `config.train.lr = 0.1` is logged, and one
    that is set again adds to what is there. What is deleted from it stays recorded.

    Args:
        send: Takes what was set, nested from the top; None for nobody, as in a copy.
    """

    __slots__ = ("_send",)

    def __init__(self, send: Send | None = None) -> None:
        super().__init__()
        object.__setattr__(self, "_send", send)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.update({key: value})

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return what is there; set and log it if nothing is."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(
        self, source: Any = None, /, *, allow_val_change: object = None, **named: Any
    ) -> None:
        """Set values and log them.

        Args:
            source: A mapping, a data class, an `argparse.Namespace`, or another object with
                values as attributes.
            allow_val_change: Has no meaning here: every change is allowed.
            named: Further values.
        """
        from mlv.api.values import find_fields

        del allow_val_change
        try:
            found = {} if source is None else dict(find_fields(source))
        except Exception:  # noqa: BLE001 - it is the user's own, and may raise anything
            self._tell(source)  # notes that it is no mapping
            return
        found.update(named)
        self._keep(found)
        self._tell(found)

    def as_dict(self) -> dict[str, Any]:
        """Return a plain copy."""
        return {
            key: value.as_dict() if isinstance(value, Logged) else value
            for key, value in self.items()
        }

    def _keep(self, values: dict[str, Any]) -> None:
        for key, value in values.items():
            if not isinstance(value, dict):
                super().__setitem__(key, value)
                continue
            inner = self.get(key)
            if not isinstance(inner, Logged):
                inner = Logged(self._tell_inside(key))
                super().__setitem__(key, inner)
            inner._keep(value)

    def _tell(self, values: dict[str, Any]) -> None:
        if self._send is not None:
            self._send(values)

    def _tell_inside(self, key: Any) -> Send:
        return lambda values: self._tell({key: values})

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __reduce__(self) -> tuple[Any, ...]:
        return Logged, (), None, None, iter(self.items())
