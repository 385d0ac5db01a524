"""Variable sets by name, and variables that stand for a target."""

import copy
import pickle
from dataclasses import FrozenInstanceError

import pandas as pd
import pytest

from stefaland_sk.data import (
    VARIABLE_MAPS,
    Panel,
    get_variable_set,
    known_variable,
    normalise_unit,
    target_derived,
)
from stefaland_sk.datasets import make_catchments

SIZES = {  # forcing variables, groups, attributes
    "camels": (5, 5, 26),
    "camels_paper": (5, 3, 26),
    "caravan": (10, 6, 214),
    "global": (5, 5, 22),
    "global_26": (4, 5, 26),
    "global_48": (5, 5, 48),
    "soil_moisture": (19, 4, 22),
}


@pytest.mark.parametrize("name", SIZES)
def test_sets_have_the_published_sizes(name):
    chosen = get_variable_set(name)
    sizes = (len(chosen.forcings), len(chosen.groups), len(chosen.attribute_names))
    assert sizes == SIZES[name]
    assert chosen.name == name
    assert chosen.source


@pytest.mark.parametrize("name", SIZES)
def test_each_attribute_is_in_one_place_and_units_are_normal(name):
    chosen = get_variable_set(name)
    names = chosen.forcing_names + chosen.attribute_names
    assert len(set(names)) == len(names)
    assert set(chosen.never_hidden) <= set(chosen.attribute_names)
    for unit in chosen.units.values():
        assert normalise_unit(unit) in (unit, "-")


@pytest.mark.parametrize("name", SIZES)
def test_a_set_is_frozen_and_a_copy_of_ones_own(name):
    chosen = get_variable_set(name)
    with pytest.raises(FrozenInstanceError):
        chosen.name = "mine"
    chosen.forcings.clear()
    assert get_variable_set(name).forcings
    again = get_variable_set(name)
    assert pickle.loads(pickle.dumps(again)) == copy.deepcopy(again) == again


def test_unknown_set_lists_those_there_are():
    with pytest.raises(ValueError, match=r"`name` must be one of .*'camels'.*Got 'camel'"):
        get_variable_set("camel")


def test_groups_are_restricted_to_what_is_at_hand():
    camels = get_variable_set("camels_paper")
    at_hand = ["clay_frac", "slope_mean", "sand_frac", "p_mean", "unheard_of"]
    groups = camels.groups_in(at_hand)
    assert groups == {"topography": ["slope_mean"], "soil": ["sand_frac", "clay_frac"]}
    assert camels.never_hidden_in(at_hand) == []
    assert camels.never_hidden_in(["p_mean", "area_gages2"]) == ["area_gages2"]


def test_both_camels_sets_name_the_variables_of_the_synthetic_catchments():
    X, _ = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    ours, paper = get_variable_set("camels"), get_variable_set("camels_paper")
    assert (
        sorted(ours.attribute_names) == sorted(paper.attribute_names) == sorted(X.attribute_names)
    )
    assert ours.units == paper.units
    assert not ours.ungrouped
    assert len(paper.ungrouped) == 26 - 9
    assert set(ours.forcings) <= set(X.forcing_names)
    for name, unit in ours.units.items():
        if known_variable(name):
            assert normalise_unit(unit) == normalise_unit(known_variable(name).unit)


@pytest.mark.parametrize("folder", ["camels_us", "camels_gb", "caravan_attributes"])
def test_the_caravan_set_names_the_columns_of_the_real_tables(shared_data, folder):
    """All of HydroATLAS and the climate indices; not identifiers, places and the quality flag."""
    table = pd.read_parquet(shared_data / folder / "attributes_caravan_hydroatlas.parquet")
    caravan = get_variable_set("caravan")
    identifiers = {
        "gauge_id", "basin", "camels_us_id", "camels_gb_id", "subset", "gauge_name", "country",
        "gauge_lat", "gauge_lon", "area_fraction_used_for_aggregation",
    }  # fmt: skip
    assert set(table.columns) - identifiers <= set(caravan.attribute_names)
    missing = set(caravan.attribute_names) - set(table.columns)
    assert all(name.endswith(("_ERA5_LAND", "_FAO_PM")) for name in missing)


def test_hydroatlas_temperatures_are_tenths_of_a_degree(shared_data):
    table = pd.read_parquet(shared_data / "camels_gb" / "attributes_caravan_hydroatlas.parquet")
    units = get_variable_set("caravan").units
    assert units["tmp_dc_syr"] == "0.1 degC"
    assert 60 < table["tmp_dc_syr"].median() < 120  # Great Britain: 6 to 12 degC
    assert table[[n for n in table if units.get(n) == "%"]].max().max() < 100.01


def test_class_codes_are_told_apart():
    caravan = get_variable_set("caravan")
    assert {"glc_cl_smj", "lit_cl_smj", "clz_cl_smj"} <= set(caravan.categorical)
    assert not {"glc_pc_s01", "tmp_dc_syr"} & set(caravan.categorical)
    assert get_variable_set("camels").categorical == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("camels", []),
        ("camels_paper", []),
        ("global", []),
        ("global_26", ["streamflow"]),
        ("global_48", ["soil_moisture"]),
        ("soil_moisture", ["SMAP_9km_AM", "volumetric_soil_water_layer_1", "AVERAGE_SMAP_9km_AM"]),
        (
            "caravan",
            ["dis_m3_pyr", "dis_m3_pmn", "dis_m3_pmx", "run_mm_syr", "dor_pc_pva", "ria_ha_usu",
             "riv_tc_usu"],
        ),
    ],
)  # fmt: skip
def test_sets_mark_what_stands_for_a_target(name, expected):
    assert get_variable_set(name).target_derived == expected


@pytest.mark.parametrize(
    "name",
    ["runoff", "Runoff", "QObs", "q_mean", "streamflow", "discharge_vol", "runoff_ratio",
     "sm_surface", "dis_m3_uyr", "run_mm_syr", "swvl1", "volumetric_soil_water_layer_3_mean",
     "qobs_mm"],
)  # fmt: skip
def test_targets_in_disguise_are_found(name):
    assert target_derived(["prcp", name]) == [name]


@pytest.mark.parametrize(
    "name",
    ["prcp", "soil_porosity", "run", "disc", "distance_to_coast", "aridity", "dor", "swe",
     "inu_pc_slt", "swc_pc_syr", "rev_mc_usu", "smapper", "area_gages2"],
)  # fmt: skip
def test_other_variables_are_not_taken_for_targets(name):
    assert target_derived([name]) == []


def test_the_report_warns_of_discharge_from_a_model(shared_data):
    table = pd.read_parquet(shared_data / "camels_gb" / "attributes_caravan_hydroatlas.parquet")
    table = table.set_index("camels_gb_id")[["p_mean", "dis_m3_pyr", "run_mm_syr"]].iloc[:20]
    found = Panel.from_table(table).check().frame()
    leak = found[found["kind"] == "leak"]
    assert leak["message"].str.contains(r"'dis_m3_pyr', 'run_mm_syr'").any()


def test_the_map_of_camels_to_the_global_set_names_what_both_have():
    X, _ = make_catchments(n_sites=2, n_years=1, n_regions=1, random_state=0)
    mapped = VARIABLE_MAPS["camels->global"]
    assert list(mapped) == get_variable_set("global").forcing_names
    forcing = dict(zip(X.forcing_names, X.forcing.transpose(2, 0, 1), strict=True))
    values = {
        name: forcing[way] if isinstance(way, str) else way[0](*(forcing[n] for n in way[1]))
        for name, way in mapped.items()
    }
    assert ((values["RelHum"] >= 0) & (values["RelHum"] <= 100)).all()
    assert 40 < values["RelHum"].mean() < 95
    assert (values["SWd"] < forcing["srad"]).mean() > 0.95  # days are shorter than 24 hours
    assert pickle.loads(pickle.dumps(mapped)) == mapped
