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


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("run calm-otter (01m7xjhv)", "run rapid-finch (01m7xk2b)"),
        ("id 01m7xjhvc2j20h3vz6d60nbk8p", "id 01m7xk2bq8j20h3vz6d60nbk8p"),
        ("code 61f0377a* 2 s ago 1.5s", "code 0f12bd3c* 14 min ago 12.0s"),
        ("model 5e4b9e1c (83.3 KiB)", "model a1dba201 (92.0 KiB)"),
        ("accuracy 0.924444 +0.04", "accuracy 0.931111 -0.0066"),
    ],
)
def test_what_differs_each_time_need_not_be_the_same(
    shown: str, printed: str, tmp_path: Path
) -> None:
    assert _problems(f"```console\n$ echo '{printed}'\n{shown}\n```\n", tmp_path) == []


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("learning_rate 0.003", "learning_rate 0.01"),
        ("verdict: identical", "verdict: diverged"),
        ("cannot-run", "calm-otter"),
        ("15 values", "14 values"),
    ],
)
def test_anything_else_has_to_be_the_same(shown: str, printed: str, tmp_path: Path) -> None:
    assert _problems(f"```console\n$ echo '{printed}'\n{shown}\n```\n", tmp_path) != []


def test_end_of_the_shell_is_a_problem(tmp_path: Path) -> None:
    page = "```console\n$ exit 0\n$ echo never\n```\n"
    assert _problems(page, tmp_path) == ["2 commands on the page, but 0 were executed"]
