"""Take secrets out of everything that is to be recorded, before anything is hashed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

from mlv.core.run import ParamTree
from mlv.core.secret_names import is_secret, is_secret_name
from mlv.core.secret_shapes import REDACTED, redact_shapes

COMMAND = "command"
"""What a word of a command line is called that belongs to no flag."""

ValueT = TypeVar("ValueT")

_FLAG = re.compile(r"--?[A-Za-z][A-Za-z0-9_.-]*")
_OPTION = re.compile(r"(-{0,2}[A-Za-z+~][A-Za-z0-9_./@-]*)=(.*)", re.DOTALL)


class Redactor:
    """Takes secrets out, but for those that a person allowed, and remembers what it took.

    Attributes:
        taken: Names of what was taken out, in order, without the values and without dashes.
    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._allowed = frozenset(_plain_name(name) for name in allow)
        self.taken: dict[str, None] = {}

    def allows(self, name: str) -> bool:
        """Tell whether what goes by this name is to be recorded as it is.

        A param may be allowed by its whole dotted name, or by the last part of it.
        """
        if not self._allowed:
            return False
        plain = _plain_name(name)
        return plain in self._allowed or plain.rpartition(".")[2] in self._allowed

    def redact_text(self, text: str, *, name: str) -> str:
        """Return a text without what has the shape of a secret; `name` says what it is."""
        if self.allows(name):
            return text

        def keep(inner: str) -> bool:
            if self.allows(inner):
                return True
            self._note(inner or name)
            return False

        return redact_shapes(text, keep)

    def redact_value(self, name: str, value: str) -> str:
        """Return the value of `name`, redacted for its name or its shape."""
        if is_secret(name.rpartition(".")[2], value):
            return self._take(name, value)
        return self.redact_text(value, name=name)

    def redact_argv(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Return a command line without its secrets; it has as many words as before."""
        redacted = []
        flag = ""
        for word in argv:
            option = _OPTION.fullmatch(word)
            if flag and not word.startswith("--"):
                redacted.append(self.redact_value(flag, word))
                flag = ""
            elif option:
                redacted.append(f"{option[1]}={self.redact_value(option[1], option[2])}")
                flag = ""
            else:
                redacted.append(self.redact_text(word, name=COMMAND))
                flag = word if _FLAG.fullmatch(word) else ""
        return tuple(redacted)

    def redact_tree(self, values: ParamTree) -> ParamTree:
        """Return params without their secrets; their names are dotted."""
        return {name: self._redact_param(name, "", value) for name, value in values.items()}

    def _redact_param(self, name: str, owner: str, value: object) -> object:
        """Return a param without its secrets.

        Args:
            name: Its dotted name.
            owner: The nearest name above it that is that of a secret.
            value: Its value.
        """
        own = name.rpartition(".")[2]
        if isinstance(value, dict):
            owner = name if is_secret_name(own) else owner
            return {k: self._redact_param(f"{name}.{k}", owner, v) for k, v in value.items()}
        if isinstance(value, list):
            return [self._redact_param(name, owner, each) for each in value]
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            return value
        text = str(value)
        if is_secret(own, text) or (owner and is_secret(owner, text)):
            return self._take(name, value)
        return self.redact_text(value, name=name) if isinstance(value, str) else value

    def _take(self, name: str, value: ValueT) -> ValueT | str:
        if self.allows(name):
            return value
        self._note(name)
        return REDACTED

    def _note(self, name: str) -> None:
        self.taken[name.lstrip("-")] = None


def redact_text(text: str) -> str:
    """Return `text` with everything taken out that has the shape of a secret."""
    return redact_shapes(text)


def redact_value(name: str, value: str) -> str:
    """Return the value of `name`, redacted for its name or its shape."""
    return Redactor().redact_value(name, value)


def redact_argv(argv: Sequence[str], allow: Iterable[str] = ()) -> tuple[str, ...]:
    """Return a command line without its secrets; it has as many words as before.

    >>> redact_argv(["train", "--api-key", "abc", "--token=def", "https://me:pw@host/x"])
    ('train', '--api-key', '***', '--token=***', 'https://***@host/x')
    """
    return Redactor(allow).redact_argv(argv)


def _plain_name(name: str) -> str:
    return name.lstrip("-+~").lower().replace("-", "_")
