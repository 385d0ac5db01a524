"""Downloads from a server on this machine: whole or not at all, and how to go on by hand."""

import hashlib
import io
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stefaland_sk.datasets import _fetch, fetch_dataset, find_kind, load_soil_profiles

pytest.importorskip("pooch")
CLAY = (
    "X\tY\tprofile_id\tlayer_id\tupper_depth\tlower_depth\tvalue_avg\tcountry_name\n"
    "5.0\t52.0\t7\t1\t0\t30\t12.5\tNetherlands\n"
)


def zipped(files):
    """Make a zip archive of texts by name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


@contextmanager
def serve(content, promise=None):
    """Serve files by name; `promise` more bytes are announced than come."""

    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.lstrip("/")
            asked.append(name)
            if name not in content:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content[name]) + (promise or 0)))
            self.end_headers()
            self.wfile.write(content[name])

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def entry(monkeypatch):
    """Let "wosis" be what a local server offers."""

    def put(url, name="soils.zip", hash=None, more=(), marker="wosis_*_clay.tsv"):
        files = (_fetch.Archive(f"{url}/{name}", name, hash), *more)
        download = _fetch.Download(
            "wosis",
            "Tiny soils",
            "1",
            files,
            "http://by.hand",
            "10.1/x",
            "CC BY 4.0",
            "Us",
            "1 kB",
            marker,
        )
        monkeypatch.setitem(_fetch.DOWNLOADS, "wosis", download)

    return put


ARCHIVE = zipped({"tiny/wosis_tiny_clay.tsv": CLAY})
MD5 = f"md5:{hashlib.md5(ARCHIVE).hexdigest()}"


def test_what_is_fetched_can_be_read(entry, tmp_path, capsys):
    with serve({"soils.zip": ARCHIVE}) as (url, _):
        entry(url, hash=MD5)
        folder = fetch_dataset("wosis", tmp_path)
    assert folder == tmp_path / "wosis" / "soils" / "tiny"
    assert find_kind(folder) == "soil_profiles"
    _, y = load_soil_profiles(folder)
    assert y.loc["7", "clay_frac"] == 12.5
    said = capsys.readouterr().out
    assert "licence: CC BY 4.0" in said
    assert "cite: Us; data doi:10.1/x" in said
    assert not (tmp_path / "wosis" / "soils.zip").exists()


def test_what_is_there_is_not_fetched_again(entry, tmp_path, capsys):
    with serve({"soils.zip": ARCHIVE}) as (url, asked):
        entry(url)
        first = fetch_dataset("wosis", tmp_path, keep_archive=True, verbose=0)
        assert fetch_dataset("wosis", tmp_path) == first
        assert asked == ["soils.zip"]
    assert capsys.readouterr().out == ""
    assert (tmp_path / "wosis" / "soils.zip").is_file()


def test_tar_archives_and_single_files(entry, tmp_path):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo("wosis_x_clay.tsv")
        info.size = len(CLAY)
        archive.addfile(info, io.BytesIO(CLAY.encode()))
    with serve({"soils.tar.gz": stream.getvalue(), "note.txt": b"hi"}) as (url, _):
        note = _fetch.Archive(f"{url}/note.txt", "notes/note.txt", unpack=False)
        entry(url, "soils.tar.gz", more=[note], marker=None)
        folder = fetch_dataset("wosis", tmp_path, verbose=0)
    assert (folder / "soils" / "wosis_x_clay.tsv").read_text() == CLAY
    assert (folder / "notes" / "note.txt").read_text() == "hi"


def test_a_wrong_hash_leaves_nothing_behind(entry, tmp_path):
    with serve({"soils.zip": ARCHIVE}) as (url, _):
        entry(url, hash="md5:" + "0" * 32)
        with pytest.raises(ValueError, match=r"soils.zip is damaged or another version: the hash"):
            fetch_dataset("wosis", tmp_path, verbose=0)
        assert not any(file.is_file() for file in tmp_path.rglob("*"))
        assert fetch_dataset("wosis", tmp_path, known_hash=MD5, verbose=0).is_dir()


def test_a_broken_connection_leaves_nothing_behind_and_says_how_to_go_on(entry, tmp_path):
    with serve({"soils.zip": ARCHIVE}, promise=1000) as (url, _):
        entry(url)
        with pytest.raises(
            OSError, match=r"could not be downloaded: .*by hand from http://by.hand"
        ):
            fetch_dataset("wosis", tmp_path, verbose=0)
    assert not any(file.is_file() for file in tmp_path.rglob("*"))
    with serve({"soils.zip": ARCHIVE}) as (url, _):  # the same call again
        entry(url)
        assert fetch_dataset("wosis", tmp_path, verbose=0).is_dir()


def test_offline_says_which_file_to_put_where(entry, tmp_path):
    entry("http://127.0.0.1:9")  # nobody listens there
    expected = rf"Get soils.zip by hand from http://by.hand and put it into {tmp_path / 'wosis'}"
    with pytest.raises(OSError, match=expected):
        fetch_dataset("wosis", tmp_path, verbose=0)
    (tmp_path / "wosis").mkdir(exist_ok=True)
    (tmp_path / "wosis" / "soils.zip").write_bytes(ARCHIVE)
    entry("http://127.0.0.1:9", hash=MD5)
    assert fetch_dataset("wosis", tmp_path, verbose=0).name == "tiny"


def test_an_absent_file_on_the_server_is_named(entry, tmp_path):
    with serve({}) as (url, _):
        entry(url)
        with pytest.raises(OSError, match="soils.zip could not be downloaded: 404"):
            fetch_dataset("wosis", tmp_path, verbose=0)


def test_a_page_in_place_of_the_archive_is_told(entry, tmp_path):
    with serve({"soils.zip": b"<html>please log in</html>"}) as (url, _):
        entry(url)
        with pytest.raises(ValueError, match="neither a zip nor a tar archive, but perhaps a page"):
            fetch_dataset("wosis", tmp_path, verbose=0)
    assert not (tmp_path / "wosis" / "soils").exists()


def test_a_half_unpacked_folder_is_made_anew(entry, tmp_path):
    part = tmp_path / "wosis" / "soils.part"
    part.mkdir(parents=True)
    (part / "rest.tsv").write_text("of a call that was killed")
    with serve({"soils.zip": ARCHIVE}) as (url, _):
        entry(url)
        folder = fetch_dataset("wosis", tmp_path, verbose=0)
    assert not part.exists()
    assert not list(folder.rglob("rest.tsv"))


def test_the_environment_variable_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv(_fetch.DATA_HOME, str(tmp_path))
    assert _fetch.data_folder() == tmp_path
    monkeypatch.delenv(_fetch.DATA_HOME)
    assert "stefaland-sk" in str(_fetch.data_folder())


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="`name` must be one of .*'camels_us'.* Got 'camels'"):
        fetch_dataset("camels", tmp_path)


@pytest.mark.parametrize("name", list(_fetch.DOWNLOADS))
def test_every_entry_says_terms_source_and_size(name):
    download = _fetch.DOWNLOADS[name]
    assert download.name == name
    assert download.doi.startswith("10.")
    assert "doi:" in download.citation
    assert all((download.licence, download.size, download.page.startswith("https://")))
    for file in download.files:
        assert file.url.startswith("https://")
        assert file.hash is None or file.hash.split(":")[0] in ("md5", "sha256")


def test_what_is_fetched_of_camels_us_lies_where_its_reader_looks(monkeypatch, tmp_path):
    from stefaland_sk.datasets._camels_us_files import _find_attributes

    names = [file.name for file in _fetch.DOWNLOADS["camels_us"].files]
    place = tmp_path / "camels_us" / names[0].removesuffix(".zip")
    (place / "basin_dataset_public_v1p2").mkdir(parents=True)
    for name in names[1:]:
        (tmp_path / "camels_us" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "camels_us" / name).touch()
    folder = fetch_dataset("camels_us", tmp_path)  # all is there
    assert folder == place
    assert (_find_attributes(folder) / "camels_topo.txt").is_file()
