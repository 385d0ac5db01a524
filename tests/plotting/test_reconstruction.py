"""What was hidden and what was filled in, value by value."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk import StefaLandTransformer
from stefaland_sk.data import Panel
from stefaland_sk.datasets import make_catchments
from stefaland_sk.plotting import ReconstructionDisplay


class FillsWithTwo:
    """A model that fills in twos, and remembers what it was asked to hide."""

    def __init__(self):
        self.asked = []

    def reconstruct(self, X, hide):
        self.asked.append(list(hide))
        members = {m for name in hide for m in X.groups.get(name, [name])}
        forcing = X.forcing.copy()
        for i, name in enumerate(X.forcing_names):
            if name in members:
                forcing[:, :, i] = 2.0
        attributes = X.attributes
        for name in members & set(X.attribute_names):
            attributes[name] = 2.0
        return Panel(
            attributes,
            forcing,
            time=X.time,
            forcing_names=X.forcing_names,
            sites=X.sites,
            groups=X.groups,
        )


@pytest.fixture
def panel():
    ids = pd.Index(["01", "02", "03"], name="site")
    random = np.random.default_rng(0)
    forcing = random.normal(size=(3, 20, 2))
    forcing[0, 3, 0] = np.nan
    table = pd.DataFrame(random.normal(size=(3, 3)), ids, ["sand", "clay", "area"])
    return Panel(
        table,
        forcing,
        time=pd.date_range("2000-10-01", periods=20),
        forcing_names=["prcp", "vp"],
        groups={"soil": ["sand", "clay"]},
        units={"prcp": "mm/d", "sand": "%"},
        sites=pd.DataFrame({"region": ["a", "a", "b"]}, index=ids),
    )


def test_every_hidden_value_stands_beside_its_reconstruction(panel):
    frame = ReconstructionDisplay.from_estimator(FillsWithTwo(), panel, ["prcp", "soil"]).frame()
    assert frame["variable"].unique().tolist() == ["prcp", "sand", "clay"]
    prcp = frame[frame["variable"] == "prcp"]
    np.testing.assert_array_equal(prcp["true"], panel.variable("prcp").ravel())
    assert (frame["filled"] == 2.0).all()
    assert frame[frame["variable"] == "sand"]["time"].isna().all()


def test_one_by_one_each_name_is_hidden_alone(panel):
    model = FillsWithTwo()
    display = ReconstructionDisplay.from_estimator(model, panel, ["prcp", "soil"], one_by_one=True)
    assert model.asked == [["prcp"], ["soil"]]
    together = ReconstructionDisplay.from_estimator(FillsWithTwo(), panel, ["prcp", "soil"])
    assert display.variables == together.variables
    assert len(display.frame()) == len(together.frame())


def test_summary_counts_values_known_on_both_sides(panel):
    summary = ReconstructionDisplay.from_estimator(FillsWithTwo(), panel, ["prcp"]).summary()
    true = panel.variable("prcp").ravel()
    true = true[~np.isnan(true)].astype(float)
    row = summary.loc["prcp"]
    assert row["n"] == 59
    assert row["rmse"] == pytest.approx(np.sqrt(((2 - true) ** 2).mean()))
    assert row["bias"] == pytest.approx((2 - true).mean())
    assert row["r2"] == pytest.approx(1 - ((2 - true) ** 2).mean() / true.var())


def test_a_perfect_reconstruction_explains_everything(panel):
    summary = ReconstructionDisplay.from_panels(panel, panel).summary()
    np.testing.assert_allclose(summary["r2"], 1.0)
    assert len(summary) == 5


def test_a_constant_variable_has_no_explained_variance_and_says_so():
    values = pd.DataFrame(
        {"variable": ["a"] * 3 + ["b"] * 3, "site": list("xyz") * 2, "time": pd.NaT}
    ).assign(true=[1.0, 1.0, 1.0, 1.0, 2.0, 3.0], filled=1.0)
    display = ReconstructionDisplay(values)
    assert np.isnan(display.summary().loc["a", "r2"])
    labels = [text.get_text() for text in display.plot().ax_.get_yticklabels()]
    assert labels == ["b", "a (constant)"]


def test_one_variable_is_drawn_against_the_truth(panel):
    display = ReconstructionDisplay.from_panels(panel, panel, ["prcp", "sand"])
    ax = display.plot(variable="prcp").ax_
    assert ax.get_xlabel() == "true prcp [mm/d]"
    assert ax.get_title(loc="left").startswith("prcp\nR² 1.00, RMSE 0, n=59")
    assert len(ax.collections[0].get_offsets()) == 59
    alone = ReconstructionDisplay.from_panels(panel, panel, ["sand"]).plot()
    assert alone.ax_.get_xlabel() == "true sand [%]", "a single variable needs no choice"


def test_many_values_are_drawn_as_a_density():
    values = pd.DataFrame({"variable": "vp", "site": "x", "time": pd.NaT}, index=range(5000))
    values["true"] = np.random.default_rng(0).normal(size=5000)
    display = ReconstructionDisplay(values.assign(filled=values["true"])).plot()
    bar = next(ax for ax in display.figure_.axes if ax is not display.ax_)
    assert bar.get_ylabel() == "number of values"


def test_a_forcing_variable_is_drawn_in_time_at_one_site(panel):
    display = ReconstructionDisplay.from_estimator(FillsWithTwo(), panel, ["prcp", "soil"])
    lines = display.plot(variable="prcp", site="02").ax_.get_lines()
    np.testing.assert_array_equal(lines[0].get_ydata(), panel.variable("prcp")[1])
    period = ("2000-10-03", "2000-10-07")
    lines = display.plot(variable="prcp", site="02", period=period).ax_.get_lines()
    assert len(lines[0].get_ydata()) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variable": "vp"}, r"`variable` must be one of \['prcp', 'sand'\]"),
        ({"site": "01"}, "Name the `variable` to draw at site '01'"),
        ({"variable": "prcp", "site": "1"}, "There is no site '1' among the 3 sites"),
        ({"variable": "sand", "site": "01"}, "'sand' is an attribute, which has no time"),
        ({"variable": "prcp", "site": "01", "period": ("2010", "2011")}, "`period`=.* no step"),
    ],
)
def test_what_cannot_be_drawn_is_named(panel, arguments, message):
    display = ReconstructionDisplay.from_panels(panel, panel, ["prcp", "sand"])
    with pytest.raises(ValueError, match=message):
        display.plot(**arguments)


def test_panels_must_fit(panel):
    with pytest.raises(TypeError, match="`filled` must be a Panel; got DataFrame"):
        ReconstructionDisplay.from_panels(panel, panel.attributes)
    with pytest.raises(TypeError, match="X must be a Panel; got DataFrame"):
        ReconstructionDisplay.from_estimator(FillsWithTwo(), panel.to_long(), ["prcp"])
    with pytest.raises(ValueError, match="hold other sites"):
        ReconstructionDisplay.from_panels(panel, panel[:2])
    with pytest.raises(ValueError, match="hold other times"):
        ReconstructionDisplay.from_panels(panel, panel.sel_time("2000-10-03"))
    with pytest.raises(ValueError, match="`variables` must be one of"):
        ReconstructionDisplay.from_panels(panel, panel, ["srad"])
    names = {"prcp": "p", "vp": "v", "sand": "s", "clay": "c", "area": "a"}
    renamed = panel.rename_variables(names)
    with pytest.raises(ValueError, match="no variable in common"):
        ReconstructionDisplay.from_panels(panel, renamed)
    with pytest.raises(ValueError, match="`hide` names nothing"):
        ReconstructionDisplay.from_estimator(FillsWithTwo(), panel, [])
    with pytest.raises(ValueError, match=r"X has none of the variables \['srad'\]"):
        ReconstructionDisplay.from_estimator(FillsWithTwo(), panel, ["srad"])
    values = pd.DataFrame({"variable": ["a"], "site": "x", "time": pd.NaT, "true": np.nan})
    with pytest.raises(ValueError, match="No value is known on both sides"):
        ReconstructionDisplay(values.assign(filled=1.0))


def test_a_pretrained_model_is_shown_as_it_reconstructs():
    X, _ = make_catchments(n_sites=5, n_years=1, n_regions=2, random_state=0)
    model = StefaLandTransformer(max_epochs=1, random_state=0).fit(X[:3])
    display = ReconstructionDisplay.from_estimator(model, X[3:], ["vp", "soil"])
    filled = model.reconstruct(X[3:], hide=["vp", "soil"])
    frame = display.frame()
    np.testing.assert_array_equal(
        frame[frame["variable"] == "vp"]["filled"], filled.variable("vp").ravel()
    )
    assert display.variables == ["vp", *X.groups["soil"]]
    assert display.units["vp"] == X.units["vp"]
