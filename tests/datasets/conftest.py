"""Tiny data sets in the layouts of their providers, all made up."""

import numpy as np
import pandas as pd
import pytest

DAYS = pd.date_range("2000-02-27", "2000-03-02")  # with a leap day


def write_camels_gb(folder, version=1):
    """Write two basins: files of series in a folder of their own, tables of attributes."""
    series = folder / "data" / "timeseries"
    series.mkdir(parents=True)
    common = {"discharge_spec": [1.0, np.nan, 3.0, 4.0, 5.0], "discharge_vol": np.arange(5.0)}
    weather = {
        1: {
            "precipitation": 2.0,
            "pet": 0.5,
            "peti": 0.6,
            "temperature": 7.0,
            "humidity": 5.0,
            "shortwave_rad": 90.0,
            "longwave_rad": 300.0,
            "windspeed": 4.0,
        },
        2: {
            "precipitation_cehgear": 2.2,
            "precipitation_haduk": 2.0,
            "pet_chess": 0.4,
            "peti_chess": 0.45,
            "pet_hydrope": 0.5,
            "peti_hydrope": 0.6,
            "temperature_chess": 6.0,
            "temperature_haduk": 7.0,
        },
    }[version]
    name = {
        1: "CAMELS_GB_hydromet_timeseries_{}_19701001-20150930.csv",
        2: "camels_gb_v2_hydromet_daily_timeseries_{}_19701001-20220930.csv",
    }[version]
    for gauge in ("2001", "39001"):
        table = pd.DataFrame({"date": DAYS.strftime("%Y-%m-%d")} | weather | common)
        table.to_csv(series / name.format(gauge), index=False)
    stem = {1: "CAMELS_GB_{}_attributes.csv", 2: "camels_gb_v2_{}_attributes.csv"}[version]
    tables = {
        "topographic": "gauge_id,gauge_name,gauge_lat,gauge_lon,area,dpsbar,elev_mean\n"
        "2001,Helmsdale,58.1,-3.7,551,95,258\n39001,Thames,51.4,-0.3,9948,60,109\n",
        "climatic": "gauge_id,p_mean,aridity,high_prec_timing\n2001,3,0.4,son\n39001,2,0.7,jja\n",
        "hydrologic": "gauge_id,q_mean,baseflow_index_ceh,Q95\n2001,2,0.5,9\n39001,1,0.6,3\n",
        "soil": "gauge_id,sand_perc,root_depth\n2001,60,0.8\n39001,40,1.1\n",
    }
    for word, text in tables.items():
        (folder / "data" / stem.format(word)).write_text(text)
    return folder


def write_caravan(folder, form="csv"):
    """Write two sub-datasets with one basin each."""
    for subset, days in (("camelsxx", DAYS), ("hyyy", DAYS[1:])):
        basin = f"{subset}_7"
        columns = {
            "total_precipitation_sum": 2.0,
            "potential_evaporation_sum_ERA5_LAND": 9.0,
            "potential_evaporation_sum_FAO_PENMAN_MONTEITH": 1.5,
            "temperature_2m_mean": 7.0,
            "temperature_2m_max": 9.0,
            "temperature_2m_min": 5.0,
            "surface_net_solar_radiation_mean": 90.0,
            "surface_pressure_mean": 98.0,
            "snow_depth_water_equivalent_mean": 0.0,
            "volumetric_soil_water_layer_1_mean": 0.3,
            "streamflow": np.arange(float(len(days))),
        }
        table = pd.DataFrame(columns, index=days.rename("date"))
        place = folder / "timeseries" / form / subset
        place.mkdir(parents=True)
        if form == "csv":
            table.to_csv(place / f"{basin}.csv")
        else:
            table.to_xarray().to_netcdf(place / f"{basin}.nc")
        place = folder / "attributes" / subset
        place.mkdir(parents=True)
        texts = {
            "other": f"gauge_id,gauge_name,country,gauge_lat,gauge_lon,area\n"
            f"{basin},At {subset},Land of {subset},50,10,120\n",
            "caravan": f"gauge_id,p_mean,frac_snow\n{basin},2.5,0.1\n",
            "hydroatlas": f"gauge_id,ele_mt_sav,dis_m3_pyr,clz_cl_smj,extra\n{basin},300,8,4,1\n",
        }
        for word, text in texts.items():
            (place / f"attributes_{word}_{subset}.csv").write_text(text)
    return folder


def write_mopex(folder, gauges=("01013500", "01329500"), ending="\n"):
    """Write two basins: one is a gauge of CAMELS-US, the other is not."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [(2.0, 0.5, 1.0, 9.0, 5.0)] * len(DAYS)
    rows[1] = (-99.0, 0.5, -99.0, 99.0, 5.0)
    for gauge in gauges:
        lines = [
            f"{day.year:4d}{day.month:2d}{day.day:2d}" + "".join(f"{v:10.4f}" for v in row)
            for day, row in zip(DAYS, rows, strict=True)
        ]
        (folder / f"{gauge}.dly").write_bytes((ending.join(lines) + ending).encode())
    return folder


def write_smap(folder):
    """Write two cells in a netCDF file, with a table of properties."""
    import xarray as xr

    folder.mkdir(parents=True, exist_ok=True)
    moisture = np.array([[0.1, np.nan, 0.3, np.nan, 0.2], [np.nan, 0.4, np.nan, 0.4, np.nan]])
    days = ("site", "time")
    data = xr.Dataset(
        {
            "sm_surface": (days, moisture, {"units": "m3 m-3"}),
            "prcp": (days, np.full((2, 5), 2.0), {"units": "mm d-1"}),
            "tmean": (days, np.full((2, 5), 280.15), {"units": "K"}),
            "lat": ("site", [40.0, 41.0]),
            "lon": ("site", [-90.0, -91.0]),
        },
        coords={"site": ["c_1", "c_2"], "time": DAYS},
    )
    data.to_netcdf(folder / "cells.nc")
    text = "site,lat,lon,sand_pct,ndvi,landcover_igbp,smap_albedo\n"
    text += "c_2,41,-91,30,0.2,4,0.05\nc_1,40,-90,50,0.6,1,0.06\n"
    (folder / "attributes.csv").write_text(text)
    return folder


def write_ismn(folder, form="headed"):
    """Write two stations with two days of hours; the second day of the first has few good hours."""
    hours = pd.date_range("2020-05-01", periods=48, freq="h")
    for number, station in enumerate(("One", "Two_B")):
        place = folder / "NET" / station
        place.mkdir(parents=True)
        flags = ["G"] * 24 + (["D01,D02"] * 10 + ["G"] * 14 if number == 0 else ["G"] * 24)
        for depth, shift in (("0.050000", 0.0), ("0.100000", 0.1), ("0.500000", 0.3)):
            lines = ["NET NET Here 50.0 10.0 120.0 0.05 0.05 Probe A"] if form == "headed" else []
            for step, (hour, flag) in enumerate(zip(hours, flags, strict=True)):
                value = 0.2 + shift + (0.001 * step if number else 0)
                time = f"{hour:%Y/%m/%d %H:%M}"
                where = f"{time} NET NET Here 50.0 10.0 120.0 0.05 0.05 "
                lines.append(f"{time if form == 'headed' else time + ' ' + where} {value} {flag} M")
            name = f"NET_NET_{station}_sm_{depth}_{depth}_Probe-A_20200501_20200502.stm"
            (place / name).write_text("\n".join(lines) + "\n")
        static = (
            "quantity_name;unit;depth_from[m];depth_to[m];value;description;quantity_source_name;x;\n"
            "clay fraction;% weight;0.00;0.30;20.00;;HWSD;;\n"
            "clay fraction;% weight;0.30;1.00;30.00;;HWSD;;\n"
            "clay fraction;% weight;-99.90;-99.90;99.00;;insitu;;\n"
            "land cover classification;;;;130;Grass;CCI_landcover_2010;;\n"
            "climate classification;;;;Cfb;Temperate;koeppen_geiger_2007;;\n"
        )
        (place / f"NET_NET_{station}_static_variables.csv").write_text(static)
    return folder


def write_profiles(folder):
    """Write layers and sites: one whole profile, one that is shallow, one whose sums are wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "layers.csv").write_text(
        "site_id,top_cm,bottom_cm,sand_pct,silt_pct,clay_pct,ph_h2o\n"
        "07,0,10,60,30,10,5\n07,10,50,30,30,40,6\n08,0,6,20,20,60,7\n09,0,30,0,0,0,7\n"
    )
    (folder / "sites.csv").write_text(
        "site_id,lat,lon,country,licence\n07,52,5,NL,CC BY 4.0\n08,53,6,DE,none\n09,54,7,DE,none\n"
    )
    return folder


WRITERS = {
    "camels_gb": write_camels_gb,
    "caravan": write_caravan,
    "mopex": write_mopex,
    "smap": write_smap,
    "ismn": write_ismn,
    "soil_profiles": write_profiles,
}


@pytest.fixture(params=list(WRITERS))
def kind_and_path(request, tmp_path):
    """A data set of each kind, one after the other."""
    return request.param, WRITERS[request.param](tmp_path / request.param)
