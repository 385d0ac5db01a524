"""A table of embeddings as an encoder: sites that are not there, files, published tables."""

import numpy as np
import pandas as pd
import pytest
import torch

from stefaland_sk import CheckpointError, DataWarning, Panel
from stefaland_sk.encoders import (
    SiteEmbeddingEncoder,
    StefaLandEncoder,
    WeightsEntry,
    get_weights_entry,
    load_encoder,
)
from stefaland_sk.encoders._checkpoint import write_checkpoint


def sites(*ids):
    """A panel of these sites, with nothing known of them."""
    return Panel(pd.DataFrame(index=list(ids)))


@pytest.fixture
def table():
    """Four sites, one of which has a gap."""
    values = {"e0": [3.0, 0.0, 0.0, np.nan], "e1": [4.0, 2.0, 0.0, 1.0]}
    return pd.DataFrame(values, index=["a", "b", "c", "d"])


# ---------------------------------------------------------------------- vectors
def test_each_site_gets_its_own_vector(table):
    days, site = SiteEmbeddingEncoder(table).encode(sites("c", "a"))
    assert days is None
    np.testing.assert_array_equal(site, np.float32([[0, 0], [3, 4]]))


def test_vectors_of_length_one(table):
    _, site = SiteEmbeddingEncoder(table, normalise=True).encode(sites("a", "b", "c"))
    np.testing.assert_allclose(site, [[0.6, 0.8], [0, 1], [0, 0]], rtol=1e-6)


def test_the_table_is_not_the_callers(table):
    encoder = SiteEmbeddingEncoder(table)
    table.loc["a"] = -1.0
    assert encoder.embeddings.loc["a"].tolist() == [3.0, 4.0]
    given = encoder.embeddings
    given.loc["a"] = -1.0
    assert encoder.embeddings.loc["a"].tolist() == [3.0, 4.0]
    assert encoder.embeddings.loc["d"].isna().all()  # a vector with a gap is none


def test_encoders_that_give_other_features_have_other_digests(table):
    variants = [
        SiteEmbeddingEncoder(table),
        SiteEmbeddingEncoder(table, normalise=True),
        SiteEmbeddingEncoder(table, missing="mean"),
        SiteEmbeddingEncoder(table + 1),
        SiteEmbeddingEncoder(table.rename({"a": "x"})),
    ]
    assert len({encoder.digest for encoder in variants}) == len(variants)
    assert SiteEmbeddingEncoder(table).digest == variants[0].digest


# ---------------------------------------------------------------------- sites that are not there
def test_sites_that_are_not_there_are_named(table):
    encoder = SiteEmbeddingEncoder(table)
    encoder.check_coverage(sites("a", "b"), 1.0)
    message = r"lacks 1 of the 3 sites of X, .*\['x'\] .* and has NaN for 1 .*\['d'\].*missing=\"me"
    for work in (encoder.encode, lambda panel: encoder.check_coverage(panel, 0.0)):
        with pytest.raises(CheckpointError, match=message):
            work(sites("a", "d", "x"))


def test_the_mean_vector_stands_in(table):
    encoder = SiteEmbeddingEncoder(table, missing="mean")
    with pytest.warns(DataWarning, match=r"\['d'\]. The mean vector stands in."):
        _, site = encoder.encode(sites("d", "a"))
    np.testing.assert_array_equal(site, np.float32([[1, 2], [3, 4]]))
    with pytest.warns(DataWarning, match="The mean vector stands in"):
        encoder.check_coverage(sites("d", "a"), 0.5)
    with pytest.raises(CheckpointError, match=r"\['d'\]. `min_coverage`=0.6 asks for more sites"):
        encoder.check_coverage(sites("d", "a"), 0.6)


def test_the_mean_of_vectors_of_length_one_has_it_too(table):
    encoder = SiteEmbeddingEncoder(table, missing="mean", normalise=True)
    with pytest.warns(DataWarning, match="stands in"):
        _, site = encoder.encode(sites("x"))
    np.testing.assert_allclose(np.linalg.norm(site), 1.0, rtol=1e-6)


def test_options_are_checked(table):
    with pytest.raises(ValueError, match=r"`missing` must be one of \['error', 'mean'\]"):
        SiteEmbeddingEncoder(table, missing="zero")
    with pytest.raises(ValueError, match="no site whose embedding is whole: each has NaN"):
        SiteEmbeddingEncoder(table.loc[["d"]])
    with pytest.raises(ValueError, match=r"`min_coverage` must lie in \[0, 1\]"):
        SiteEmbeddingEncoder(table).check_coverage(sites("a"), 2)


# ---------------------------------------------------------------------- what is known of them
def test_alphaearth_brings_its_columns_and_its_licence():
    names = [f"A{number:02d}" for number in range(64)]
    frame = pd.DataFrame(0.125, index=["a", "b"], columns=names).assign(elevation=900.0)
    encoder = SiteEmbeddingEncoder(frame, entry="alphaearth", about={"source": "ours"})
    assert encoder.d_model == 64
    text = " ".join(encoder.describe().split())
    assert "features 64 per site (A00 to A63)" in text
    assert "licence CC-BY-4.0" in text
    assert "source ours" in text
    with pytest.raises(ValueError, match=r"lacks 1 of the 64 columns .*\['A63'\]"):
        SiteEmbeddingEncoder(frame.drop(columns="A63"), entry="alphaearth")


def test_embeddings_that_are_still_encoded_are_refused():
    names = get_weights_entry("alphaearth").bands
    frame = pd.DataFrame(0.125, index=["a", "b"], columns=list(names))
    frame.loc["b", "A07"] = -128
    with pytest.raises(
        ValueError,
        match=r"lie from -1 to 1, but 1 sites have others; .* 'b' with 128. .*decode them",
    ):
        SiteEmbeddingEncoder(frame, entry="alphaearth")


def test_an_own_entry_serves_too(table):
    entry = WeightsEntry("ours", "a page", "CC0", "Us (2026).", bands=("e1",))
    encoder = SiteEmbeddingEncoder(table, entry=entry)
    assert encoder.encode(sites("d"))[1].tolist() == [[1.0]]
    assert encoder.about == {"source": "a page", "licence": "CC0", "citation": "Us (2026)."}


def test_an_unknown_entry():
    with pytest.raises(ValueError, match=r"`name` must be one of \['alphaearth'"):
        get_weights_entry("galileo")


def test_sites_that_their_maker_was_trained_on_are_told(table):
    learned = SiteEmbeddingEncoder(table, sites=["a", "z"], places=[(1.0, 2.0), (3.0, 4.0)])
    where = pd.DataFrame({"lat": [9.0, 3.0], "lon": [9.0, 4.0]}, index=["a", "b"])
    panel = sites("a", "b").assign(sites=where)
    seen = learned.seen(panel)
    assert seen["by_id"].tolist() == [True, False]
    assert seen["same_place_as"].isna().tolist() == [True, False]
    assert seen.loc["b", "same_place_as"] == "z"
    assert not SiteEmbeddingEncoder(table).seen(panel)["by_id"].any()
    assert "has seen   2 sites, 2 of them with a rough place" in learned.describe()
    assert "has seen   sites that are not known" in SiteEmbeddingEncoder(table).describe()


def test_its_repr_tells_the_years(table):
    assert repr(SiteEmbeddingEncoder(table[:1])) == "SiteEmbeddingEncoder(d_model=2, 1 site)"
    yearly = table[:1].assign(year=2017)
    assert "1 site, of 2017)" in repr(SiteEmbeddingEncoder(yearly))
    two = pd.concat([yearly, yearly.assign(year=2019)])
    assert "1 site, mean of 2017 to 2019)" in repr(SiteEmbeddingEncoder(two))


# ---------------------------------------------------------------------- files
def test_a_saved_table_is_the_same(table, tmp_path):
    encoder = SiteEmbeddingEncoder(
        pd.concat([table.assign(year=2017), table.assign(year=2018)]),
        normalise=True,
        missing="mean",
        sites=["z", "y"],
        places=[(1.0, 2.0), (np.nan, np.nan)],
        about={"licence": "CC0"},
    )
    loaded = load_encoder(encoder.save(tmp_path / "x.safetensors"))
    assert loaded.digest == encoder.digest
    assert loaded.describe() == encoder.describe()
    assert loaded.missing == "mean"
    np.testing.assert_array_equal(loaded.places, encoder.places)
    pd.testing.assert_frame_equal(loaded.embeddings, encoder.embeddings)


def test_one_door_to_all_saved_encoders(table, encoder, tmp_path):
    SiteEmbeddingEncoder(table).save(tmp_path / "table.safetensors")
    encoder.save(tmp_path / "network.safetensors")
    assert isinstance(load_encoder(tmp_path / "table.safetensors"), SiteEmbeddingEncoder)
    assert isinstance(load_encoder(str(tmp_path / "network.safetensors")), StefaLandEncoder)
    write_checkpoint(tmp_path / "other.safetensors", {}, {"kind": "training"})
    with pytest.raises(CheckpointError, match="holds a 'training', which is no encoder"):
        load_encoder(tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="holds a 'StefaLandEncoder', but a 'SiteEmbed"):
        SiteEmbeddingEncoder.load(tmp_path / "network.safetensors")


def test_files_that_are_not_read_in_part(table, tmp_path):
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"PK\x03\x04 something")
    with pytest.raises(CheckpointError, match="cannot be read as a safetensors file"):
        load_encoder(damaged)
    header = {"kind": "SiteEmbeddingEncoder", "site_ids": ["a"], "columns": ["e0"], "years": []}
    short = write_checkpoint(tmp_path / "short.safetensors", {}, header)
    with pytest.raises(CheckpointError, match="whole table of embeddings: 'normalise' is missing"):
        load_encoder(short)
    header |= {"normalise": False, "missing": "mean", "sites": [], "places": None, "about": {}}
    tensors = {"embeddings": torch.zeros(2, 1)}
    odd = write_checkpoint(tmp_path / "odd.safetensors", tensors, header)
    with pytest.raises(CheckpointError, match=r"its table has the shape \(2, 1\)"):
        load_encoder(odd)
