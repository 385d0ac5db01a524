"""Scales of the target: there and back, by site, and what they refuse."""

import numpy as np
import pytest
import torch

from stefaland_sk.data import Panel
from stefaland_sk.estimators._target_scale import TRANSFORMS, TargetScale


@pytest.fixture
def target(catchments):
    """Targets with gaps; read only."""
    values = catchments[1].to_numpy(dtype=np.float32).copy()
    values[:, ::7] = np.nan
    return values


@pytest.mark.parametrize("divisor", [None, "p_mean", "prcp"])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_what_is_scaled_comes_back(catchments, target, transform, divisor):
    X, _ = catchments
    scale = TargetScale.fit(target, X, transform, divisor)
    scaled = scale.scale(target, X)
    assert np.nanmean(scaled) == pytest.approx(0, abs=1e-3)
    assert np.nanstd(scaled) == pytest.approx(1, abs=1e-3)
    divisors = scale.divisors(X)
    np.testing.assert_allclose(scale.restore(scaled, divisors), target, rtol=1e-3, atol=1e-4)
    tensors = None if divisors is None else torch.from_numpy(divisors)
    back = scale.restore(torch.from_numpy(scaled), tensors)
    np.testing.assert_allclose(back, target, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("transform", TRANSFORMS[1:])
def test_whatever_the_network_gives_the_target_rises_with_it_and_has_a_gradient(
    catchments, target, transform
):
    scale = TargetScale.fit(target, catchments[0], transform)
    values = torch.linspace(-3, 3, 50, requires_grad=True)[None]
    restored = scale.restore(values)
    assert (restored.diff() >= 0).all()
    (gradient,) = torch.autograd.grad(restored.sum(), values)
    assert torch.isfinite(gradient).all()
    # Of a root and its logarithm nothing below 0 comes back.
    assert transform == "log1p" or restored.min() >= 0


def test_a_site_is_divided_by_its_own_mean(catchments, target):
    X, _ = catchments
    by_attribute = TargetScale.fit(target, X, divisor="p_mean").divisors(X)
    np.testing.assert_allclose(by_attribute, X.attributes["p_mean"], rtol=1e-6)
    forcing = X.forcing.copy()
    column = X.forcing_names.index("prcp")
    forcing[0, :30, column] = np.nan  # days that are not there do not count
    gappy = Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names)
    by_forcing = TargetScale.fit(target, gappy, divisor="prcp").divisors(gappy)
    np.testing.assert_allclose(by_forcing, np.nanmean(forcing[:, :, column], axis=1), rtol=1e-5)
    half = TargetScale.fit(target, X, divisor="p_mean").scale(target[:3], X[:3])
    np.testing.assert_array_equal(
        half, TargetScale.fit(target, X, divisor="p_mean").scale(target, X)[:3]
    )


def test_the_scale_is_that_of_the_sites_of_fit(catchments, target):
    X, _ = catchments
    scale = TargetScale.fit(target[:3], X[:3], "sqrt")
    assert scale.mean == pytest.approx(np.nanmean(np.sqrt(target[:3])), rel=1e-5)
    assert abs(np.nanmean(scale.scale(target[3:], X[3:]))) > 1e-3


def test_a_constant_target_has_the_scale_one(catchments):
    scale = TargetScale.fit(np.full((6, 4), 3.0), catchments[0])
    assert (scale.mean, scale.std) == (3.0, 1.0)


@pytest.mark.parametrize("transform", TRANSFORMS[1:])
def test_negative_targets_are_refused_by_site_and_day(catchments, target, transform):
    X, _ = catchments
    message = rf"`target_transform`='{transform}' takes no negative target, but that of site "
    wrong = target.copy()
    wrong[2, 3] = -1.5
    with pytest.raises(ValueError, match=message + r"'00000003' on 2000-10-04 is -1\.5\. Use"):
        TargetScale.fit(wrong, X, transform)
    # Later on too, as when a training goes on: a root of it would pass for not observed.
    with pytest.raises(ValueError, match="takes no negative target"):
        TargetScale.fit(target, X, transform).scale(wrong, X)
    table = Panel.from_table(X.attributes)
    with pytest.raises(ValueError, match=r"that of site '00000003' is -1\.5\."):
        TargetScale.fit(wrong[:, 3:4], table, transform)


@pytest.mark.parametrize(
    ("transform", "divisor", "message"),
    [
        ("cube", None, r"`target_transform` must be one of \[None, 'sqrt'.* Got 'cube'"),
        (None, "area", r"`target_scale` must be one of \['prcp'.* Got 'area'"),
        (None, "tmin", r"`target_scale`='tmin' must be positive at every site, but its mean at "),
    ],
)
def test_odd_scales(catchments, target, transform, divisor, message):
    X, _ = catchments
    forcing = X.forcing.copy()
    forcing[4, :, X.forcing_names.index("tmin")] = -40.0
    cold = Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names)
    with pytest.raises(ValueError, match=message):
        TargetScale.fit(target, cold, transform, divisor)


def test_a_site_without_the_divisor_is_named(catchments, target):
    X, _ = catchments
    X = X.assign(attributes=X.attributes.assign(p_mean=[1.0, 2.0, np.nan, 1.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match=r"its mean at site '00000003' is nan\. Leave the site"):
        TargetScale.fit(target, X, divisor="p_mean")
