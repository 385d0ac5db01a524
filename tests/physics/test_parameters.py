"""Parameters: from raw numbers into bounds and back."""

import pytest
import torch

from stefaland_sk.physics import HBV_1_1P, Parameter

LOG = Parameter("k2", "1/d", 0.001, 0.2, transform="log")


@pytest.mark.parametrize("parameter", [*HBV_1_1P.parameters.values(), LOG], ids=lambda p: p.name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bounds_are_reached_at_infinite_raw_numbers_with_finite_gradients(parameter, dtype):
    raw = torch.tensor([-torch.inf, -1e30, 0.0, 1e30, torch.inf], dtype=dtype, requires_grad=True)
    value = parameter.from_raw(raw)
    low, high = (torch.tensor(bound, dtype=dtype) for bound in (parameter.low, parameter.high))
    assert value[0] == value[1] == low
    assert value[3] == value[4] == high
    value.sum().backward()
    assert torch.isfinite(raw.grad).all()


@pytest.mark.parametrize("parameter", [HBV_1_1P.parameters["fc"], LOG], ids=lambda p: p.name)
def test_raw_numbers_lead_back_to_the_value(parameter):
    value = torch.linspace(parameter.low, parameter.high, 9, dtype=torch.float64)
    torch.testing.assert_close(
        parameter.from_raw(parameter.to_raw(value)), value, rtol=2e-3, atol=0
    )
    inside = value[1:-1]
    torch.testing.assert_close(parameter.from_raw(parameter.to_raw(inside)), inside)


def test_equal_steps_of_a_logarithmic_parameter_are_equal_ratios():
    middle = LOG.from_raw(torch.zeros(1, dtype=torch.float64))
    assert float(middle) == pytest.approx((LOG.low * LOG.high) ** 0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"low": 2.0}, r"`high of a` must lie in \(2.0, inf\). Got 1.0"),
        ({"transform": "root"}, r"`transform` must be one of \['linear', 'log'\]. Got 'root'"),
        ({"transform": "log"}, r"`low` of a must be positive for the transform 'log'. Got 0.0"),
    ],
)
def test_illegal_parameters(changes, message):
    with pytest.raises(ValueError, match=message):
        Parameter(**{"name": "a", "unit": "1", "low": 0.0, "high": 1.0, **changes})


def test_shares_of_the_way_between_the_bounds_are_what_raw_numbers_lead_to():
    for transform, middle in (("linear", 50.5), ("log", 10.0)):
        parameter = Parameter("k", "mm", 1.0, 100.0, transform)
        found = parameter.from_share(torch.tensor([0.0, 0.5, 1.0]))
        torch.testing.assert_close(found, torch.tensor([1.0, middle, 100.0]))
        raw = torch.tensor([-2.0, 0.3])
        torch.testing.assert_close(
            parameter.from_share(torch.sigmoid(raw)), parameter.from_raw(raw)
        )
