from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.docs.console import Step, execute_steps, find_problems, read_steps

PAGE = """\
# Title

```console
$ cd sub
$ cat <<END
> one   two
> END
one two
```

<!-- exit: 3 -->
```console
$ (exit 3)
```

```sh
make nothing
```
"""


def _problems(page: str, directory: Path) -> list[str]:
    steps = read_steps(page)
    return find_problems(steps, execute_steps(steps, directory=directory, variables=os.environ))


def test_steps_are_read_in_order() -> None:
    assert read_steps(PAGE) == [
        Step(command="cd sub", printed=(), exit_code=0),
        Step(command="cat <<END\none   two\nEND", printed=("one two",), exit_code=0),
        Step(command="(exit 3)", printed=(), exit_code=3),
    ]


def test_block_without_a_command_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with 'output'"):
        read_steps("```console\noutput\n```\n")


def test_true_page_has_no_problems(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    assert _problems(PAGE, tmp_path) == []


def test_unexpected_exit_code_is_a_problem(tmp_path: Path) -> None:
    page = "```console\n$ echo said; false\n```\n"
    assert _problems(page, tmp_path) == ["$ echo said; false\nexited with 1:\nsaid\n"]


def test_line_that_is_not_printed_is_a_problem(tmp_path: Path) -> None:
    page = "```console\n$ printf 'one\\ntwo\\n'\ntwo\none\n```\n"
    assert _problems(page, tmp_path) == [
        "$ printf 'one\\ntwo\\n'\ndid not print 'one':\none\ntwo\n"
    ]


def test_ellipsis_stands_for_anything(tmp_path: Path) -> None:
    page = "```console\n$ echo accuracy   0.924 better\naccuracy ... better\n```\n"
    assert _problems(page, tmp_path) == []


def test_end_of_the_shell_is_a_problem(tmp_path: Path) -> None:
    page = "```console\n$ exit 0\n$ echo never\n```\n"
    assert _problems(page, tmp_path) == ["2 commands on the page, but 0 were executed"]
