"""What users pass as params and metrics, made into what the journal can hold.

Anything at all may be passed, and none of it may stop the training: what has no plain
form becomes text.
"""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

_MAX_DEPTH = 32
"""Params nested deeper, or endlessly, become text there."""

_MAX_ITEMS = 100
"""Arrays with more items become text that says what they are."""

_MAX_TEXT = 1_000
"""Characters that are kept of the text of an object."""

_MAX_DIGITS_BITS = 10_000
"""Whole numbers with more bits are written as hexadecimal text: decimals would take too long."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def params_of(source: Any) -> dict[str, Any]:
    """Return params as nested dicts of JSON values.

    Raises:
        TypeError: As `find_fields`.
    """
    return {text_of(name): plain(value, 1) for name, value in find_fields(source).items()}


def find_fields(source: Any) -> dict[Any, Any]:
    """Return the named values that a source of params has, as they are.

    Args:
        source: A mapping, a data class, an `argparse.Namespace`, or a module, a class or another
            object that has its params as attributes.

    Raises:
        TypeError: It has none.
    """
    fields = _find_parts(source)
    if fields is not None:
        return fields
    if isinstance(source, type):
        return _attributes(source, {})
    if isinstance(source, type(os)):
        own = vars(source).items()
        data = {name: each for name, each in own if not isinstance(each, (type, type(os)))}
        return _attributes(
            type(source), {n: each for n, each in data.items() if not callable(each)}
        )
    if callable(source) or not hasattr(source, "__dict__"):
        message = f"{describe(source)} is no mapping of params"
        raise TypeError(message)
    return _attributes(type(source), vars(source))


def flatten_metrics(values: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the metrics of nested mappings by names such as `train/loss`."""
    for key in values:
        name, value = prefix + text_of(key), values[key]
        if hasattr(value, "keys") and hasattr(value, "__getitem__"):
            yield from flatten_metrics(value, f"{name}/")
        else:
            yield name, value


def number_of(value: Any) -> int | float:
    """Return a number as the journal holds it; NumPy and torch scalars are numbers.

    Raises:
        TypeError, ValueError, OverflowError: It is none.
    """
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        return int(value)
    if isinstance(value, (str, bytes)):
        message = f"{value!r} is not a number"
        raise TypeError(message)
    return float(value)


def find_numbers(values: Mapping[Any, Any]) -> dict[str, int | float]:
    """Return the numbers of nested mappings by names such as `test/loss`, and nothing else."""
    numbers = {}
    for name, value in flatten_metrics(values):
        try:
            numbers[name] = number_of(value)
        except Exception:  # noqa: BLE001, S112 - whatever it is, it is no number
            continue
    return numbers


def tags_of(tags: Any) -> list[str]:
    """Return tags as words; a mapping gives `key=value`, and one text is one tag."""
    if isinstance(tags, str):
        return [text_of(tags)]
    if hasattr(tags, "items"):
        return [f"{text_of(key)}={text_of(value)}" for key, value in tags.items()]
    return [text_of(tag) for tag in tags]


def text_of(value: Any) -> str:
    """Return the text of anything, as UTF-8 can hold it."""
    try:
        text = str.__str__(value) if isinstance(value, str) else str(value)
    except Exception:  # noqa: BLE001 - it is the user's own, and may raise anything
        text = describe(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def describe(value: Any) -> str:
    """Return a text for an object that has no plain form; no address of memory is in it."""
    try:
        if callable(value) and hasattr(value, "__qualname__"):
            return f"{value.__module__}.{value.__qualname__}"
        shape = getattr(value, "shape", None)
        if isinstance(shape, tuple):
            return f"{type(value).__name__} of shape {tuple(shape)}"
        text = _ADDRESS.sub("", repr(value))
    except Exception:  # noqa: BLE001 - it is the user's own, and may raise anything
        return f"<{type(value).__name__}>"
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}..."


def plain(value: Any, depth: int = 0) -> Any:
    """Return a JSON value for anything; never raises."""
    try:
        return _plain(value, depth)
    except Exception:  # noqa: BLE001 - whatever the conversion of a user's object raises
        return text_of(describe(value))


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, (int, float, str)):
        return _plain_scalar(value)
    if depth > _MAX_DEPTH:
        return text_of(describe(value))
    if isinstance(value, (set, frozenset)):
        return [plain(each, depth + 1) for each in sorted(value, key=text_of)]
    fields = _find_parts(value)
    if fields is not None:
        return {text_of(name): plain(each, depth + 1) for name, each in fields.items()}
    return _plain_object(value, depth)


def _plain_scalar(value: Any) -> Any:
    """Return a value of the type that JSON knows, where it may be of one derived from that."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() <= _MAX_DIGITS_BITS else hex(value)
    return float(value) if isinstance(value, float) else text_of(value)


def _plain_object(value: Any, depth: int) -> Any:
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        return plain(value.tolist(), depth + 1) if _count(value) <= _MAX_ITEMS else describe(value)
    if isinstance(value, (list, tuple)) or _is_sequence(value):
        return [plain(each, depth + 1) for each in value]
    if hasattr(value, "__fspath__"):
        return text_of(os.fspath(value))
    if hasattr(value, "isoformat"):
        return text_of(value.isoformat())
    if hasattr(type(value), "__members__"):  # an enumeration
        return plain(value.value, depth + 1)
    return text_of(describe(value))


def _find_parts(value: Any) -> dict[Any, Any] | None:
    """Return the parts of a value that is made of named parts, None for any other."""
    if isinstance(value, dict):
        return value
    if isinstance(value, (str, bytes, int, float, list, tuple, type(None))):
        return {name: getattr(value, name) for name in getattr(value, "_fields", ())} or None
    kind = type(value)
    if hasattr(kind, "keys") and hasattr(kind, "__getitem__") and not hasattr(kind, "shape"):
        return _read(value.keys(), value.__getitem__)
    if hasattr(kind, "__dataclass_fields__"):
        return _read(kind.__dataclass_fields__, lambda name: getattr(value, name))
    if kind.__name__ in ("Namespace", "SimpleNamespace") or hasattr(kind, "model_fields"):
        return dict(vars(value))
    return None


def _read(names: Iterable[Any], get: Any) -> dict[Any, Any]:
    fields = {}
    for name in names:
        try:
            fields[name] = get(name)
        except Exception as error:  # noqa: BLE001 - such as a missing value of OmegaConf
            fields[name] = describe(error)
    return fields


def _attributes(kind: type, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the public attributes of a class that are data, then those of its object."""
    found = {
        name: value
        for each in reversed(kind.__mro__[:-1])
        for name, value in vars(each).items()
        if not callable(value) and not hasattr(value, "__get__")
    }
    found.update(own)
    return {name: value for name, value in found.items() if not name.startswith("_")}


def _count(array: Any) -> int:
    count = 1
    for length in array.shape:
        count *= length
    return count


def _is_sequence(value: Any) -> bool:
    from collections.abc import Sequence

    return isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, range))
