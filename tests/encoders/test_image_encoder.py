"""Any network of images as an encoder: bands, dates, missing sites, the cache."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from stefaland_sk import CheckpointError, DataWarning, Panel
from stefaland_sk.encoders import FeatureCache, ImageEncoder, WeightsEntry, check_encoder
from stefaland_sk.encoders._image_encoder import find_d_model
from stefaland_sk.encoders._module_encoder import mean_token

SITES = ["a", "b", "c", "d"]
BANDS = ["red", "nir"]
DAYS = pd.date_range("2020-01-01", periods=10)


class Network(torch.nn.Module):
    """Patches of four by four pixels, one layer; counts its calls."""

    embed_dim = 5

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Conv2d(2, 5, kernel_size=4, stride=4)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.layer(x)


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return {site: rng.normal(size=(2, 8, 8)) for site in SITES}


@pytest.fixture
def panel():
    return Panel(pd.DataFrame(index=SITES), np.zeros((4, 10, 1)), time=DAYS, forcing_names=["prcp"])


def dated(values, dates, bands=BANDS):
    """Images of several dates as an xarray object."""
    coords = {"time": pd.DatetimeIndex(dates), "band": bands}
    return xr.DataArray(values, coords, dims=("time", "band", "y", "x"))


@pytest.fixture
def series():
    """Two images of each site, not in the order of their dates."""
    rng = np.random.default_rng(0)
    return {
        site: dated(rng.normal(size=(2, 2, 8, 8)), ["2020-01-06", "2020-01-01"]) for site in SITES
    }


# ---------------------------------------------------------------------- features
def test_images_without_dates_keep_the_contract(network, images, panel):
    check_encoder(ImageEncoder(network, images, bands=BANDS), panel)


def test_images_with_dates_keep_the_contract(network, series, panel):
    check_encoder(ImageEncoder(network, series, bands=BANDS), panel)


def test_features_are_those_of_the_scaled_image(network, images, panel):
    encoder = ImageEncoder(network, images, bands=BANDS, mean=[1.0, -1.0], std=[2.0, 4.0])
    scaled = (images["b"] - np.reshape([1.0, -1.0], (2, 1, 1))) / np.reshape([2, 4], (2, 1, 1))
    expected = network(torch.tensor(scaled[None], dtype=torch.float32)).mean(dim=(0, 2, 3))
    days, site = encoder.encode(panel)
    assert days is None
    np.testing.assert_allclose(site[1], expected.detach(), atol=1e-6)


def test_several_images_without_dates_are_averaged(network, images, panel):
    pairs = {site: np.stack([image, -image]) for site, image in images.items()}
    alone = [
        ImageEncoder(network, {s: sign * images[s] for s in SITES}, bands=BANDS).encode(panel)[1]
        for sign in (1, -1)
    ]
    days, site = ImageEncoder(network, pairs, bands=BANDS).encode(panel)
    assert days is None
    np.testing.assert_allclose(site, np.mean(alone, axis=0), atol=1e-6)


def test_an_image_holds_until_the_next(network, series, panel):
    days, site = ImageEncoder(network, series, bands=BANDS).encode(panel)
    first = {s: series[s].sel(time="2020-01-01").values for s in SITES}
    second = {s: series[s].sel(time="2020-01-06").values for s in SITES}
    for images, part in ((first, slice(0, 5)), (second, slice(5, 10))):
        expected = ImageEncoder(network, images, bands=BANDS).encode(panel)[1]
        np.testing.assert_array_equal(days[:, part], np.repeat(expected[:, None], 5, axis=1))
    np.testing.assert_allclose(site, (days[:, 0] + days[:, -1]) / 2, atol=1e-6)


def test_days_before_the_first_image_take_it_with_a_warning(network, series, panel):
    late = {
        s: image.assign_coords(time=image.time + 3 * np.timedelta64(1, "D"))
        for s, image in series.items()
    }
    encoder = ImageEncoder(network, {**series, "c": late["c"]}, bands=BANDS)
    with pytest.warns(DataWarning, match=r"1 of the 4 sites, .* 'c', is later .*2020-01-01\); its"):
        days, _ = encoder.encode(panel)
    np.testing.assert_array_equal(days[2, 0], days[2, 3])
    assert not np.array_equal(days[2, 0], days[2, 8])


def test_pixels_without_a_value_are_the_mean_of_their_band(network, images, panel):
    cloudy, filled = images["a"].copy(), images["a"].copy()
    cloudy[1, :4], filled[1, :4] = np.nan, 3.0
    options = {"bands": BANDS, "mean": [0.0, 3.0], "std": [1.0, 2.0]}
    one, two = (
        ImageEncoder(network, {**images, "a": image}, **options).encode(panel)[1]
        for image in (cloudy, filled)
    )
    np.testing.assert_array_equal(one, two)


def test_bands_are_found_by_name(network, images, panel):
    named = {
        site: xr.DataArray(image, {"band": BANDS}, dims=("band", "y", "x"))
        for site, image in images.items()
    }
    swapped = {
        site: image.isel(band=[1, 0]).transpose("y", "x", "band") for site, image in named.items()
    }
    as_variables = {site: image.to_dataset("band") for site, image in swapped.items()}
    expected = ImageEncoder(network, images, bands=BANDS).encode(panel)[1]
    for given in (named, swapped, as_variables):
        np.testing.assert_array_equal(
            ImageEncoder(network, given, bands=BANDS).encode(panel)[1], expected
        )


def test_half_precision_comes_close(network, images, panel):
    encoder = ImageEncoder(network, images, bands=BANDS)
    exact = encoder.encode(panel)[1]
    half = encoder.encode(panel, precision="bf16")[1]
    assert not np.array_equal(half, exact)
    np.testing.assert_allclose(half, exact, atol=0.05)
    with pytest.raises(ValueError, match="`precision` must be one of"):
        encoder.encode(panel, precision="half")


# ---------------------------------------------------------------------- the cache
def test_what_is_cached_is_not_computed_again(network, series, panel, tmp_path):
    encoder = ImageEncoder(network, series, bands=BANDS)
    cache = FeatureCache(tmp_path / "features")
    days, site = encoder.encode(panel, cache=cache)
    calls = network.calls
    assert calls == 8
    for part, rows in ((panel, slice(None)), (panel[[2]], [2])):
        again, alone = encoder.encode(part, cache=cache)
        np.testing.assert_array_equal(again, days[rows])
        np.testing.assert_array_equal(alone, site[rows])
    encoder.encode(panel.sel_time(DAYS[0], DAYS[3]), cache=cache)  # images, not days, are kept
    assert network.calls == calls
    other = {**series, "a": series["a"] + 1}
    ImageEncoder(network, other, bands=BANDS).encode(panel, cache=cache)
    assert network.calls == calls + 2  # the site whose images changed


def test_an_encoder_may_have_a_cache_of_its_own(network, images, panel, tmp_path):
    encoder = ImageEncoder(network, images, bands=BANDS, cache=tmp_path)
    for model in (encoder, encoder, pickle.loads(pickle.dumps(encoder))):
        model.encode(panel)
    assert (network.calls, encoder.cache.hits, encoder.cache.misses) == (4, 4, 4)
    encoder.encode(panel, cache=FeatureCache())  # another one is asked in its place
    assert network.calls == 8
    with pytest.raises(TypeError, match="`cache` must be a FeatureCache, the path of a folder"):
        ImageEncoder(network, images, bands=BANDS, cache=3)


def test_other_weights_or_scales_have_another_digest(network, images):
    base = ImageEncoder(network, images, bands=BANDS)
    scaled = ImageEncoder(network, images, bands=BANDS, std=[1.0, 2.0])
    other = Network()
    other.layer.weight.data += 1
    digests = [base.digest, scaled.digest, ImageEncoder(other, images, bands=BANDS).digest]
    assert len(set(digests)) == 3
    assert pickle.loads(pickle.dumps(base)).digest == base.digest


# ---------------------------------------------------------------------- what it is
def test_it_tells_what_it_is(network, series):
    entry = WeightsEntry("ours", "a page", "CC0", "Us (2026).", bands=BANDS, resolution="30 m")
    encoder = ImageEncoder(network, series, entry=entry, sites=["z"], about={"licence": "MIT"})
    assert repr(encoder) == "ImageEncoder(Network, d_model=5, 2 bands, images of 4 sites)"
    text = " ".join(encoder.describe().split())
    for part in (
        "network Network, 165 weights",
        "has inputs of 4 sites, by date",
        "resolution 30 m",
        "bands red, nir",
        "has seen 1 site",
        "licence MIT",
        "citation Us (2026).",
    ):
        assert part in text
    assert encoder.has_days
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())


# ---------------------------------------------------------------------- mistakes
def test_sites_without_an_image_are_named(network, images, panel):
    encoder = ImageEncoder(network, {"a": images["a"]}, bands=BANDS)
    for work in (encoder.encode, lambda panel: encoder.check_coverage(panel, 0.0)):
        with pytest.raises(CheckpointError, match=r"lack 3 of the 4 sites of X, .*\['b', 'c', 'd'"):
            work(panel)


def test_images_that_do_not_fit_name_their_site(network, images, series, panel):
    def encode(given, **options):
        ImageEncoder(network, {"a": images["a"], **given}, bands=BANDS, **options).encode(panel)

    def broken(image):
        return {**images, "b": image}

    with pytest.raises(ValueError, match=r"site 'b' does not fit: .*\(2 bands, .*got \(3, 8, 8\)"):
        encode(broken(np.zeros((3, 8, 8))))
    with pytest.raises(ValueError, match="site 'b' does not fit: an image has no pixel with a val"):
        encode(broken(np.full((2, 8, 8), np.nan)))
    with pytest.raises(TypeError, match="site 'b' does not fit: an image must hold numbers"):
        encode(broken(np.full((2, 8, 8), "x")))
    with pytest.raises(
        ValueError, match=r"needs one dimension named 'band'; it has \['z', 'y', 'x"
    ):
        encode(broken(xr.DataArray(np.zeros((2, 8, 8)), dims=("z", "y", "x"))))
    with pytest.raises(ValueError, match=r"lacks the bands \['nir'\]; it has \['red', 'blue'\]"):
        encode(broken(xr.DataArray(images["b"], {"band": ["red", "blue"]}, ("band", "y", "x"))))
    with pytest.raises(ValueError, match="site 'b' has dates, unlike that of the first site"):
        encode(broken(series["b"]))
    with pytest.raises(ValueError, match="Network cannot read the input of site 'b', .*: .*ernel"):
        encode(broken(np.zeros((2, 3, 3))))
    with pytest.raises(ValueError, match=r"features of shape \(5,\) for site 'a'; \(6,\) is expec"):
        encode(images, d_model=6)
    twice = dated(series["a"].values, ["2020-01-01"] * 2)
    with pytest.raises(ValueError, match="site 'a' does not fit: the image has a date twice"):
        ImageEncoder(network, {"a": twice}, bands=BANDS)


def test_features_that_are_not_finite(images, panel):
    network = Network()
    network.layer.bias.data[0] = np.inf
    with pytest.raises(ValueError, match="features of site 'a' that are not finite"):
        ImageEncoder(network, images, bands=BANDS).encode(panel)


def test_options_are_checked(network, images):
    with pytest.raises(TypeError, match="`module` must be a torch Module. Got str"):
        ImageEncoder("resnet", images, bands=BANDS)
    with pytest.raises(ValueError, match="Name the bands that the network reads by `bands` or"):
        ImageEncoder(network, images)
    with pytest.raises(ValueError, match=r"`mean` must hold one number for each of the 2 bands"):
        ImageEncoder(network, images, bands=BANDS, mean=[0.0])
    with pytest.raises(ValueError, match=r"`std` must be positive. Got \[1.0, 0.0\]"):
        ImageEncoder(network, images, bands=BANDS, std=[1.0, 0.0])
    with pytest.raises(TypeError, match="must be a mapping .* Got dict without a site"):
        ImageEncoder(network, {}, bands=BANDS)
    with pytest.raises(TypeError, match="must be a mapping .* Got list"):
        ImageEncoder(network, [1], bands=BANDS)
    with pytest.raises(ValueError, match="Linear does not tell the number of its features; set"):
        ImageEncoder(torch.nn.Linear(2, 2), images, bands=BANDS)


def test_the_number_of_features_is_asked_of_the_network():
    network = torch.nn.Identity()
    network.out_channels = [3, 7]
    assert find_d_model(network) == 7
    assert find_d_model(Network()) == 5


def test_what_networks_give_is_reduced_to_one_vector():
    tokens = torch.arange(12.0).reshape(1, 4, 3)
    expected = tokens[0].mean(dim=0)
    for output in (tokens, [tokens * 0, tokens], tokens.mean(dim=1), tokens.mT.reshape(1, 3, 2, 2)):
        torch.testing.assert_close(mean_token(output), expected)
    with pytest.raises(TypeError, match="must give a tensor or a list of them, not dict"):
        mean_token({})
    with pytest.raises(ValueError, match=r"\(1, d, height, width\), not \(2, 3\)"):
        mean_token(torch.zeros(2, 3))
