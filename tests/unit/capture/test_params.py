from __future__ import annotations

from pathlib import Path

import pytest

from mlv.capture.documents.documents import Plain
from mlv.capture.documents.params import params_from_argv, read_params_file
from mlv.errors import MissingFileError, UnreadableFileError


def _read(tmp_path: Path, name: str, text: str | bytes) -> dict[str, Plain]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_params_file(path, name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("params.yaml", "train: {lr: 0.1, layers: [64, 32]}\nseed: 1\nname: ünï\nnone: null\n"),
        (
            "params.json",
            '{"train": {"lr": 0.1, "layers": [64, 32]}, "seed": 1, "name": "ünï", "none": null}',
        ),
    ],
)
def test_params_file_keeps_types_and_nesting(tmp_path: Path, name: str, text: str) -> None:
    expected = {"train": {"lr": 0.1, "layers": [64, 32]}, "seed": 1, "name": "ünï", "none": None}

    assert _read(tmp_path, name, text) == expected


def test_toml_is_read(tmp_path: Path) -> None:
    text = "seed = 1\nat = 2024-01-02T03:04:05Z\n[train]\nlr = 1e-3\nbad = nan\n"

    assert _read(tmp_path, "params.toml", text) == {
        "seed": 1,
        "at": "2024-01-02T03:04:05+00:00",
        "train": {"lr": 0.001, "bad": "nan"},
    }


def test_values_that_json_lacks_become_text_and_lists(tmp_path: Path) -> None:
    text = """
    day: 2024-01-02
    moment: 2024-01-02 03:04:05
    set: !!set {b, a}
    bytes: !!binary aGVsbG8=
    inf: [.inf, -.inf, .nan]
    big: 123456789012345678901234567890
    2: two
    true: yes
    """

    assert _read(tmp_path, "p.yaml", text) == {
        "day": "2024-01-02",
        "moment": "2024-01-02T03:04:05",
        "set": ["a", "b"],
        "bytes": "aGVsbG8=",
        "inf": ["inf", "-inf", "nan"],
        "big": 123456789012345678901234567890,
        "2": "two",
        "true": True,
    }


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "1.0e-3", ".1e-2", "+1e-3", "1.e-3"])
def test_exponent_is_a_number_in_yaml(tmp_path: Path, text: str) -> None:
    assert _read(tmp_path, "p.yaml", f"lr: {text}") == {"lr": 0.001}


@pytest.mark.parametrize("text", ["e-3", "1e", "'1e-3'", "1e-3x", "v1e3"])
def test_text_that_only_looks_like_an_exponent_stays_text(tmp_path: Path, text: str) -> None:
    assert _read(tmp_path, "p.yaml", f"a: {text}") == {"a": text.strip("'")}


def test_anchors_and_merges_are_written_out(tmp_path: Path) -> None:
    text = "base: &b {lr: 0.1, depth: 3}\nother: &o {<<: *b, depth: 4}\nlast: {<<: [*o, *b]}\n"

    assert _read(tmp_path, "p.yaml", text) == {
        "base": {"lr": 0.1, "depth": 3},
        "other": {"lr": 0.1, "depth": 4},
        "last": {"lr": 0.1, "depth": 4},
    }


@pytest.mark.parametrize("name", ["p.yaml", "p.yml", "p.toml"])
def test_empty_file_has_no_params(tmp_path: Path, name: str) -> None:
    assert _read(tmp_path, name, "") == {}


def test_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    assert _read(tmp_path, "p.json", b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_ten_thousand_keys_are_read(tmp_path: Path) -> None:
    text = "".join(f"key{n}: {n}\n" for n in range(10_000))

    assert len(_read(tmp_path, "p.yaml", text)) == 10_000


_BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
_MERGE_BOMB = "a0: &a0 {k: 1, l: 2}\n" + "".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40)
)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.yaml", "a: 1\nlr: 0.1: 2\n", "p.yaml:2:8: mapping values are not allowed"),
        ("p.yaml", "a: [1, 2\n", "p.yaml:2:1: did not find expected ',' or ']'"),
        ("p.yaml", "a: 1\nb: 2\na: 3\n", "p.yaml:3:1: duplicate key 'a', first on line 1"),
        ("p.yaml", "x: {a: 1, a: 2}", "p.yaml:1:11: duplicate key 'a', first on line 1"),
        ("p.yaml", "a: *b\n", "p.yaml:1:4: found undefined alias"),
        ("p.yaml", "a: !!python/object:os.system x\n", "p.yaml:1:4: a tag that mlv does not read"),
        ("p.yaml", "- 1\n", "p.yaml:1:1: expected names and values at the top, found a list"),
        ("p.yaml", "3\n", "p.yaml:1:1: expected names and values at the top, found a single"),
        ("p.yaml", "a: 1\nb: \x01\n", "p.yaml:2:"),
        ("p.yaml", "a: " + "[" * 101 + "]" * 101, "p.yaml:1:103: nested deeper than 100 levels"),
        ("p.yaml", "a: " + "[" * 200_000, "p.yaml:1:103: nested deeper than 100 levels"),
        ("p.yaml", _BOMB, "p.yaml: holds more than 1000000 values"),
        ("p.yaml", _MERGE_BOMB, "merged keys"),
        ("p.yaml", "a: &a [*a]\n", "p.yaml: nested deeper than 100 levels"),
        ("p.yaml", "1: a\n'1': b\n", "duplicate key '1'"),
        ("p.yaml", "true: a\nyes: b\n'true': c", "duplicate key 'true'"),
        ("p.yaml", b"a: 1\nb: \xff\n", "p.yaml:2:4: not UTF-8"),
        ("p.yaml", " " * (16 * 1024 * 1024 + 1), "p.yaml: larger than 16 MiB"),
        ("p.json", '{"a": 1, "b": {"c": 1, "c": 2}}', "p.json: duplicate key 'c'"),
        ("p.toml", "a = 1\na = 2\n", "p.toml:2:"),
        ("p.yaml", "a: 1\n---\nb: 2\n", "p.yaml:2:1: several documents in one file"),
        ("p.json", '{"a": 1,\n "b": }', "p.json:2:7: Expecting value"),
        ("p.json", "[" * 200_000, "p.json: nested deeper than 100 levels"),
        ("p.json", '{"a": ' + "9" * 5000 + "}", "p.json: an integer with too many digits"),
        ("p.json", "", "p.json:1:1: Expecting value"),
        ("p.toml", "a = 1\nb = = 2\n", "p.toml:2:5: Invalid value"),
        ("p.toml", "a = ", "p.toml:1:"),
        ("p.ini", "a = 1", "p.ini: '.ini' is neither YAML, JSON nor TOML"),
    ],
)
def test_malformed_file_is_refused_with_the_place(
    tmp_path: Path, name: str, text: str | bytes, message: str
) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        _read(tmp_path, name, text)

    assert message in caught.value.message
    assert "\n" not in caught.value.message


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"'params\.yaml' does not exist"):
        read_params_file(tmp_path / "params.yaml", "params.yaml")


_EXTREMES = {"huge": "inf", "zero": -0.0, "big": 123456789012345678901}


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ("python train.py --lr 0.1 --epochs=3 --amp", {"lr": 0.1, "epochs": 3, "amp": True}),
        ("python -u -W ignore -X dev train.py --lr 1e-3", {"lr": 0.001}),
        ("python -m pkg.train --lr 1", {"lr": 1}),
        ("python3.11 -c code --lr 1", {"lr": 1}),
        ("/env/bin/python train.py lr=0.1 model.depth=3", {"lr": 0.1, "model": {"depth": 3}}),
        ("torchrun --nproc_per_node 2 train.py --lr 1", {"lr": 1}),
        ("accelerate launch -m train --lr 1", {"lr": 1}),
        ("uv run --with x python -u train.py --lr 1", {"lr": 1}),
        ("./train --lr 1 -b 32", {"lr": 1, "b": 32}),
        ("tool --conf x.py --lr 1", {"conf": "x.py", "lr": 1}),
        ("t --layers 64 64 32 --name x", {"layers": [64, 64, 32], "name": "x"}),
        ("t --x -1 --y -1e-3 -v", {"x": -1, "y": -0.001, "v": True}),
        ("t --on true --off False --none null", {"on": True, "off": False, "none": None}),
        ("t --nan nan --inf=-inf", {"nan": "nan", "inf": "-inf"}),
        ("t --id 007 --tag a --tag b", {"id": "007", "tag": ["a", "b"]}),
        ("t +a.b=1 ++c=2 data/x=1/f.csv http://h/?q=1 pos", {"a": {"b": 1}, "c": 2}),
        ("t model=resnet model.depth=3", {"model": "resnet", "model.depth": 3}),
        ("t --no-amp --verbose --lr=", {"no-amp": True, "verbose": True, "lr": ""}),
        ("t --lr 1 -- --seed 2", {"lr": 1}),
        ("t -lr 0.1 -bs=4", {"lr": 0.1, "bs": 4}),
        ("t ~model.dropout ~opt=adam", {"~model": {"dropout": True}, "~opt": "adam"}),
        ("t layers=[1,2] --names [a,b] --opt={}", {"layers": [1, 2], "names": "[a,b]", "opt": {}}),
        ('t --opt {"lr":0.1,"b":[1,true,null]}', {"opt": {"lr": 0.1, "b": [1, True, None]}}),
        ("t --huge 1e400 --zero -0.0 --big 123456789012345678901", _EXTREMES),
        ("python -m torch.distributed.run --nproc 2 train.py --lr 1", {"lr": 1}),
        ("python -m cProfile -o out -m pkg.train --lr 1", {"lr": 1}),
        ("coverage run --branch train.py --lr 1", {"lr": 1}),
        ("poetry run python -m pkg --lr 1", {"lr": 1}),
        ("conda run -n env python train.py --lr 1", {"lr": 1}),
        ("srun --gpus=4 python train.py --lr 1", {"lr": 1}),
        ("python", {}),
        ("python -m", {}),
        ("", {}),
    ],
)
def test_params_are_read_from_the_command(argv: str, expected: dict[str, object]) -> None:
    assert params_from_argv(argv.split()) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("python train.py --lr 0.1", {"lr": 0.1}),
        ("python train.py \\\n  --lr 0.1 --name 'a b'  # quick", {"lr": 0.1, "name": "a b"}),
        ("uv run train.py --lr 1\n", {"lr": 1}),
        ("python a.py --lr 1 && python b.py --lr 2", {}),
        ("python a.py --lr 1\npython b.py --lr 2", {}),
        ("python a.py --lr $LR", {}),
        ("python a.py --name 'open", {}),
        ("", {}),
    ],
)
def test_params_are_read_from_a_line_of_shell(line: str, expected: dict[str, object]) -> None:
    assert params_from_argv(["sh", "-c", line]) == expected
    assert params_from_argv(["/bin/bash", "-e", "-c", line]) == expected


def test_argument_of_hostile_json_stays_text() -> None:
    deep = "[" * 50_000 + "]" * 50_000

    assert params_from_argv(["t", "--x", deep]) == {"x": deep}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1:30", 90),
        ("on", True),
        ("no", False),
        ("010", 8),
        ("1_000", 1000),
        ("~", None),
        ("-0.0", -0.0),
        ("1.0", 1.0),
        ("1e400", "inf"),
        ("'1'", "1"),
        ("2024-01-02", "2024-01-02"),
    ],
)
def test_yaml_scalar_is_what_a_program_with_pyyaml_sees(
    tmp_path: Path, text: str, value: object
) -> None:
    found = _read(tmp_path, "p.yaml", f"a: {text}")["a"]

    assert (repr(found), type(found)) == (repr(value), type(value))


def test_number_of_thousands_of_digits_stays_text() -> None:
    digits = "9" * 10_000

    assert params_from_argv(["t", "--n", digits]) == {"n": digits}
