"""The reader of soil profiles: layouts, depth intervals, fractions that make a whole."""

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import BallTree

from stefaland_sk import DataWarning
from stefaland_sk.datasets import load_soil_profiles
from stefaland_sk.datasets._soil_profiles import average_layers

from .conftest import write_profiles


@pytest.fixture
def profiles(tmp_path):
    return write_profiles(tmp_path / "profiles")


def wosis(folder, **values):
    """Write files of WoSIS: fraction -> values of the layers 0-20 and 20-60 cm of profile 7."""
    folder.mkdir()
    for name, pair in values.items():
        lines = [
            "longitude\tlatitude\tprofile_id\tlayer_id\tupper_depth\tlower_depth\tvalue_avg\tcontinent"
        ]
        lines += [
            f"5.5\t52.5\t7\t{i}\t{20 * i}\t{20 + 40 * i}\t{value}\tEurope"
            for i, value in enumerate(pair)
        ]
        (folder / f"wosis_202312_{name}.tsv").write_text("\n".join(lines) + "\n")
    return folder


# ------------------------------------------------------------------ averages
def test_layers_are_weighted_by_their_thickness_in_the_interval(profiles):
    with pytest.warns(DataWarning, match=r"1 of 4 layers .*cannot be.*\['09'\]"):
        X, y = load_soil_profiles(profiles, depth=(0, 30))
    assert list(y.index) == ["07", "08"]  # as text, with its zero
    assert y.loc["07"].tolist() == [40, 30, 30]
    assert X.sites["depth_covered"].tolist() == [30, 6]
    assert X.time is None
    assert X.n_attributes == 0


@pytest.mark.filterwarnings("ignore::stefaland_sk.DataWarning")
def test_shallow_profiles_may_be_left_out(profiles):
    _, y = load_soil_profiles(profiles, depth=(0, 30), min_covered=0.5)
    assert list(y.index) == ["07"]
    _, y = load_soil_profiles(profiles, depth=(10, 20))
    assert y.loc["07", "clay_frac"] == 40
    with pytest.raises(
        ValueError, match=r"No site of profiles has .* in at least 90% of \(40, 90\)"
    ):
        load_soil_profiles(profiles, depth=(40, 90), min_covered=0.9)


def test_overlapping_and_touching_layers():
    layers = pd.DataFrame(
        {
            "site": ["a", "a", "b"],
            "top": [0, 5, 30],
            "bottom": [10, 15, 60],
            "clay": [10.0, 30.0, 5.0],
        }
    )
    means = average_layers(layers, (0, 12))
    assert list(means.index) == ["a"]  # b begins where the interval has ended
    assert means.loc["a", "clay"] == pytest.approx((10 * 10 + 7 * 30) / 17)
    assert means.loc["a", "depth_covered"] == 12


@pytest.mark.filterwarnings("ignore::stefaland_sk.DataWarning")
def test_impossible_wishes_are_refused(profiles):
    with pytest.raises(ValueError, match="`depth` must increase and not be negative"):
        load_soil_profiles(profiles, depth=(30, 0))
    with pytest.raises(ValueError, match="`depth` must be a pair of depths"):
        load_soil_profiles(profiles, depth=30)
    with pytest.raises(ValueError, match="`min_covered` must be from 0 to 1. Got 30"):
        load_soil_profiles(profiles, min_covered=30)
    with pytest.raises(ValueError, match=r"`targets` names \['sand'\], .* there are \['sand_frac'"):
        load_soil_profiles(profiles, targets=["sand"])
    with pytest.raises(TypeError, match="`targets` must be a list of names"):
        load_soil_profiles(profiles, targets="sand_frac")
    with pytest.raises(ValueError, match="`targets` is empty; None takes all"):
        load_soil_profiles(profiles, targets=[])


@pytest.mark.filterwarnings("ignore::stefaland_sk.DataWarning")
def test_columns_of_layers_must_be_there(profiles):
    (profiles / "layers.csv").write_text("site_id,top_cm,sand_pct,silt_pct,clay_pct\n07,0,1,2,3\n")
    with pytest.raises(ValueError, match="layers.csv has no column for 'bottom', one of"):
        load_soil_profiles(profiles)


@pytest.mark.filterwarnings("ignore:1 of 4 layers")
def test_a_site_without_place_is_left_out(profiles):
    (profiles / "sites.csv").write_text("site_id,lat,lon\n07,52,5\n08,,\n09,54,7\n")
    with pytest.warns(DataWarning, match=r"1 of 2 sites of profiles have no place .*\['08'\]"):
        X, _ = load_soil_profiles(profiles)
    assert list(X.site_ids) == ["07"]


# ------------------------------------------------------------------ countries
COUNTRY_OF = {
    "afsp:AO 1445_P100/56": "AO",
    "afsp:NG0001": None,  # of these some lie elsewhere than their letters say
    "afsp:MA-SEFR-10": None,
    "isis:CN35": "CN",
    "isis:ZR1": "CD",
    "febr:ctb0829/P29": "BR",
    "edgeroi:399_EDGEROI_ed418_1": "AU",
    "my:KE 7": None,
}


def written(folder, **more):
    """Write a layer of each of these sites, and its place."""
    layers = {"top_cm": 0, "bottom_cm": 30, "sand_pct": 50, "silt_pct": 30, "clay_pct": 20}
    places = {"lat": 1.0, "lon": 2.0, **more}
    for name, columns in {"layers": layers, "sites": places}.items():
        table = pd.DataFrame({"site_id": list(COUNTRY_OF)}).assign(**columns)
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def test_identifiers_tell_the_country(tmp_path):
    X, _ = load_soil_profiles(written(tmp_path))
    country = X.sites["country"]
    assert list(country.index) == list(COUNTRY_OF)
    assert country.dropna().to_dict() == {site: code for site, code in COUNTRY_OF.items() if code}


def test_a_column_of_countries_comes_before_identifiers(tmp_path):
    X, _ = load_soil_profiles(written(tmp_path, country="XX"))
    assert set(X.sites["country"]) == {"XX"}


def test_identifiers_that_tell_nothing_give_no_country(tmp_path):
    folder = wosis(tmp_path / "w", sand=(50, 20), silt=(30, 20), clay=(20, 60))
    X, _ = load_soil_profiles(folder)
    assert "country" not in X.sites


# ------------------------------------------------------------------ WoSIS
def test_fractions_of_wosis_are_joined_by_layer_and_make_a_whole(tmp_path):
    folder = wosis(tmp_path / "w", sand=(50, 20), silt=(30, 20), clay=(19, 60))
    X, y = load_soil_profiles(folder, depth=(0, 40))
    expected = (np.array([50, 30, 19]) / 0.99 + np.array([20, 20, 60])) / 2
    np.testing.assert_allclose(y.loc["7"], expected)
    assert X.sites[["lat", "lon"]].loc["7"].tolist() == [52.5, 5.5]
    assert X.sites["continent"].tolist() == ["Europe"]


def test_one_file_of_wosis_is_one_target(tmp_path):
    folder = wosis(tmp_path / "w", clay=(19, 60))
    _, y = load_soil_profiles(folder / "wosis_202312_clay.tsv", depth=(0, 20))
    assert y.to_dict() == {"clay_frac": {"7": 19.0}}


def test_a_layer_that_lacks_a_fraction_does_not_count(tmp_path):
    folder = wosis(tmp_path / "w", sand=(50, 20), silt=(30, 20), clay=(20,))
    X, _ = load_soil_profiles(folder, depth=(0, 60))
    assert X.sites["depth_covered"].tolist() == [20]


def test_a_foreign_table_under_the_name_of_wosis_is_refused(tmp_path):
    folder = wosis(tmp_path / "w", clay=(19, 60))
    file = folder / "wosis_202312_clay.tsv"
    file.write_text(file.read_text().replace("value_avg", "mean"))
    with pytest.raises(ValueError, match="clay.tsv has no column 'value_avg'"):
        load_soil_profiles(folder)


# ------------------------------------------------------------------ one row per site
@pytest.fixture
def table(tmp_path):
    text = "site_id,lat,lon,sand_pct,silt_pct,clay_pct,ph_h2o,cov_dem,cov_slope\n"
    text += "07,52,5,50,30,20,6,10,1\n08,53,6,20,20,60,7,20,2\n"
    (tmp_path / "soils.csv").write_text(text)
    return tmp_path / "soils.csv"


def test_covariates_are_the_attributes_and_nothing_else(table):
    X, y = load_soil_profiles(table)
    assert X.attribute_names == ["cov_dem", "cov_slope"]  # not pH, which is of the same sample
    assert y.loc["08"].tolist() == [20, 20, 60]
    X, _ = load_soil_profiles(table, attributes=["ph_h2o", "lat"], targets=["clay_frac"])
    assert X.attributes.loc["07"].tolist() == [6, 52]


def test_a_site_twice_is_refused(table):
    text = table.read_text()
    table.write_text(text + text.splitlines()[-1] + "\n")
    with pytest.raises(ValueError, match="soils.csv has the site '08' more than once"):
        load_soil_profiles(table)


def test_the_report_looks_at_each_fraction(table):
    X, y = load_soil_profiles(table)
    assert X.check(y).ok
    report = X.check(y.assign(clay_frac=np.nan, sand_frac=150.0)).frame()
    assert set(report["variable"]) >= {"clay_frac", "sand_frac"}


# ------------------------------------------------------------------ real data
def test_averages_are_those_of_an_independent_program(shared_data):
    X, y = load_soil_profiles(shared_data / "soil_profiles")
    known = pd.read_parquet(shared_data / "soil_profiles" / "topsoil_0_30cm.parquet")
    known = known.set_index("site_id").loc[y.index]
    assert len(known) == 21202
    for name in ("sand", "silt", "clay"):
        np.testing.assert_allclose(y[f"{name}_frac"], known[f"{name}_pct"], atol=1e-4)
    np.testing.assert_allclose(X.sites["depth_covered"], known["depth_covered_cm"], atol=1e-4)
    np.testing.assert_allclose(y.sum(axis=1), 100)


# Corners that hold the middle of a country: south, north, west, east.
MIDDLES = {
    "AO": (-14, -8, 13, 20), "BR": (-20, -5, -60, -40), "CD": (-7, 3, 18, 29),
    "CU": (20, 23, -82, -76), "ET": (6, 12, 36, 43), "HU": (46, 48, 17, 21),
    "ID": (-8, 4, 96, 125), "KE": (-3, 3, 35, 40), "LS": (-31, -28, 27, 30),
    "ML": (12, 18, -9, 1), "NG": (5, 12, 4, 12), "TR": (37, 41, 28, 42),
    "TZ": (-9, -2, 31, 38), "ZA": (-32, -25, 20, 31),
}  # fmt: skip


def test_countries_are_where_the_coordinates_are(shared_data):
    X, _ = load_soil_profiles(shared_data / "soil_profiles")
    known = X.sites.dropna(subset="country")
    assert len(known) == 21129
    assert known["country"].str.fullmatch("[A-Z]{2}").all()
    middle = known.groupby("country")[["lat", "lon"]].median()
    for country, (south, north, west, east) in MIDDLES.items():
        lat, lon = middle.loc[country]
        assert south < lat < north, country
        assert west < lon < east, country
    # Two collections that were gathered apart agree: the profile of AfSP nearest to one of ISIS.
    there = known[known["source"] == "afsp"]
    here = known[(known["source"] == "isis") & known["country"].isin(there["country"])]
    tree = BallTree(np.radians(there[["lat", "lon"]]), metric="haversine")
    nearest = tree.query(np.radians(here[["lat", "lon"]]), return_distance=False)[:, 0]
    assert len(here) > 150
    assert (there["country"].to_numpy()[nearest] == here["country"]).all()


@pytest.mark.filterwarnings("ignore::stefaland_sk.DataWarning")
def test_horizons_give_the_table_that_was_made_from_them(shared_data):
    _, y = load_soil_profiles(shared_data / "raw_samples" / "soil_macedonia")
    X, z = load_soil_profiles(shared_data / "soil_macedonia")
    assert X.n_attributes == 170
    assert set(y.index) == set(z.index)
    np.testing.assert_allclose(y.loc[z.index], z)


def test_sample_of_wosis(shared_data):
    X, y = load_soil_profiles(shared_data / "raw_samples" / "wosis")
    assert y.columns.tolist() == ["clay_frac"]
    assert X.n_sites == 159
    assert X.sites["region"].nunique() == 2
    assert X.sites["licence"].str.contains("CC BY 4.0").all()
