"""The command that pretrains: what it prints and writes, and that it goes on after any end."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
import torch

from stefaland_sk import StefaLandTransformer
from stefaland_sk.benchmark import _cli
from stefaland_sk.benchmark._pretrain import _make_model
from stefaland_sk.datasets import make_catchments
from stefaland_sk.encoders._checkpoint import read_checkpoint
from stefaland_sk.estimators._resume import Resume

# Sizes that train in a second, on one core.
TINY = ("--window", "30", "--epochs", "2", "--device", "cpu")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Four sites with two forcings, two sites with one, and a table of attributes."""
    folder = tmp_path_factory.mktemp("corpus")
    X, _ = make_catchments(n_sites=6, n_years=1, n_regions=3, random_state=0)
    X = X.keep_variables(["prcp", "tmax"], ["elev_mean", "clay_frac", "p_mean"])
    X[:4].to_netcdf(folder / "a.nc")
    X[4:].keep_variables(["prcp"]).to_zarr(folder / "b.zarr")
    table = X.attributes[["elev_mean", "clay_frac"]].set_axis([f"t{i}" for i in range(6)], axis=0)
    table.rename_axis("site").to_csv(folder / "c.csv")
    return X, [str(folder / name) for name in ("a.nc", "b.zarr", "c.csv")]


@pytest.fixture
def command(monkeypatch, capsys):
    """Run the command on one thread; give its exit code, output and errors."""
    monkeypatch.setattr("warnings.showwarning", None)  # put back after the test
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def call(*words):
        code = _cli.main(["pretrain", *map(str, words)])
        return code, *capsys.readouterr()

    yield call
    torch.set_num_threads(n_threads)


def start(words, **environment):
    """Start the command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "stefaland_sk", "pretrain", *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def contents(path):
    """Weights and header of a model, but for the command that made it."""
    tensors, header = read_checkpoint(path)
    del header["about"]["command"]
    return tensors, header


def assert_same_model(path, other):
    (tensors, header), (others, other_header) = contents(path), contents(other)
    assert header == other_header
    assert tensors.keys() == others.keys()
    for name, value in tensors.items():
        assert torch.equal(value, others[name]), name


def test_a_corpus_becomes_a_model(command, corpus, tmp_path):
    """Three data sets with different variables; remarks, sites and units are in the header."""
    X, paths = corpus
    out = tmp_path / "model.safetensors"
    code, text, errors = command(*paths, "--out", out, *TINY, "--licence", "CC BY 4.0")
    assert (code, errors) == (0, "")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    period = "2000-10-01 to 2001-09-30"
    assert f"a 4 sites {period} 2 of 2 forcings 3 of 3 attributes" in lines
    assert f"b 2 sites {period} 1 of 2 forcings 3 of 3 attributes" in lines
    assert "c 6 sites - 0 of 2 forcings 2 of 3 attributes" in lines
    assert sum(line.startswith(("1 0.", "2 0.")) for line in lines) == 2  # a line for each epoch
    assert "masked reconstruction error " in text
    assert f"model in {out}" in lines
    assert sorted(tmp_path.iterdir()) == [out]

    encoder = StefaLandTransformer.load(out).encoder_
    assert encoder.about["licence"] == "CC BY 4.0"
    assert "citation" not in encoder.about
    assert encoder.about["command"].startswith("python -m stefaland_sk pretrain ")
    assert encoder.sites == [*X.site_ids, *(f"t{i}" for i in range(6))]
    assert encoder.units["prcp"] == "mm/d"


def test_excluded_sites_and_regions_are_never_seen(command, corpus, tmp_path):
    X, paths = corpus
    listed = tmp_path / "test_sites.txt"
    listed.write_text(f"# kept for the test\n{X.site_ids[1]}\nt5\nelsewhere\n")
    region = X.sites["region"].iloc[5]
    out = tmp_path / "model.safetensors"
    code, text, _ = command(
        *paths, "--out", out, *TINY, "--exclude", listed, "--exclude-region", region
    )
    assert code == 0
    kept = X.sites.index[(X.sites["region"] != region) & (X.site_ids != X.site_ids[1])]
    expected = [*kept, *(f"t{i}" for i in range(5))]
    assert StefaLandTransformer.load(out).encoder_.sites == expected
    assert "(1 left out)" in text
    assert "c has no regions: --exclude-region has left out none of its sites" in text


def test_a_finished_model_is_left_alone(command, corpus, tmp_path):
    _, paths = corpus
    out = tmp_path / "model.safetensors"
    words = (paths[2], "--out", out, "--epochs", "1")
    assert command(*words)[0] == 0
    before = out.read_bytes()
    assert command(*words)[:2] == (0, f"finished already: {out}; --fresh begins anew\n")
    code, _, errors = command(*words, "--seed", "1")
    assert code == 2
    assert "exists already and was made in another way (python -m stefaland_sk" in errors
    assert out.read_bytes() == before
    assert command(*words, "--seed", "1", "--fresh")[0] == 0
    assert out.read_bytes() != before


def test_sites_set_apart_stop_the_training(command, corpus, tmp_path):
    _, paths = corpus
    words = (paths[2], "--out", tmp_path / "model.safetensors", "--valid", "0.3")
    code, text, _ = command(*words, "--epochs", "2")
    assert code == 0
    assert "loss of the sites set apart " in text


def test_options_are_parameters_of_the_transformer(tmp_path):
    words = [
        *("pretrain", "x.nc", "--out", "y", "--size", "reference", "--epochs", "7"),
        *("--batch-size", "9", "--lr", "0.01", "--window", "730", "--patch", "5"),
        *("--decoder", "transformer", "--sampler", "paper", "--seed", "3", "--memory", "0.5"),
        *("--precision", "bf16", "--checkpoint-minutes", "1.5", "--device", "cpu"),
        *("--valid", "0.2", "--compile", "--groups", "camels"),
    ]
    options = _cli.make_parser().parse_args(words)
    given = _make_model(options, tmp_path / "y.unfinished", False, 1).get_params()
    expected = {
        **{"d_model": 256, "n_layers": 4, "d_feedforward": 512, "d_embedding": 64},
        **{"dropout": 0.1, "max_epochs": 7, "batch_size": 9, "lr": 0.01, "window": 730},
        **{"patch": 5, "decoder": "transformer", "sampler": "paper", "random_state": 3},
        **{"memory": 0.5, "precision": "bf16", "checkpoint_minutes": 1.5, "device": "cpu"},
        **{"early_stopping": True, "validation_fraction": 0.2, "compile": True},
        "groups": "camels",
        **{"checkpoint": tmp_path / "y.unfinished", "distributed": False, "verbose": 1},
    }
    assert {name: given[name] for name in expected} == expected
    # What is not given is left to the transformer.
    options = _cli.make_parser().parse_args(["pretrain", "x.nc", "--out", "y"])
    given = _make_model(options, None, False, 0).get_params()
    assert given == StefaLandTransformer(random_state=0).get_params()


# ------------------------------------------------------------------ unfinished work
class StoppedError(Exception):
    """What ends a training in a test."""


@pytest.fixture
def broken_off(command, corpus, tmp_path, monkeypatch):
    """Break a training off after one epoch; give the words of the command and both files."""
    _, paths = corpus
    out = tmp_path / "model.safetensors"
    words = (paths[0], "--out", out, *TINY)

    write = Resume.on_epoch_end

    def write_and_stop(self, net, **kwargs):
        write(self, net, **kwargs)
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(Resume, "on_epoch_end", write_and_stop)
        with pytest.raises(StoppedError):
            command(*words)
    return words, out, tmp_path / "model.safetensors.unfinished"


def test_unfinished_work_is_taken_up(command, broken_off, tmp_path):
    words, out, unfinished = broken_off
    assert unfinished.exists()
    half = tmp_path / "model.safetensors.0a1b.unfinished"  # of a process killed while it wrote
    half.write_bytes(b"half")
    code, text, _ = command(*words)
    assert code == 0
    assert f"unfinished work taken up from {unfinished}" in text
    assert "Training goes on after epoch 1, batch 0." in text
    assert list(tmp_path.iterdir()) == [out]
    whole = tmp_path / "whole.safetensors"
    command(*(whole if word is out else word for word in words))
    assert_same_model(out, whole)


def test_unfinished_work_of_other_settings_or_data_is_refused(command, broken_off, corpus):
    words, out, unfinished = broken_off
    before = unfinished.read_bytes()
    code, _, errors = command(*words, "--seed", "1")
    assert code == 2
    assert "is not this one. They differ in `parameters.random_state` (0 in the file, 1" in errors
    assert errors.endswith("The option --fresh does that.\n")
    code, _, errors = command(corpus[1][1], *words)
    assert "They differ in `corpus`" in errors
    assert unfinished.read_bytes() == before
    code, text, _ = command(*words, "--seed", "1", "--fresh")
    assert code == 0
    assert "goes on" not in text
    assert out.exists()
    assert not unfinished.exists()


@pytest.mark.slow
def test_a_training_killed_three_times_gives_the_weights_of_the_unbroken_one(
    command, corpus, tmp_path
):
    """SIGKILL at random moments between and during the writing of the unfinished work."""
    _, paths = corpus
    out, unbroken = tmp_path / "model.safetensors", tmp_path / "unbroken.safetensors"
    unfinished = tmp_path / "model.safetensors.unfinished"
    options = (*TINY, "--epochs", "4", "--checkpoint-minutes", "0", "--valid", "0.3")
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    places = []
    for _ in range(3):
        process = start([*paths, "--out", out, *options])
        wait_for_writes(process, unfinished, moments.randint(1, 6))
        time.sleep(moments.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        text = process.communicate()[0]
        assert process.returncode == -signal.SIGKILL, text
        assert not out.exists()
        header = read_checkpoint(unfinished)[1]
        places.append((header["n_epochs"], header["n_batches"]))
    assert places == sorted(set(places)), seed
    code, text, _ = command(*paths, "--out", out, *options)
    assert code == 0
    assert "Training goes on after epoch {}, batch {}.".format(*places[-1]) in text
    command(*paths, "--out", unbroken, *options)
    assert_same_model(out, unbroken)
    assert sorted(tmp_path.iterdir()) == [out, unbroken]


def wait_for_writes(process, path, n_writes):
    """Wait until a file has been written (again) so many times."""
    written = path.stat().st_mtime_ns if path.exists() else None
    for _ in range(n_writes):
        while (now := path.stat().st_mtime_ns if path.exists() else None) == written:
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.002)
        written = now


def test_an_interrupt_says_how_to_go_on(command, corpus, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(StefaLandTransformer, "fit", interrupt)
    out = tmp_path / "model.safetensors"
    code, _, errors = command(corpus[1][2], "--out", out)
    assert code == 130
    assert errors == f"stopped; the same command goes on from {out}.unfinished\n"


def losses_printed(text):
    """Losses of the epochs in the table that training prints."""
    rows = [re.sub(r"\x1b\[\d*m", "", line).split() for line in text.splitlines()]
    return [float(row[3]) for row in rows if len(row) == 5 and row[0].isdecimal()]


@pytest.mark.slow
def test_of_two_processes_one_prints_and_writes_what_a_single_one_would(command, corpus, tmp_path):
    pytest.importorskip("accelerate")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    out = tmp_path / "model.safetensors"
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    processes = [
        start([*corpus[1], "--out", out, *TINY], **common, RANK=rank, LOCAL_RANK=rank)
        for rank in "01"
    ]
    first, second = (process.communicate(timeout=300)[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0], first + second
    assert f"model in {out}" in first
    assert second == ""
    assert list(tmp_path.iterdir()) == [out]
    _, alone, _ = command(*corpus[1], "--out", tmp_path / "alone.safetensors", *TINY)
    assert len(losses_printed(alone)) == 2
    assert losses_printed(first) == pytest.approx(losses_printed(alone), rel=1e-3)
    header, other = (read_checkpoint(path)[1] for path in (out, tmp_path / "alone.safetensors"))
    assert header["scaler"] == other["scaler"]
    assert header["training"]["n_epochs"] == other["training"]["n_epochs"] == 2


# ------------------------------------------------------------------ mistakes
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{tmp}/no.nc"], "There is no netCDF file '{tmp}/no.nc'."),
        (["{tmp}/corpus.toml"], "corpus.toml, panel 1: `forcings` names the unknown variables"),
        (["{c}", "--out", "{tmp}/no/model"], "there is no folder '{tmp}/no' for --out."),
        (["{c}", "--out", "{tmp}/other"], "cannot be read as a safetensors file"),
        (["{c}", "--out", "{tmp}"], "There is no checkpoint at '{tmp}'"),
        (["{c}", "--groups", "soils"], "`groups` must name a variable set"),
        (["{c}", "--exclude", "{tmp}/no.txt"], "There is no list of sites '{tmp}/no.txt'."),
        (["{c}", "--exclude", "{tmp}/sites.txt"], "of which the corpus has none"),
        (["{c}", "--exclude", "{tmp}/all.txt"], "no site is left."),
        (["{a}", "--exclude-region", "x"], "--exclude-region names ['x'], which no data set has"),
        (["{a}", "--window", "1000"], "is longer than every record of the corpus"),
        (["{c}", "--epochs", "-1"], "`max_epochs` must lie in"),
        (
            ["{c}", "--valid", "2"],
            "--valid must be a share of the sites, from 0 to below 1; got 2.0.",
        ),
        (["{c}", "--device", "abacus"], "`device`='abacus' is not at hand here"),
    ],
)
def test_a_mistake_is_one_line(command, corpus, tmp_path, words, message):
    (tmp_path / "corpus.toml").write_text(
        f'[[panel]]\npath = "{corpus[1][0]}"\nforcings = ["rain"]\n'
    )
    (tmp_path / "other").write_text("no model")
    (tmp_path / "sites.txt").write_text("elsewhere\n")
    (tmp_path / "all.txt").write_text("\n".join(f"t{i}" for i in range(6)))
    places = {"tmp": tmp_path, "a": corpus[1][0], "c": corpus[1][2]}
    words = [word.format(**places) for word in words]
    if "--out" not in words:
        words += ["--out", str(tmp_path / "model")]
    code, _, errors = command(*words)
    assert code == 2
    assert errors.count("\n") == 1
    assert errors.startswith("stefaland_sk pretrain: error: ")
    assert message.format(**places) in errors
