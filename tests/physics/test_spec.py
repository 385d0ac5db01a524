"""Variants of HBV are values."""

from dataclasses import replace

import pytest
import torch

from stefaland_sk.physics import HBV_1_0, HBV_1_1P, HBVSpec, Parameter


def test_the_published_model_has_sixteen_parameters_and_three_dynamic_ones():
    assert len(HBV_1_1P.parameters) == 16
    assert HBV_1_1P.dynamic == ("beta", "k0", "betaet")
    assert HBV_1_1P.n_static == 11 * 16 + 2
    assert HBV_1_1P.n_dynamic == 3 * 16


def test_the_older_model_lacks_capillary_rise_and_the_exponent_of_evaporation():
    assert set(HBV_1_1P.parameters) - set(HBV_1_0.parameters) == {"c", "betaet"}


def test_order_of_names_does_not_matter():
    assert HBVSpec(dynamic=("k0", "beta")) == HBVSpec(dynamic=["beta", "k0"])
    assert hash(HBVSpec(fixed={"c": 0.0, "lp": 0.9})) == hash(HBVSpec(fixed={"lp": 0.9, "c": 0.0}))


def test_bounds_can_be_replaced():
    fc = Parameter("fc", "mm", 10.0, 100.0)
    spec = HBVSpec(bounds={"fc": fc}, n_members=1)
    assert spec.parameters["fc"] is fc
    values = spec.from_raw(torch.full((1, spec.n_static), torch.inf))
    assert values["fc"].item() == 100.0


def test_raw_numbers_are_dealt_to_the_parameters_in_order():
    spec = replace(HBV_1_1P, n_members=2)
    static = torch.full((1, spec.n_static), -torch.inf)
    static[0, 2 * spec.static.index("fc") + 1] = torch.inf
    static[0, -1] = torch.inf
    dynamic = torch.full((4, 1, spec.n_dynamic), -torch.inf)
    dynamic[2, 0, 2] = torch.inf
    values = spec.from_raw(static, dynamic)
    assert values["fc"].tolist() == [[50.0, 1000.0]]
    assert values["route_b"].tolist() == [6.5]
    assert values["route_a"].tolist() == [0.0]
    torch.testing.assert_close(values["k0"][2], torch.tensor([[0.9, 0.05]]))
    torch.testing.assert_close(values["k0"][3], torch.tensor([[0.05, 0.05]]))


def test_dropout_of_dynamic_parameters_keeps_the_last_day_at_some_sites(make_parameters):
    spec = replace(HBV_1_1P, n_members=2)
    values = make_parameters(spec, n_sites=400, n_times=5)
    generator = torch.Generator().manual_seed(0)
    dropped = spec.drop_dynamic(values, 0.25, generator=generator)
    for name in spec.dynamic:
        static = (dropped[name] == values[name][-1:]).all(0).all(-1)
        kept = (dropped[name] == values[name]).all(0).all(-1)
        assert (static | kept).all()
        assert 0.15 < float(static.double().mean()) < 0.35
    assert dropped["fc"] is values["fc"]
    assert spec.drop_dynamic(values, 0.0) is values


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"dynamic": ("parBETA",)},
            ValueError,
            r"`dynamic` names \['parBETA'\], which HBV does not",
        ),
        ({"dynamic": ("route_a",)}, ValueError, r"`dynamic` names \['route_a'\]"),
        ({"dynamic": "beta"}, TypeError, r"sequence of names. Got 'beta'; use \('beta',\)"),
        ({"fixed": {"d": 1.0}}, ValueError, r"`fixed` names \['d'\]"),
        ({"fixed": {"c": "0"}}, TypeError, r"`fixed\['c'\]` must be a number. Got '0'"),
        ({"fixed": {"beta": 1.0}}, ValueError, r"\['beta'\] cannot be in `dynamic` and in `fixed`"),
        ({"bounds": {"x": 1}}, ValueError, r"`bounds` names \['x'\]"),
        ({"bounds": {"fc": (1, 2)}}, TypeError, r"`bounds\['fc'\]` must be a Parameter of that"),
        ({"n_members": 0}, ValueError, r"`n_members` must lie in \[1, inf\). Got 0"),
    ],
)
def test_illegal_variants(changes, error, message):
    with pytest.raises(error, match=message):
        replace(HBV_1_1P, **changes)


def test_wrong_numbers_of_raw_columns():
    with pytest.raises(ValueError, match=r"`static` must have 178 columns: 16 members of \['fc',"):
        HBV_1_1P.from_raw(torch.zeros(1, 5), torch.zeros(3, 1, 48))
    with pytest.raises(ValueError, match=r"`dynamic` must have 48 columns.*Got 0"):
        HBV_1_1P.from_raw(torch.zeros(1, 178))


def test_illegal_rate_of_dropout():
    with pytest.raises(ValueError, match=r"`rate` must lie in \[0, 1\]. Got 2"):
        HBV_1_1P.drop_dynamic({}, 2)
