"""Flow-duration curves of one site: how often each flow is exceeded."""

import numpy as np
import pandas as pd

from stefaland_sk._core import check_option
from stefaland_sk.metrics import fhv, flv

from ._base import DASHES, OBSERVED, Display, colours_of, heading, marks_of
from ._series import SitePredictions, SiteSeries, target_label
from ._tables import need_columns


class FlowDurationDisplay(Display):
    """Flow-duration curves of one site, observed and predicted.

    The curve shows on which share of the days a flow is reached or exceeded: floods on the
    left, low flows on the right. It says whether the right flows occur, not whether they do so
    on the right days. Use `from_estimator` or `from_predictions` to make one.

    Parameters
    ----------
    curves : DataFrame of shape (n_days, 2 + n_models)
        The columns ``"exceedance"``, shares from 0 to 1 in increasing order, ``"observed"``, and
        one per model: flows in falling order.
    site : str
        The site shown.
    label : str, default="target"
        What stands at the axis, such as ``"runoff [mm/d]"``.
    biases : DataFrame, default=None
        One row per model, with the columns ``"fhv"`` and ``"flv"``: bias of the volume of the
        highest 2 % and of the lowest 30 % of the days [%], for the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on, after `plot`.
    figure_ : matplotlib Figure
        The figure drawn on, after `plot`.

    Raises
    ------
    ValueError
        If a column is not there, or none for a model.

    See Also
    --------
    HydrographDisplay : The same series in time.
    stefaland_sk.metrics.fdc_rmse : The distance between two curves as a number.

    Notes
    -----
    The flow of rank :math:`m` among :math:`n` days is exceeded with the probability
    :math:`m / (n + 1)` [1]_. Predictions count on the observed days only, so that a gap in the
    record is no error of the model; the warm-up counts for neither.

    References
    ----------
    .. [1] Vogel, R. M. and Fennessey, N. M. (1994). Flow-duration curves. I: New interpretation
       and confidence intervals. Journal of Water Resources Planning and Management, 120(4),
       485-504. doi:10.1061/(ASCE)0733-9496(1994)120:4(485)

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.plotting import FlowDurationDisplay
    >>> time = pd.date_range("2000-01-01", periods=4)
    >>> y_true = pd.DataFrame([[1.0, 4.0, 3.0, 2.0]], index=["01013500"], columns=time)
    >>> FlowDurationDisplay.from_predictions(y_true, {"one more": y_true + 1}).frame()
       exceedance  observed  one more
    0         0.2       4.0       5.0
    1         0.4       3.0       4.0
    2         0.6       2.0       3.0
    3         0.8       1.0       2.0
    """

    _figsize = (6.4, 4.2)

    def __init__(self, curves, *, site, label="target", biases=None):
        need_columns(curves, ["exceedance", "observed"], "curves")
        if curves.shape[1] < 3:
            raise ValueError(
                f"`curves` must have one column per model; it has {list(curves.columns)} only."
            )
        self.curves = curves.reset_index(drop=True)
        self.site = site
        self.label = label
        self.biases = biases

    @classmethod
    def from_predictions(cls, y_true, y_pred, *, site=None, period=None, warmup=0, label="target"):
        """Make a Display from a target and the predictions of one or more models.

        Parameters
        ----------
        y_true : DataFrame, DataArray or Series
            Target with its labels: sites by times, a long Series indexed by site and time, or
            the series of one site indexed by time. NaN = not observed.
        y_pred : array-like aligned with `y_true`, or dict of str to array-like
            Predictions, by the name of the model if there are several.
        site : str, default=None
            The site to show; None takes the first that has an observation.
        period : tuple of two dates, default=None
            First and last step that count; None takes all.
        warmup : int, default=0
            Steps at the start of the record that do not count.
        label : str, default="target"
            What stands at the axis, such as ``"runoff [mm/d]"``.

        Returns
        -------
        FlowDurationDisplay
            The Display, not yet drawn.

        Raises
        ------
        TypeError
            If a target has no labels.
        ValueError
            If the site or the period is not there, the site has no observation in it, shapes
            disagree, or a prediction is missing on an observed step.

        Examples
        --------
        >>> import pandas as pd
        >>> from stefaland_sk.plotting import FlowDurationDisplay
        >>> flow = pd.Series([1.0, 3.0, 2.0], pd.date_range("2000-01-01", periods=3), name="01")
        >>> display = FlowDurationDisplay.from_predictions(flow, [1.0, 2.0, 2.5])
        >>> display.frame()["predicted"].tolist()
        [2.5, 2.0, 1.0]
        """
        record = SiteSeries(y_true, y_pred, site=site, period=period, warmup=warmup)
        frame = record.frame[record.is_scored]
        observed = frame.dropna(subset="observed")
        if observed.empty:
            raise ValueError(
                f"Site {record.site!r} has no observation among the {len(frame)} steps that count; "
                "look at `period` and `warmup`."
            )
        models = observed.columns.drop("observed")
        # The metrics also refuse predictions that are missing on an observed day.
        biases = {
            name: {
                "fhv": fhv(observed["observed"], observed[name]),
                "flv": flv(observed["observed"], observed[name], space="linear"),
            }
            for name in models
        }
        curves = {name: np.sort(values)[::-1] for name, values in observed.items()}
        n_days = len(observed)
        return cls(
            pd.DataFrame({"exceedance": np.arange(1, n_days + 1) / (n_days + 1), **curves}),
            site=record.site,
            label=label,
            biases=pd.DataFrame.from_dict(biases, orient="index"),
        )

    @classmethod
    def from_estimator(cls, estimator, X, y, *, site=None, period=None, warmup=None, label=None):
        """Make a Display by letting fitted estimators predict one site.

        Parameters
        ----------
        estimator : fitted estimator, or dict of str to fitted estimator
            The models to show.
        X : Panel, or DataFrame indexed by site and time
            Inputs. Only the rows of the site shown are predicted.
        y : array-like
            Target, aligned with X.
        site : str, default=None
            The site to show; None takes the first that has an observation.
        period : tuple of two dates, default=None
            First and last step that count; None takes all.
        warmup : int, default=None
            Steps at the start that do not count; None takes the longest ``warmup`` of the
            estimators.
        label : str, default=None
            What stands at the axis; None takes name and unit from y, where it has them.

        Returns
        -------
        FlowDurationDisplay
            The Display, not yet drawn.

        Raises
        ------
        TypeError
            If X has no time axis.
        ValueError
            If the site or the period is not there, or has no observation.

        Examples
        --------
        >>> from stefaland_sk import LinearComparator
        >>> from stefaland_sk.datasets import make_catchments
        >>> from stefaland_sk.plotting import FlowDurationDisplay
        >>> X, y = make_catchments(n_sites=4, n_years=2, n_regions=2, random_state=0)
        >>> model = LinearComparator().fit(X, y)
        >>> FlowDurationDisplay.from_estimator(model, X, y, warmup=30).frame().shape
        (700, 3)
        """
        made = SitePredictions(estimator, X, y, site)
        return cls.from_predictions(
            made.y_true,
            made.y_pred,
            period=period,
            warmup=made.warmup(warmup),
            label=target_label(y) if label is None else label,
        )

    def frame(self):
        """Give the numbers behind the figure.

        Returns
        -------
        DataFrame of shape (n_days, 2 + n_models)
            ``exceedance``, the share of the days on which a flow is reached or exceeded,
            ``observed``, and one column per model; one row per observed day.
        """
        return self.curves.copy()

    def plot(self, ax=None, *, colors=None, yscale="log", xscale="linear"):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        colors : dict of str to color, default=None
            Colours of some models; the others take those of a colour-blind-safe palette.
        yscale : {"log", "linear"}, default="log"
            Scale of the flows. On a logarithmic one days without flow have no place: the curve
            ends, and the legend says on how many days the observed one is dry.
        xscale : {"linear", "log", "logit"}, default="linear"
            Scale of the exceedance; "log" widens the floods, "logit" floods and low flows.

        Returns
        -------
        FlowDurationDisplay
            Itself, with ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `colors` names a model that is not shown, or a scale is unknown.
        """
        check_option("yscale", yscale, ["log", "linear"])
        check_option("xscale", xscale, ["linear", "log", "logit"])
        models = list(self.curves.columns.drop(["exceedance", "observed"]))
        colours, dashes = colours_of(models, colors), marks_of(models, DASHES)
        ax = self._open(ax)
        share = (
            100.0 * self.curves["exceedance"] if xscale != "logit" else self.curves["exceedance"]
        )
        for name in ["observed", *models]:
            flow = self.curves[name]
            if yscale == "log":
                flow = flow.where(flow > 0)
            look = {"color": OBSERVED, "lw": 2.4, "alpha": 0.55}
            if name != "observed":
                look = {"color": colours[name], "ls": dashes[name], "lw": 1.5}
            ax.plot(share, flow, label=self._legend(name, yscale), **look)
        ax.set_yscale(yscale)
        ax.set_xscale(xscale)
        if xscale == "linear":
            ax.set_xlim(0.0, 100.0)
        elif xscale == "logit":
            ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g}")
            ax.xaxis.set_minor_formatter(lambda value, _: "")
        else:
            ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        if yscale == "log":
            ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        elif (self.curves.drop(columns="exceedance").min() >= 0).all():
            ax.set_ylim(bottom=0.0)
        ax.set_xlabel("days with this flow or more [%]")
        ax.set_ylabel(self.label)
        heading(ax, f"site {self.site}")
        ax.legend(frameon=False, fontsize="small", loc="best")
        return self

    def _legend(self, name, yscale):
        """Name a curve: the observed one with its dry days, a model's with its biases."""
        if name == "observed":
            dry = float((self.curves["observed"] <= 0).mean())
            if dry and yscale == "log":
                return f"observed (no flow on {100 * dry:.2g} % of the days)"
            return name
        if self.biases is None or name not in self.biases.index:
            return name
        parts = [
            f"{what} {self.biases.loc[name, key]:+.0f} %"
            for what, key in (("high", "fhv"), ("low", "flv"))
            if np.isfinite(self.biases.loc[name, key])
        ]
        return f"{name} ({', '.join(parts)})" if parts else name
