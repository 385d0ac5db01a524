"""Own CSV files: whatever their columns are called, and what is said where they are not clear."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk import DataWarning, LeakageWarning, Panel
from stefaland_sk.data import discharge_from_runoff, runoff_from_discharge
from stefaland_sk.datasets import find_kind, load_camels_us, load_panel, load_site_files

NAMES = {
    "Regen [mm]": "prcp",
    "T max": "tmax",
    "T min": "tmin",
    "Abfluss m3/s": "discharge",
    "Flaeche": "area",
    "Y": "lat",
    "X": "lon",
}
TIME = pd.date_range("2000-01-01", periods=40, name="Datum")
AREA = {"0102": 172.8, "0205": 86.4, "3111": 43.2}


def series(seed, flow=True):
    """Forty days of a gauge, with a gap in rain and flow."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(index=TIME)
    frame["T min"] = rng.normal(5, 3, 40).round(2)
    frame["Regen [mm]"] = rng.gamma(0.5, 6, 40).round(2)
    frame["T max"] = frame["T min"] + 7
    if flow:
        frame["Abfluss m3/s"] = rng.gamma(1, 1, 40).round(3)
        frame.iloc[3:6, 3] = np.nan
    frame.iloc[0, 1] = np.nan
    return frame


@pytest.fixture
def folder(tmp_path):
    """Three gauges, of which the last has no flow, and a table that has lost its zeros."""
    (tmp_path / "pegel").mkdir()
    for number, site in enumerate(AREA):
        series(number, flow=site != "3111").to_csv(tmp_path / "pegel" / f"{site}.csv")
    table = pd.DataFrame(
        {
            "Pegel": [3111, 205, 102],
            "Name": ["Au", "Bach", "Cham"],
            "Flaeche": [43.2, 86.4, 172.8],
            "Y": [47.0, 48.0, 49.0],
            "X": [10.0, 11.0, 12.0],
            "Wald %": [30.0, np.nan, 60.0],
            "Gebiet": [1, 2, 2],
        }
    )
    table.to_csv(tmp_path / "pegel.csv", index=False)
    return tmp_path


def check_all(X, y):
    """Compare with what was written."""
    assert list(X.site_ids) == list(AREA)
    assert X.forcing_names == ["tmin", "prcp", "tmax"]
    for number, (site, area) in enumerate(AREA.items()):
        wanted = series(number)
        np.testing.assert_allclose(X.variable("prcp")[number], wanted["Regen [mm]"], rtol=1e-6)
        flow = 86.4 * wanted["Abfluss m3/s"] / area if site != "3111" else np.full(40, np.nan)
        np.testing.assert_allclose(y.loc[site], flow, rtol=1e-6)
    assert (y.attrs["name"], y.attrs["units"]) == ("runoff", "mm/d")
    assert X.units["tmax"] == "degC"


def test_a_folder_of_files_and_a_table_beside_it(folder):
    for path in (folder, folder / "pegel"):
        X, y = load_site_files(path, rename=NAMES, region="Gebiet")
        check_all(X, y)
    assert X.sites["Name"].tolist() == ["Cham", "Bach", "Au"]
    assert X.sites["region"].tolist() == ["2", "2", "1"]
    assert X.attribute_names == ["area", "Wald %"]  # the number of a region is no property
    assert X.sites["lat"].tolist() == [49.0, 48.0, 47.0]
    assert X.variable("Wald %")[[0, 2]].tolist() == [60.0, 30.0]
    assert X.check(y).ok


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_one_file_for_all(folder, ending):
    parts = {site: series(i, flow=site != "3111") for i, site in enumerate(AREA)}
    rows = pd.concat(parts, names=["Station"]).reset_index().assign(Land="DE", km=5.0)
    path = folder / f"alle.{ending}"
    rows.to_csv(path, index=False) if ending == "csv" else rows.to_parquet(path)
    table = folder / "pegel.csv"
    X, y = load_site_files(path, table=table, rename=NAMES)
    check_all(X, y)
    assert X.sites["Land"].tolist() == ["DE"] * 3
    assert X.variable("km").tolist() == [5.0] * 3  # what never changes at a site is an attribute


def test_forms_of_files_in_other_countries(folder):
    for file in (folder / "pegel").glob("*.csv"):
        frame = pd.read_csv(file)
        frame["Datum"] = pd.to_datetime(frame["Datum"]).dt.strftime("%d.%m.%Y")
        frame.to_csv(file, sep=";", decimal=",", index=False, na_rep="-999")
    options = {"sep": ";", "decimal": ",", "na_values": [-999]}
    with pytest.raises(ValueError, match=r"'Datum' of 0102.csv .*'01.01.2000'.*'dayfirst': True"):
        load_site_files(folder / "pegel", rename=NAMES, read_csv=options)
    dates = {"parse_dates": ["Datum"], "dayfirst": True}
    X, y = load_site_files(
        folder / "pegel", table=folder / "pegel.csv", rename=NAMES, read_csv={**options, **dates}
    )
    check_all(X, y)


@pytest.mark.parametrize("clock", [" 09:00", "T00:00:00+00:00"])
def test_days_are_called_by_their_date(folder, clock):
    for file in (folder / "pegel").glob("*.csv"):
        frame = pd.read_csv(file)
        frame.assign(Datum=frame["Datum"] + clock).to_csv(file, index=False)
    check_all(*load_site_files(folder, rename=NAMES))


def test_years_to_predict_have_no_target(folder):
    for file in (folder / "pegel").glob("*.csv"):
        pd.read_csv(file).drop(columns="Abfluss m3/s", errors="ignore").to_csv(file, index=False)
    X, y = load_site_files(folder, rename=NAMES, period=("2000-01-10", None))
    assert y is None
    assert X.time[0] == pd.Timestamp("2000-01-10")
    assert X.forcing_names == ["tmin", "prcp", "tmax"]


def test_targets_and_units(folder):
    X, discharge = load_site_files(folder, rename=NAMES, target="discharge")
    assert discharge.attrs["units"] == "m3/s"
    _, runoff = load_site_files(folder, rename=NAMES, target="runoff")
    np.testing.assert_allclose(runoff_from_discharge(discharge, X), runoff)
    _, in_feet = load_site_files(folder, rename=NAMES, units={"discharge": "ft3/s"})
    np.testing.assert_allclose(in_feet, 0.3048**3 * runoff, rtol=1e-5)
    frame, flow = load_site_files(folder, rename=NAMES, as_frame=True, forcings=["prcp", "pet"])
    assert list(frame.columns[:2]) == ["prcp", "pet"]
    np.testing.assert_allclose(flow.unstack("time").loc["0205"], runoff.loc["0205"])


def test_without_a_table_or_an_area_discharge_stays_discharge(folder):
    (folder / "pegel.csv").unlink()
    X, y = load_site_files(folder, rename=NAMES)
    assert y.attrs["name"] == "discharge"
    assert X.n_attributes == 0
    with pytest.raises(ValueError, match="X has no 'area'"):
        load_site_files(folder, rename=NAMES, target="runoff")


def test_names_that_nobody_knows(folder):
    X, y = load_site_files(folder)  # nothing is known: all is taken
    assert X.forcing_names == ["T min", "Regen [mm]", "T max", "Abfluss m3/s"]
    assert y is None
    assert "None of the forcing" in str(X.check())
    assert "Regen [mm]" not in X.units
    negative = Panel(forcing=-X.forcing, time=X.time, forcing_names=X.forcing_names, units=X.units)
    assert not negative.rename_variables({"Regen [mm]": "prcp"}).check().ok
    with pytest.warns(
        DataWarning, match=r"only \['prcp'\] are taken as forcing; \['T min', 'T max'"
    ):
        X, _ = load_site_files(folder, rename={"Regen [mm]": "prcp"}, target="Abfluss m3/s")
    assert X.forcing_names == ["prcp"]
    with pytest.warns(LeakageWarning):
        load_site_files(folder, rename=NAMES, forcings=["prcp", "discharge"], target="tmax")


def test_the_kind_is_seen(folder):
    for path in (folder, folder / "pegel", folder / "pegel" / "0102.csv"):
        assert find_kind(path) == "site_files"
    assert find_kind(folder / "pegel.csv") == "table"
    check_all(*load_panel(folder, rename=NAMES))


def spoil(folder, change):
    """Change the file of the first gauge."""
    file = folder / "pegel" / "0102.csv"
    change(pd.read_csv(file, dtype=object)).to_csv(file, index=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: f.assign(**{"Abfluss m3/s": f["Abfluss m3/s"].where(f.index != 9, "Eis")}),
            r"'Abfluss m3/s' of 0102.csv holds 'Eis' beside numbers.*'na_values': \['Eis'\]",
        ),
        (lambda f: f.iloc[[*range(40), 7]], "site '0102' at 2000-01-08"),
        (lambda f: f.assign(Datum=f["Datum"].where(f.index != 5)), "date is missing .* 0102.csv"),
        (
            lambda f: f.assign(Datum=f["Datum"].where(f.index != 5, "2000-01-06 12:00")),
            "has steps of 0 days 12:00:00; days are wanted",
        ),
    ],
)
def test_files_that_are_not_clear(folder, change, message):
    spoil(folder, change)
    with pytest.raises(ValueError, match=message):
        load_site_files(folder, rename=NAMES)


def test_hours_are_no_days(folder):
    hours = pd.date_range("2000-01-01", periods=40, freq="h", name="Datum")
    for file in (folder / "pegel").glob("*.csv"):
        pd.read_csv(file).assign(Datum=hours).to_csv(file, index=False)
    with pytest.raises(ValueError, match=r"steps of 0 days 01:00:00; days are wanted.*resample"):
        load_site_files(folder, rename=NAMES)


def test_folders_that_are_not_clear(folder):
    (folder / "neu").mkdir()
    series(0).to_csv(folder / "neu" / "0102.csv")
    with pytest.raises(ValueError, match=r"several folders with series, \['neu', 'pegel'\]"):
        load_site_files(folder, rename=NAMES)
    (folder / "mehr.csv").write_text("Pegel,Hoehe\n102,3.0\n")
    with pytest.raises(ValueError, match=r"Which of \['mehr.csv', 'pegel.csv'\]"):
        load_site_files(folder / "pegel", rename=NAMES)
    with pytest.raises(FileNotFoundError, match="There is no file or folder .*nothing.csv"):
        load_site_files(folder / "pegel", rename=NAMES, table=folder / "nothing.csv")
    (folder / "leer").mkdir()
    with pytest.raises(FileNotFoundError, match="(?s)files of sites with a column of dates.*date="):
        load_site_files(folder / "leer", rename=NAMES)


def test_a_table_of_other_sites(folder):
    table = pd.read_csv(folder / "pegel.csv")
    table[table["Pegel"] != 205].to_csv(folder / "pegel.csv", index=False)
    with pytest.warns(DataWarning, match=r"pegel.csv lacks 1 of 3 sites, for example \['0205'\]"):
        X, _ = load_site_files(folder, rename=NAMES, target="discharge")
    assert np.isnan(X.variable("area")[1])
    table.assign(Pegel=["a", "b", "c"]).to_csv(folder / "pegel.csv", index=False)
    with pytest.raises(ValueError, match="No column of .*pegel.csv holds the identifiers"):
        load_site_files(folder, rename=NAMES)


def test_a_column_called_region_is_one(folder):
    table = pd.read_csv(folder / "pegel.csv").rename(columns={"Gebiet": "Region"})
    table.to_csv(folder / "pegel.csv", index=False)
    X, _ = load_site_files(folder, rename=NAMES)
    assert X.sites["region"].tolist() == ["2", "2", "1"]
    assert "Region" not in X.attribute_names


def test_real_records_come_back(shared_data, tmp_path):
    """CAMELS-US, written as a hydrologist might have it, is read as it was."""
    X, y = load_camels_us(shared_data / "camels_us", period=("2000-10-01", "2001-09-30"))
    X, y = X[:30], y[:30]
    flow = discharge_from_runoff(y, X.sites["area"])
    for i, site in enumerate(X.site_ids):
        frame = pd.DataFrame(X.forcing[i], index=X.time.rename("day"), columns=X.forcing_names)
        frame.assign(Q=flow.loc[site]).to_csv(tmp_path / f"{site}.csv")
    table = X.attributes.assign(area=X.sites["area"], Region=X.sites["region"])
    table.set_axis(X.site_ids.astype(int), axis=0).rename_axis("gauge").to_csv(tmp_path / "t.csv")
    theirs, runoff = load_site_files(tmp_path, rename={"Q": "discharge"}, region="Region")
    np.testing.assert_allclose(theirs.forcing, X.forcing, rtol=1e-6)
    np.testing.assert_allclose(runoff, y, rtol=1e-5)
    assert theirs.sites["region"].tolist() == X.sites["region"].tolist()
