"""Sites that an encoder has seen, by identifier and by rough place."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk import Panel
from stefaland_sk.encoders import StefaLandEncoder


def at(encoder, sites, places):
    """The encoder, as if pretrained on these sites."""
    return StefaLandEncoder(
        encoder.module, encoder.scaler, encoder.window, sites=sites, places=places
    )


def sites_at(**places):
    """A panel of sites at these places."""
    table = pd.DataFrame.from_dict(places, orient="index", columns=["lat", "lon"])
    return Panel(pd.DataFrame({"p_mean": 1.0}, index=table.index), sites=table)


def test_sites_are_known_by_identifier_and_by_place(encoder):
    seen = at(encoder, ["a", "b", "c"], [(47.38, 8.54), (0.0, 10.0), (np.nan, np.nan)]).seen(
        sites_at(a=(1, 1), other=(47.41, 8.46), far=(47.38, 8.74), c=(5, 5), lost=(np.nan, 1))
    )
    assert seen["by_id"].to_dict() == {
        "a": True,
        "other": False,
        "far": False,
        "c": True,
        "lost": False,
    }
    assert seen["by_place"].sum() == 1
    assert seen.loc["other", "same_place_as"] == "a"


def test_places_are_compared_only_where_both_have_them(encoder):
    panel = sites_at(x=(47.4, 8.5))
    unplaced = panel.assign(sites=panel.sites[[]])
    assert not at(encoder, ["a"], None).seen(panel)["by_place"].any()
    assert not at(encoder, ["a"], [(47.4, 8.5)]).seen(unplaced)["by_place"].any()


def test_places_may_stand_among_the_attributes(encoder):
    table = pd.DataFrame({"gauge_lat": [47.4, 1.0], "gauge_lon": [8.5, 1.0]}, index=["x", "y"])
    seen = at(encoder, ["a"], [(47.4, 8.5)]).seen(Panel.from_table(table))
    assert seen["by_place"].tolist() == [True, False]


def test_longitudes_of_both_conventions_meet(encoder):
    frame = pd.DataFrame({"lat": [40.0], "lon": [260.0], "z": [1.0]})
    assert at(encoder, ["a"], frame).seen(sites_at(x=(40.0, -100.0)))["by_place"].all()


def test_places_are_kept_to_a_tenth_of_a_degree(encoder, tmp_path):
    placed = at(encoder, ["a", "b"], [(47.3769, 8.5417), (np.nan, np.nan)])
    np.testing.assert_allclose(placed.places, [(47.4, 8.5), (np.nan, np.nan)])
    loaded = StefaLandEncoder.load(placed.save(tmp_path / "x.safetensors"))
    np.testing.assert_allclose(loaded.places, placed.places)
    assert loaded.seen(sites_at(x=(47.4, 8.5)))["by_place"].all()


def test_places_fit_the_sites(encoder):
    with pytest.raises(ValueError, match=r"each of the 1 `sites`; its shape is \(2, 2\)"):
        at(encoder, ["a"], np.zeros((2, 2)))
