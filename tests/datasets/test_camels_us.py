"""The CAMELS-US reader: its two layouts, its units, and what it refuses."""

import shutil
import warnings

import numpy as np
import pandas as pd
import pytest

from stefaland_sk._core import DataWarning, LeakageWarning
from stefaland_sk.data import Panel, camels_gauges, hargreaves_pet
from stefaland_sk.datasets import load_camels_us, make_catchments
from stefaland_sk.datasets._camels_us import REGIONS, SIGNATURES
from stefaland_sk.datasets._climate_indices import climate_indices
from stefaland_sk.datasets._variables import ATTRIBUTE_UNITS

SITES = {"01013500": ("01", 100.0), "09999999": ("10", 50.0)}  # unit, area [km2]
DAYS = pd.date_range("2000-02-27", "2000-03-02")  # with a leap day
HEADERS = {
    "daymet": ("cida", "Year Mnth Day Hr dayl(s) prcp(mm/day) srad(W/m2) swe(mm) tmax(C) tmin(C)"),
    "nldas": (
        "nldas",
        "Year Mnth Day Hr\tDayl(s)\tPRCP(mm/day)\tSRAD(W/m2)\tSWE(mm)\tTmax(C)\tTmin(C)",
    ),
}


def write_forcing(folder, site, product, values, days=DAYS, header=None):
    """Write a forcing file as the provider does; `values` are dayl to vp of one day."""
    word, columns = HEADERS[product]
    columns = f"{columns} vp(Pa)" if header is None else header
    lines = ["  46.38", " 258.00", " 100000000", columns]
    lines += [f"{d:%Y %m %d} 12\t" + "\t".join(map(str, values)) for d in days]
    place = folder / "basin_mean_forcing" / product / SITES[site][0]
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{site}_lump_{word}_forcing_leap.txt"
    file.write_text("\n".join(lines) + "\n")
    return file


def write_streamflow(folder, site, rows):
    """Write a streamflow file: pairs of discharge [ft3/s] and flag from the first day on."""
    place = folder / "usgs_streamflow" / SITES[site][0]
    place.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{site} {day:%Y %m %d} {value:9.2f} {flag}"
        for day, (value, flag) in zip(DAYS[-len(rows) :], rows, strict=True)
    ]
    (place / f"{site}_streamflow_qc.txt").write_text("\n".join(lines) + "\n")


def write_attributes(folder):
    """Write the seven tables with made-up numbers."""
    folder.mkdir(parents=True)
    groups = {
        "clim": "p_mean;pet_mean;aridity;frac_snow;high_prec_freq;high_prec_dur;low_prec_freq;"
        "low_prec_dur;p_seasonality;high_prec_timing;low_prec_timing",
        "soil": "soil_depth_pelletier;soil_depth_statsgo;soil_porosity;soil_conductivity;"
        "max_water_content;sand_frac;silt_frac;clay_frac;water_frac;organic_frac;other_frac",
        "vege": "frac_forest;lai_max;lai_diff;gvf_max;gvf_diff;dom_land_cover_frac;dom_land_cover;"
        "root_depth_50;root_depth_99",
        "geol": "geol_1st_class;glim_1st_class_frac;geol_2nd_class;glim_2nd_class_frac;"
        "carbonate_rocks_frac;geol_porostiy;geol_permeability",
        "hydro": ";".join(SIGNATURES),
    }
    text = {"high_prec_timing", "low_prec_timing", "dom_land_cover"}
    text |= {"geol_1st_class", "geol_2nd_class"}
    for group, header in groups.items():
        lines = [f"gauge_id;{header}"]
        for row, site in enumerate(SITES, start=1):
            cells = ["  word" if n in text else str(row + 0.5) for n in header.split(";")]
            lines.append(";".join([site, *cells]))
        (folder / f"camels_{group}.txt").write_text("\n".join(lines) + "\n")
    topo = ["gauge_id;gauge_lat;gauge_lon;elev_mean;slope_mean;area_gages2;area_geospa_fabric"]
    topo += [f"{s};40.0;-90.0;300;20;{area};{area + 1}" for s, (_, area) in SITES.items()]
    (folder / "camels_topo.txt").write_text("\n".join(topo) + "\n")
    name = ["gauge_id;huc_02;gauge_name"]
    name += [f"{site};{unit};River at {site}" for site, (unit, _) in SITES.items()]
    (folder / "camels_name.txt").write_text("\n".join(name) + "\n")


@pytest.fixture
def official(tmp_path):
    """Two made-up gauges over five days, in the official layout."""
    folder = tmp_path / "basin_dataset_public_v1p2"
    for site in SITES:
        write_forcing(folder, site, "daymet", [36000.0, 2.5, 200.0, 0.0, 12.0, 2.0, 700.0])
    write_streamflow(folder, "01013500", [(100, "A"), (-999, "M"), (5, "M"), (50, "A:e"), (0, "A")])
    write_streamflow(folder, "09999999", [(10, "A"), (20, "A")])  # begins three days late
    write_attributes(tmp_path / "camels_attributes_v2.0")
    return tmp_path


@pytest.fixture(scope="module")
def compact(shared_data):
    """Folder of the compact files."""
    return shared_data / "camels_us"


@pytest.fixture(scope="module")
def raw(shared_data):
    """Folder of excerpts in the official layout."""
    return shared_data / "raw_samples" / "camels_us"


# ------------------------------------------------------------------- the official layout
def test_official_layout(official):
    X, y = load_camels_us(official)
    assert isinstance(X, Panel)
    assert list(X.site_ids) == ["01013500", "09999999"]
    assert X.time.equals(DAYS.rename("time"))
    assert X.forcing_names == ["prcp", "srad", "tmax", "tmin", "vp", "dayl"]
    np.testing.assert_array_equal(X.forcing[1, 2], np.float32([2.5, 200, 12, 2, 700, 36000]))
    assert y.index.equals(X.site_ids)
    assert y.columns.equals(X.time)


def test_runoff_comes_from_cubic_feet_by_the_area(official):
    _, y = load_camels_us(official)
    per_foot = 0.3048**3 * 86400 / (100.0 * 1e6) * 1e3
    expected = [100 * per_foot, np.nan, np.nan, 50 * per_foot, 0.0]
    np.testing.assert_allclose(y.loc["01013500"], expected, rtol=1e-6)


def test_late_record_is_missing_before_its_beginning(official):
    _, y = load_camels_us(official)
    assert y.loc["09999999"].isna().tolist() == [True, True, True, False, False]


def test_discharge_target_is_the_volume(official):
    _, y = load_camels_us(official, target="discharge")
    assert y.loc["01013500"].iloc[0] == pytest.approx(100 * 0.3048**3, rel=1e-6)


def test_folder_of_the_series_finds_attributes_beside_it(official):
    whole, _ = load_camels_us(official)
    X, _ = load_camels_us(official / "basin_dataset_public_v1p2")
    assert X.attributes.equals(whole.attributes)


def test_header_spelling_of_other_products(official):
    folder = official / "basin_dataset_public_v1p2"
    write_forcing(folder, "09999999", "nldas", [36000.0, 2.5, 200.0, 0.0, 7.0, 7.0, 700.0])
    with pytest.warns(DataWarning, match="'nldas' are equal on all days"):
        X, _ = load_camels_us(official, forcing_product="nldas")
    assert list(X.site_ids) == ["09999999"]
    assert X.forcing[0, 0, 0] == 2.5
    with pytest.raises(ValueError, match="pet after Hargreaves would be zero"):
        load_camels_us(official, forcing_product="nldas", forcings=["prcp", "pet"])


def test_gap_and_fill_value_in_forcing_are_missing(official):
    folder = official / "basin_dataset_public_v1p2"
    days = DAYS.delete(2)  # no leap day
    values = [36000.0, -999.0, 200.0, 0.0, 12.0, 2.0, 700.0]
    write_forcing(folder, "01013500", "daymet", values, days)
    X, _ = load_camels_us(official)
    assert np.isnan(X.forcing[0, :, 0]).all()
    assert np.isnan(X.forcing[0, :, 1]).tolist() == [False, False, True, False, False]


def test_additional_column_is_ignored(official):
    folder = official / "basin_dataset_public_v1p2"
    values = [36000.0, 2.5, 200.0, 0.0, 12.0, 2.0, 700.0, 99.0]
    write_forcing(folder, "01013500", "daymet", values)
    X, _ = load_camels_us(official)
    np.testing.assert_array_equal(X.forcing[0], X.forcing[1])


def test_record_spans_the_longest_file(official):
    folder = official / "basin_dataset_public_v1p2"
    values = [36000.0, 2.5, 200.0, 0.0, 12.0, 2.0, 700.0]
    write_forcing(folder, "09999999", "daymet", values, pd.date_range("2000-02-20", "2000-03-04"))
    X, _ = load_camels_us(official)
    assert X.n_times == 14
    assert np.isnan(X.forcing[0, :, 0]).sum() == 9


def test_copy_in_a_foreign_unit_is_ignored(official):
    forcing = official / "basin_dataset_public_v1p2" / "basin_mean_forcing" / "daymet"
    (forcing / "18").mkdir()
    name = "01013500_lump_cida_forcing_leap.txt"
    copy = (forcing / "01" / name).read_text().replace("\t2.5\t", "\t9.9\t")
    (forcing / "18" / name).write_text(copy)
    X, _ = load_camels_us(official)
    assert X.forcing[0, 0, 0] == 2.5


def test_site_without_streamflow_is_unlabelled(official):
    shutil.rmtree(official / "basin_dataset_public_v1p2" / "usgs_streamflow" / "10")
    with pytest.warns(DataWarning, match="1 of 2 sites have no streamflow file.*09999999"):
        _, y = load_camels_us(official)
    assert y.loc["09999999"].isna().all()


def test_site_without_attributes_is_left_out(official):
    for table in (official / "camels_attributes_v2.0").glob("*.txt"):
        lines = table.read_text().splitlines()
        table.write_text("\n".join(line for line in lines if "09999999" not in line) + "\n")
    X, _ = load_camels_us(official)
    assert list(X.site_ids) == ["01013500"]
    with pytest.raises(ValueError, match=r"'09999999'.*holds 1 sites"):
        load_camels_us(official, sites=["09999999"])


def test_site_table(official):
    X, _ = load_camels_us(official)
    table = X.sites
    assert table["region"].tolist() == ["1", "4"]
    assert table["huc_02"].tolist() == ["01", "10"]
    assert table["area"].tolist() == [100.0, 50.0]
    assert table["name"].tolist() == ["River at 01013500", "River at 09999999"]
    assert table["in_531"].tolist() == [False, False]
    assert table["pub_group_10"].iloc[0] == 8
    assert np.isnan(table["pub_group_10"].iloc[1])  # not one of the published gauges


def test_regions_are_those_of_the_published_table():
    table = camels_gauges()
    region = {int(unit): int(name) for name, units in REGIONS.items() for unit in units}
    assert len(table) == 671
    assert (table["huc02"].map(region) == table["pur_region_7"]).all()


# ------------------------------------------------------------------- what to take
def test_default_attributes_are_those_of_make_catchments(official):
    X, _ = load_camels_us(official)
    made, _ = make_catchments(n_sites=2, n_years=1, n_regions=1, random_state=0)
    assert X.attribute_names == made.attribute_names == list(ATTRIBUTE_UNITS)
    assert X.forcing_names == made.forcing_names
    assert X.units == made.units
    assert X.groups == made.groups
    assert set(made.sites) <= set(X.sites)


def test_all_attributes_leave_signatures_and_categories_out(official):
    X, _ = load_camels_us(official, attributes="all")
    assert X.n_attributes == 37
    assert {"p_seasonality", "geol_porosity", "root_depth_99"} <= set(X.attribute_names)
    assert not set(X.attribute_names) & set(SIGNATURES)
    grouped = [name for names in X.groups.values() for name in names]
    assert sorted(grouped) == sorted(X.attribute_names)
    assert set(X.attribute_names) <= set(X.units)


def test_signatures_stand_in_the_site_table_only(official):
    X, _ = load_camels_us(official, signatures=["q_mean", "baseflow_index"])
    assert X.sites["q_mean"].tolist() == [1.5, 2.5]
    assert "q_mean" not in X.attribute_names
    assert X.units["q_mean"] == "mm/d"


def test_signature_as_an_attribute_warns(official):
    with pytest.warns(LeakageWarning, match=r"\['q_mean'\] stand for a target or are computed"):
        X, _ = load_camels_us(official, attributes=["elev_mean", "q_mean"])
    assert X.attribute_names == ["elev_mean", "q_mean"]
    assert X.groups["hydrology"] == ["q_mean"]


def test_attributes_keep_the_order_asked_for(official):
    X, _ = load_camels_us(official, attributes=["clay_frac", "geol_porostiy", "elev_mean"])
    assert X.attribute_names == ["clay_frac", "geol_porosity", "elev_mean"]


def test_derived_forcing(official):
    X, _ = load_camels_us(official, forcings=["pet", "prcp", "tmean"])
    assert X.forcing_names == ["pet", "prcp", "tmean"]
    expected = hargreaves_pet(40.0, DAYS.day_of_year.to_numpy(), 2.0, 12.0)
    np.testing.assert_allclose(X.forcing[0, :, 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(X.forcing[0, :, 2], 7.0)
    assert X.units["pet"] == "mm/d"


def test_radiation_of_daylight_or_of_the_whole_day(official):
    X, _ = load_camels_us(official, forcings=["srad"])
    Z, _ = load_camels_us(official, forcings=["srad"], radiation="day")
    np.testing.assert_array_equal(X.forcing, 200.0)
    np.testing.assert_allclose(Z.forcing, 200.0 * 36000 / 86400, rtol=1e-6)
    with pytest.raises(ValueError, match="`radiation` must be one of .*Got 'night'"):
        load_camels_us(official, radiation="night")


def test_sites_and_period(official):
    X, y = load_camels_us(
        official, sites=["09999999", "01013500"], period=("2000-02-29", "2000-03-01")
    )
    assert list(X.site_ids) == ["09999999", "01013500"]
    assert [f"{day:%m-%d}" for day in y.columns] == ["02-29", "03-01"]


def test_as_frame_holds_the_same(official):
    X, y = load_camels_us(official)
    frame, series = load_camels_us(official, as_frame=True)
    assert frame.index.names == ["site", "time", "region"]
    assert series.name == "runoff"
    np.testing.assert_array_equal(series.to_numpy().reshape(y.shape), y)
    back = Panel.from_long(frame, attributes=X.attribute_names)
    np.testing.assert_array_equal(back.forcing, X.forcing)


# ------------------------------------------------------------------- what is refused
def test_nothing_found_lists_what_was_looked_for(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"(?s)camels_us_daymet.nc with attributes.csv.*basin_d"
    ):
        load_camels_us(tmp_path)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        load_camels_us(tmp_path / "absent")


def test_missing_attribute_folder_is_named(official):
    shutil.rmtree(official / "camels_attributes_v2.0")
    with pytest.raises(
        FileNotFoundError, match=r"camels_topo.txt.*Unpack 'camels_attributes_v2.0'"
    ):
        load_camels_us(official)


def test_missing_table_is_named(official):
    (official / "camels_attributes_v2.0" / "camels_name.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"camels_name.txt is missing"):
        load_camels_us(official)


def test_missing_soil_table_is_named_by_its_attributes(official):
    (official / "camels_attributes_v2.0" / "camels_soil.txt").unlink()
    with pytest.raises(ValueError, match=r"'soil_porosity'.* are not in the files"):
        load_camels_us(official)
    assert load_camels_us(official, attributes=["elev_mean"])[0].n_attributes == 1


def test_no_series_for_the_attributes(official):
    forcing = official / "basin_dataset_public_v1p2" / "basin_mean_forcing" / "daymet"
    for file in forcing.glob("*/*.txt"):
        file.unlink()
    with pytest.raises(FileNotFoundError, match="None of the 0 forcing files"):
        load_camels_us(official)


def test_damaged_files_are_named(official):
    folder = official / "basin_dataset_public_v1p2"
    values = [36000.0, 2.5, 200.0, 0.0, 12.0, 2.0, 700.0]
    write_forcing(folder, "01013500", "daymet", values, DAYS.append(DAYS[-1:]))
    with pytest.raises(ValueError, match=r"01013500_lump.*has the day 2000-03-02 more than once"):
        load_camels_us(official)
    file = write_forcing(folder, "01013500", "daymet", values, header="Year Mnth Day Hr rain(mm)")
    with pytest.raises(ValueError, match=r"01013500_lump.*has no column for \['prcp'"):
        load_camels_us(official)
    file.write_text("<html>not found</html>\n")
    with pytest.raises(ValueError, match=r"01013500_lump.*is not in the official CAMELS-US layout"):
        load_camels_us(official)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sites": [1013500]}, TypeError, r"must be strings. Got 1013500 \(int\).*'01013500'"),
        ({"sites": np.array([1013500])}, TypeError, "leading zeros.*dtype=str"),
        ({"sites": [None]}, TypeError, "Got None"),
        ({"sites": "01013500"}, TypeError, r"Got the string '01013500'.*sites=\['01013500'\]"),
        ({"sites": ["1013500"]}, ValueError, r"1 of 1 sites.*\['1013500'\] \('01013500' is\)"),
        ({"sites": ["01013500"] * 2}, ValueError, "`sites` names a site twice"),
        ({"sites": []}, ValueError, "`sites` is empty"),
        ({"attributes": "some"}, ValueError, "`attributes` must be one of"),
        ({"attributes": ["elevation"]}, ValueError, r"names \['elevation'\].*'elev_mean'"),
        ({"attributes": ["dom_land_cover"]}, ValueError, "is a category.*camels_vege.txt"),
        ({"signatures": ["elev_mean"]}, ValueError, r"`signatures` names \['elev_mean'\]"),
        ({"signatures": "q_mean"}, TypeError, "`signatures` must be a list of names"),
        ({"forcings": ["swe"]}, ValueError, r"`forcings` names \['swe'\].*'prcp'"),
        ({"forcing_product": "era5"}, ValueError, "`forcing_product` must be one of.*'daymet'"),
        ({"forcing_product": "maurer"}, ValueError, r"'maurer' is not in.*holds \['daymet'\]"),
        ({"target": "stage"}, ValueError, r"`target` must be one of \['runoff', 'discharge'\]"),
        ({"period": "2000"}, ValueError, "`period` must be a pair"),
        ({"period": ("1990", "1991")}, ValueError, "runs from 2000-02-27 to 2000-03-02"),
    ],
)
def test_illegal_arguments(official, options, error, message):
    with pytest.raises(error, match=message):
        load_camels_us(official, **options)


# ------------------------------------------------------------------- the real data
def test_excerpts_in_the_official_layout(raw):
    X, y = load_camels_us(raw)
    assert list(X.site_ids) == ["01022500", "02427250", "06221400", "12010000"]
    assert X.shape == (4, 12784, 6)
    assert X.sites["region"].tolist() == ["1", "2", "4", "7"]
    assert X.sites["in_531"].all()
    first_day = y.loc["02427250"].first_valid_index()
    assert first_day == pd.Timestamp("1989-10-01")
    assert y.loc["12010000"].notna().all()
    assert y.loc["01022500"].isna().sum() == 92


@pytest.mark.parametrize("product", ["daymet", "maurer_extended"])
def test_products_of_an_excerpt(raw, product):
    X, y = load_camels_us(raw, forcing_product=product, sites=["12010000"])
    assert f"{X.time[-1]:%Y}" == {"daymet": "2014", "maurer_extended": "2008"}[product]
    assert np.isfinite(X.forcing).all()
    assert (X.forcing[0, :, 2] > X.forcing[0, :, 3]).mean() > 0.99
    assert y.shape == (1, X.n_times)


@pytest.mark.parametrize("product", ["maurer", "nldas"])
def test_products_without_a_daily_range(raw, product):
    with pytest.warns(DataWarning, match="the daily mean for both"):
        X, _ = load_camels_us(raw, forcing_product=product)
    assert list(X.site_ids) == ["12010000"]


def test_layouts_agree(raw, compact):
    X, y = load_camels_us(raw, sites=["01022500", "06221400"])
    X2, y2 = load_camels_us(compact, sites=list(X.site_ids))
    # The compact files are rounded: streamflow to four digits, forcing to its scale.
    np.testing.assert_allclose(y2, y, rtol=5e-4)
    tolerance = [0.0051, 0.0501, 0.0051, 0.0051, 1.0, 2.6]
    assert (np.abs(X2.forcing - X.forcing).max(axis=(0, 1)) <= tolerance).all()
    pd.testing.assert_frame_equal(X2.attributes, X.attributes)
    shared = ["region", "huc_02", "area", "name", "in_531", "pub_group_10"]
    pd.testing.assert_frame_equal(X2.sites[shared], X.sites[shared], check_dtype=False)


def test_compact_files(compact):
    period = ("1999-10-01", "2000-09-30")
    X, y = load_camels_us(compact, period=period)
    assert X.shape == (448, 366, 6)
    assert y.shape == (448, 366)
    assert X.sites["in_531"].sum() == 358
    assert (X.site_ids.str.len() == 8).all()
    assert sorted(X.sites["region"].unique()) == ["1", "2", "4", "5", "7"]
    assert {"pub_fold5", "nearing2022_pub_fold10"} <= set(X.sites)
    assert 0.5 < y.mean(axis=None) < 3
    with pytest.raises(ValueError, match="holds 'daymet' only"):
        load_camels_us(compact, forcing_product="nldas")


def test_published_means_are_reproduced(compact):
    """Streamflow, area, precipitation and calendar are those of the published attributes."""
    every_40th = load_camels_us(compact, period=("2000-01-01", "2000-01-02"))[0].site_ids[::40]
    X, y = load_camels_us(
        compact,
        sites=list(every_40th),
        period=("1989-10-01", "2009-09-30"),
        signatures=["q_mean"],
    )
    np.testing.assert_allclose(y.mean(axis=1), X.sites["q_mean"], rtol=1e-3)
    forcing = X.forcing.astype(float)
    indices = climate_indices(forcing[..., 0], forcing[..., 2:4].mean(axis=2), forcing[..., 0])
    for name in ("p_mean", "high_prec_freq", "high_prec_dur", "low_prec_freq", "low_prec_dur"):
        np.testing.assert_allclose(indices[name], X.attributes[name], rtol=1e-6)


def test_demo_files(shared_data):
    X, y = load_camels_us(shared_data / "demo")
    assert X.shape == (20, 3653, 6)
    assert X.n_attributes == 26
    assert y.notna().all(axis=None)
    assert X.sites["region"].value_counts().eq(4).all()
    assert np.isfinite(X.forcing).all()


@pytest.mark.parametrize("product", ["daymet", "maurer", "maurer_extended", "nldas"])
def test_all_products_of_a_real_basin_agree_in_their_units(raw, product):
    """Means of ten years lie near those of Daymet, and radiation is that of daylight in all."""
    period, sites = ("1990-01-01", "1999-12-31"), ["12010000"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # daily means of temperature
        X, y = load_camels_us(raw, forcing_product=product, sites=sites, period=period)
    mean = dict(zip(X.forcing_names, np.nanmean(X.forcing[0], axis=0), strict=True))
    assert mean["prcp"] == pytest.approx(8.4, abs=0.7)
    assert (mean["tmax"] + mean["tmin"]) / 2 == pytest.approx(9.4, abs=0.5)
    assert mean["srad"] == pytest.approx(270, abs=30)
    assert mean["vp"] == pytest.approx(940, abs=130)
    assert mean["dayl"] == pytest.approx(43193, abs=1)
    assert y.attrs == {"name": "runoff", "units": "mm/d"}
