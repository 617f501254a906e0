"""Inputs that change while the command runs."""

from __future__ import annotations

import sys

import pytest

from mlv.core.digest import digest_of
from mlv.core.run import Input, Run
from tests.support.repository import Repository

_READ = "open('data/a.csv').read()"


@pytest.fixture
def project(repo: Repository) -> Repository:
    """A repository with three files that Git ignores."""
    repo.write(".gitignore", "/data/\n")
    for name in "abc":
        repo.write(f"data/{name}.csv", f"{name}\n")
    repo.commit()
    return repo


def test_declared_file_that_changes_is_flagged_with_both_digests(project: Repository) -> None:
    run = project.shell("echo new > data/a.csv", inputs=["data/a.csv"])

    before, after = digest_of(b"a\n")[:12], digest_of(b"new\n")[:12]
    assert _only(run).changed
    assert run.problems == (
        f"input data/a.csv changed (while the command ran): {before} -> {after}",
    )


def test_declared_directory_that_changes_names_the_files(project: Repository) -> None:
    run = project.shell("echo new > data/a.csv; rm data/b.csv; echo d > data/d", inputs=["data"])

    found = _only(run)
    assert found.after is not None
    assert found.fingerprint is not None
    digests = f"{found.fingerprint.digest[:12]} -> {found.after.digest[:12]}"
    assert run.problems == (
        f"input data changed (while the command ran): {digests}, in data/a.csv, data/b.csv, data/d",
    )


def test_declared_file_that_is_replaced_by_another_is_flagged(project: Repository) -> None:
    run = project.shell("echo new > data/new; mv data/new data/a.csv", inputs=["data/a.csv"])

    after = _only(run).after
    assert after is not None
    assert after.digest == digest_of(b"new\n")


def test_declared_file_that_is_appended_to_is_flagged(project: Repository) -> None:
    run = project.shell("echo more >> data/a.csv", inputs=["data/a.csv"])

    after = _only(run).after
    assert after is not None
    assert after.digest == digest_of(b"a\nmore\n")


def test_declared_file_that_is_deleted_is_flagged(project: Repository) -> None:
    run = project.shell("rm data/a.csv", inputs=["data/a.csv"])

    assert (_only(run).changed, _only(run).after) == (True, None)
    assert run.problems[0].endswith("-> gone")


def test_declared_file_that_is_touched_is_no_problem(project: Repository) -> None:
    run = project.shell("touch data/a.csv; chmod 600 data/a.csv", inputs=["data/a.csv"])

    assert (_only(run).changed, run.problems) == (False, ())


@pytest.mark.parametrize("change", ["echo new > data/a.csv", "echo new >> data/a.csv"])
def test_file_that_native_code_changes_after_it_was_read_is_flagged(
    project: Repository, change: str
) -> None:
    code = f"import os, time; {_READ}; time.sleep(0.05); os.system({change!r})"
    run = project.run(sys.executable, "-c", code)

    assert (_only(run).fingerprint, _only(run).changed) == (None, True)
    assert run.problems == (
        "input data/a.csv changed before mlv could record it (while the command ran)",
    )


def test_file_that_native_code_wrote_before_it_was_read_is_no_input(project: Repository) -> None:
    code = f"import os, time; os.system('echo new > data/a.csv'); time.sleep(0.05); {_READ}"
    run = project.run(sys.executable, "-c", code)

    assert (run.inputs, run.problems) == ((), ())
    assert [each.path for each in run.outputs] == ["data/a.csv"]


def test_known_file_that_changes_is_flagged_with_both_digests(project: Repository) -> None:
    project.run(sys.executable, "-c", _READ)
    code = "import os; " + _READ + "; os.replace('data/b.csv', 'data/a.csv')"
    project.run(sys.executable, "-c", _READ)
    run = project.run(sys.executable, "-c", code)

    assert _digests(_only(run)) == (digest_of(b"a\n"), digest_of(b"b\n"))


def test_known_file_that_is_touched_is_no_problem(project: Repository) -> None:
    project.run(sys.executable, "-c", _READ)
    run = project.run(sys.executable, "-c", f"import os; {_READ}; os.utime('data/a.csv')")

    assert (_only(run).changed, run.problems) == (False, ())


def test_many_changed_files_are_told_in_a_few_lines(project: Repository) -> None:
    for number in range(30):
        project.write(f"data/{number}", str(number))
    code = (
        "names = [f'data/{n}' for n in range(30)];"
        "[open(name).read() for name in names]; [open(name, 'w').write('x') for name in names]"
    )
    run = project.run(sys.executable, "-c", code)

    assert len(run.inputs) == 30
    assert len(run.problems) == 11
    assert run.problems[-1].startswith("20 inputs more changed while the command ran: data/")


def _only(run: Run) -> Input:
    (found,) = run.inputs
    return found


def _digests(changed: Input) -> tuple[str, str]:
    assert changed.fingerprint is not None
    assert changed.after is not None
    return changed.fingerprint.digest, changed.after.digest


_RESUME = """\
import os
n = int(open('ck.pt').read()) if os.path.exists('ck.pt') else 0
open('ck.pt', 'w').write(str(n + 1))
"""


def test_file_that_a_run_goes_on_from_is_known_as_the_last_run_left_it(repo: Repository) -> None:
    repo.write(".gitignore", "ck.pt\n")
    repo.commit()
    for n in range(3):
        run = repo.run(sys.executable, "-c", _RESUME)
        before = [each.fingerprint and each.fingerprint.digest for each in run.inputs]
        assert before == ([digest_of(str(n).encode())] if n else [])
        assert [each.fingerprint.digest for each in run.outputs] == [digest_of(str(n + 1).encode())]


def test_output_of_the_last_run_that_is_not_read_is_no_input(repo: Repository) -> None:
    repo.write(".gitignore", "ck.pt\n")
    repo.commit()
    # The shell is not watched: what it writes is found afterwards.
    code = "import os; os.system('echo {} > ck.pt'); open('ck.pt').read()"
    repo.run(sys.executable, "-c", code.format("one"))
    run = repo.run(sys.executable, "-c", code.format("two"))

    assert (run.inputs, run.problems) == ((), ())
    assert [each.path for each in run.outputs] == ["ck.pt"]
