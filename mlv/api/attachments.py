"""What a run keeps beside its metrics: figures, tables and texts, each a file."""

from __future__ import annotations

import os
import re

from mlv.capture.execution.run_directory import ATTACHMENTS, MAX_ATTACHMENT_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX_NAME_BYTES = 200
_MAX_PARTS = 8
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")


def safe_name(name: Any, suffix: str, *known: str) -> str:
    """Return the name of an attachment, as a relative path that leads nowhere else.

    Args:
        name: What the user calls it.
        suffix: What is added, unless the name ends with it or with one of `known`.
        known: Suffixes that will do as well; `.` for any.

    Raises:
        ValueError: Nothing of the name is left.
    """
    from mlv.api.values import text_of

    parts = _UNSAFE.sub("_", text_of(name).replace("\\", "/")).split("/")
    # A name that begins with a dot is that of a file that is being written.
    cut = (part.strip().lstrip(".").encode()[:_MAX_NAME_BYTES] for part in parts)
    kept = [part.decode(errors="ignore") for part in cut if part]
    if not kept:
        message = f"{name!r} names no attachment"
        raise ValueError(message)
    own = os.path.splitext(kept[-1])[1].lower()  # noqa: PTH122 - pathlib costs too much here
    if own != suffix and own not in known and not (own and "." in known):
        kept[-1] += suffix
    return "/".join(kept[-_MAX_PARTS:])


def write_attachment(run_directory: str, name: str, data: bytes) -> None:
    """Write an attachment; one with the same name is replaced.

    Raises:
        ValueError: It is too large.
        OSError: The disk is full, read-only or failing.
    """
    if len(data) > MAX_ATTACHMENT_BYTES:
        message = (
            f"{name!r} has {len(data)} bytes, and an attachment at most {MAX_ATTACHMENT_BYTES}"
        )
        raise ValueError(message)
    if not os.path.isdir(run_directory):  # noqa: PTH112
        message = "the run has been sealed"
        raise FileNotFoundError(message)
    path = f"{run_directory}/{ATTACHMENTS}/{name}"
    directory, _, file_name = path.rpartition("/")
    os.makedirs(directory, exist_ok=True)  # noqa: PTH103
    temporary = f"{directory}/.{os.getpid()}-{os.urandom(6).hex()}"
    try:
        with open(temporary, "xb") as file:  # noqa: PTH123
            file.write(data)
        os.replace(temporary, f"{directory}/{file_name}")  # noqa: PTH105
    except BaseException:
        if os.path.exists(temporary):  # noqa: PTH110
            os.unlink(temporary)  # noqa: PTH108
        raise


def format_text(name: Any, text: Any) -> tuple[str, bytes]:
    """Return the name and the bytes of a text."""
    from mlv.api.values import text_of

    return safe_name(name, ".txt", "."), text_of(text).encode()


def format_dict(name: Any, mapping: Any) -> tuple[str, bytes]:
    """Return the name and the bytes of a mapping, as JSON, which is YAML as well."""
    import json

    from mlv.api.values import plain

    if isinstance(mapping, str) and not isinstance(name, str):
        name, mapping = mapping, name  # as MLflow orders them
    text = json.dumps(plain(mapping), indent=2, ensure_ascii=False)
    return safe_name(name, ".json", ".yaml", ".yml"), f"{text}\n".encode()
