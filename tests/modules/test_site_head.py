"""The head for targets of sites."""

import pytest
import torch

from stefaland_sk.modules import SiteHead


def test_a_head_without_hidden_layers_is_linear():
    head = SiteHead(0, 3, d_hidden=(), n_outputs=2)
    x = torch.randn(5, 3)
    torch.testing.assert_close(head(None, 2 * x) - head(None, x), head(None, x) - head(None, 0 * x))


def test_missing_attributes_count_as_the_mean():
    head = SiteHead(2, 3).eval()
    features, attributes = torch.randn(4, 2), torch.randn(4, 3)
    attributes[:, 1] = torch.nan
    torch.testing.assert_close(
        head(features, attributes), head(features, attributes.nan_to_num(0.0))
    )


def test_all_weights_learn():
    head = SiteHead(4, 3, d_hidden=(8, 8), n_outputs=2, dropout=0.0)
    head(torch.randn(6, 4), torch.randn(6, 3)).square().sum().backward()
    assert all((parameter.grad != 0).any() for parameter in head.parameters())


def test_a_head_needs_something_to_read():
    with pytest.raises(ValueError, match="needs features or attributes"):
        SiteHead(0, 0)


@pytest.mark.parametrize(
    "given", [(None, torch.zeros(4, 3)), (torch.zeros(4, 1), torch.zeros(4, 3))]
)
def test_wrong_widths_are_refused(given):
    with pytest.raises(ValueError, match=r"`features` must have shape \(n_sites, 2\); got"):
        SiteHead(2, 3)(*given)


@pytest.mark.parametrize("options", [{"d_hidden": (0,)}, {"n_outputs": 0}, {"dropout": 2}])
def test_sizes_are_checked(options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must lie in"):
        SiteHead(2, 3, **options)
