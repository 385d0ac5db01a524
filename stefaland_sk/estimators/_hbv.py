"""HBV calibrated site by site, and regionalised: the classical baseline of streamflow."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from stefaland_sk._core import check_number, check_option
from stefaland_sk.estimators._base import BasePanelRegressor
from stefaland_sk.estimators._hbv_calibration import calibrate
from stefaland_sk.estimators._hbv_regions import make_regions
from stefaland_sk.estimators._inputs import loaded_blocks, read_inputs
from stefaland_sk.estimators._physics_forcing import needed_forcings, read_forcing
from stefaland_sk.estimators._physics_series import label_series
from stefaland_sk.estimators._target_unit import (
    check_target_unit,
    from_model_unit,
    to_model_unit,
    warn_of_odd_runoff,
)
from stefaland_sk.physics import HBV_1_0, HBV_1_1P, simulate_hbv

VARIANTS = {"1.0": HBV_1_0, "1.1p": HBV_1_1P}
_EDGE = 1e-6  # shares of exactly 0 and 1 would be infinite raw numbers


class HBVRegressor(BasePanelRegressor):
    """The HBV model, calibrated at each site by gradient; unseen sites borrow parameters.

    Each site gets its own parameters, found by Adam from several starts, all sites at once.
    Sites without observations get theirs from donors, or by a regressor on
    attributes, so that the model can be cross-validated over sites like any other.

    Parameters
    ----------
    variant : {"1.1p", "1.0"}, default="1.1p"
        With capillary rise and an exponent of evapotranspiration, or without.
    loss : {"nse", "kge"}, default="nse"
        What calibration makes large.
    regionalizer : "donors", regressor or None, default="donors"
        Where the parameters of other sites come from: the sites most alike by
        standardised attributes, whose flows are averaged, or any regressor of scikit-learn
        from attributes to parameters. None: they are an error.
    n_donors : int, default=5
        Number of donors.
    warmup : int, default=365
        Days at the beginning of each record that fill the stores: not calibrated on, and left
        out by `score`.
    n_starts : int, default=4
        Starts of the optimiser at each site; the best result counts.
    max_iter : int, default=200
        Steps from each start.
    learning_rate : float, default=0.1
        Size of the first step, on the scale on which the bounds are at infinity.
    target_unit : str, default=None
        Unit of the target, and of predictions; None is "mm/d". It may be one of discharge, such
        as "m3/s": X must then have the ``area`` [km2] of each site among its attributes or in
        its site table.
    fit_period : tuple of two dates, default=None
        First and last day calibrated on; None takes all.
    forcings, attributes : list of str, default=None
        Columns of a long table that are read, as for `RowRegressor`.
    random_state : int, RandomState or None, default=None
        Seed of the starts.

    Attributes
    ----------
    parameters_ : DataFrame of shape (n_calibrated_sites, n_parameters)
        Parameters of the calibrated sites; units in ``parameters_.attrs["units"]``.
    calibration_score_ : Series
        NSE or KGE that calibration reached at each site.
    spec_ : HBVSpec
        The variant.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not legal; in `fit` and `predict` also if forcing is lacking, in another
        unit, negative or in Kelvin, if the warm-up is longer than the record, or if
        sites are unknown and there is nothing to take their parameters from.

    Warns
    -----
    DataWarning
        If more water runs off than falls, as where the target is in another unit.

    See Also
    --------
    stefaland_sk.physics.simulate_hbv : The model itself.
    LSTMRegressor : What it is usually compared with.

    Notes
    -----
    Needs the forcing ``prcp`` [mm/d], ``tmean`` or ``tmin`` and ``tmax`` [degC], and ``pet``
    [mm/d]. Without ``pet`` it follows from ``tmin`` and ``tmax``, or ``tmean``, and a latitude
    ``lat`` among the attributes or in the site table. Other units are converted if the panel names
    them. A day without known precipitation counts as dry; other variables keep their last
    value over gaps. A site is known by its identifier. Each record starts from empty stores.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> from stefaland_sk.estimators import HBVRegressor
    >>> X, y = make_catchments(n_sites=4, n_years=2, n_regions=2, random_state=0)
    >>> model = HBVRegressor(warmup=100, n_starts=1, max_iter=5).fit(X[:3], y.iloc[:3])
    >>> model.parameters_.shape, model.parameters_.attrs["units"]["fc"]
    ((3, 16), 'mm')
    >>> model.predict(X[3:]).shape  # a site that was not calibrated
    (1, 730)
    >>> model.simulate(X)["swe"].attrs["units"]
    'mm'
    """

    causal = True

    def __init__(
        self,
        variant="1.1p",
        loss="nse",
        regionalizer="donors",
        n_donors=5,
        *,
        warmup=365,
        n_starts=4,
        max_iter=200,
        learning_rate=0.1,
        target_unit=None,
        fit_period=None,
        forcings=None,
        attributes=None,
        random_state=None,
    ):
        self.variant = variant
        self.loss = loss
        self.regionalizer = regionalizer
        self.n_donors = n_donors
        self.warmup = warmup
        self.n_starts = n_starts
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.target_unit = target_unit
        self.fit_period = fit_period
        self.forcings = forcings
        self.attributes = attributes
        self.random_state = random_state

    def _warn_of_targets(self, panel):
        # Of the forcing it reads weather alone; attributes choose the donors.
        super()._warn_of_targets(panel.keep_variables(forcings=[]))

    def _fit(self, panel, target):
        self._check_hyperparameters()
        self.spec_ = replace(VARIANTS[self.variant], dynamic=(), n_members=1)
        needed_forcings(panel, self, self.spec_.forcings)
        target = to_model_unit(target, panel, self.target_unit, self.spec_.target)
        if self.warmup >= panel.n_times:
            raise ValueError(
                f"`warmup` must be shorter than the record, which has {panel.n_times} days up to "
                f"the last observation. Got {self.warmup}."
            )
        calibrated = np.flatnonzero(np.isfinite(target[:, self.warmup :]).any(axis=1))
        chosen = panel[calibrated].load()
        forcing = read_forcing(chosen, self, self.spec_.forcings)
        warn_of_odd_runoff(target[calibrated], forcing[0].T)
        raw, score = calibrate(
            forcing,
            np.ascontiguousarray(target[calibrated].T, dtype=np.float32),
            self.spec_,
            loss=self.loss,
            warmup=self.warmup,
            n_starts=self.n_starts,
            max_iter=self.max_iter,
            learning_rate=self.learning_rate,
            random_state=check_random_state(self.random_state),
        )
        self._raw = raw
        values = self.spec_.from_raw(torch.from_numpy(raw))
        names = self.spec_.parameters
        table = {name: values[name].reshape(-1).numpy() for name in names}
        self.parameters_ = pd.DataFrame(table, index=chosen.site_ids)
        self.parameters_.attrs["units"] = {name: names[name].unit for name in names}
        self.calibration_score_ = pd.Series(score, index=chosen.site_ids, name=self.loss)
        self._regions = None
        if self.regionalizer is not None and panel.n_attributes:
            shares = 1 / (1 + np.exp(-raw))
            self._regions = make_regions(
                self.regionalizer, chosen.attributes, shares, self.n_donors
            )

    def _check_hyperparameters(self):
        """Check what the constructor was given."""
        check_option("variant", self.variant, list(VARIANTS))
        check_option("loss", self.loss, ["nse", "kge"])
        if isinstance(self.regionalizer, str):
            check_option("regionalizer", self.regionalizer, ["donors"])
        elif self.regionalizer is not None and not hasattr(self.regionalizer, "fit"):
            raise TypeError(
                "`regionalizer` must be 'donors', a regressor or None. "
                f"Got {self.regionalizer!r} instead."
            )
        for name in ("n_donors", "n_starts", "max_iter"):
            check_number(name, getattr(self, name), low=1, integer=True)
        check_number("warmup", self.warmup, low=0, integer=True)
        check_number("learning_rate", self.learning_rate, low=0, open_low=True)
        check_target_unit(self.target_unit, HBV_1_1P.target)

    def _predict(self, panel):
        predicted = np.empty((panel.n_sites, max(panel.n_times, 1)), dtype=np.float32)
        for rows, block in loaded_blocks(panel):
            for positions, result in self._simulate(block, series=False):
                predicted[rows][positions] = result.runoff.T.numpy()
        values = np.where(panel.present(), predicted, np.nan)
        return from_model_unit(values, panel, self.target_unit, self.spec_.target)

    def simulate(self, X):
        """Give all stores and fluxes.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites of the same form and with the same variables as in `fit`.

        Returns
        -------
        xarray.Dataset
            Variables of ``(site, time)`` with their ``units``: ``runoff``, its parts
            ``quick_flow``, ``interflow`` and ``baseflow``, ``runoff_generated`` (before routing),
            the other fluxes [mm/d] and the stores at the end of each day [mm], snow water
            equivalent ``swe`` among them; and of ``(site)`` the baseflow index ``bfi`` [1], the
            share of ``baseflow`` in ``runoff``.
        """
        check_is_fitted(self)
        panel = read_inputs(self, X, reset=False).panel.load()
        units = {**self.spec_.series, "runoff": "mm/d"}
        tables = {
            name: np.empty((panel.n_sites, panel.n_times), dtype=np.float32) for name in units
        }
        for positions, result in self._simulate(panel, series=True):
            for name, series in {**result.series, "runoff": result.runoff}.items():
                tables[name][positions] = series.T.numpy()
        return label_series(tables, panel, units)

    def _simulate(self, panel, series):
        """Yield positions of sites and their simulation, calibrated and other sites apart."""
        forcing = torch.from_numpy(read_forcing(panel, self, self.spec_.forcings))
        place = self.parameters_.index.get_indexer(panel.site_ids)
        known, other = np.flatnonzero(place >= 0), np.flatnonzero(place < 0)
        groups = [(known, self._raw[place[known]][:, None])]
        if len(other):
            groups.append((other, self._borrow(panel, other)))
        for positions, raw in groups:
            if not len(positions):
                continue
            spec = replace(self.spec_, n_members=raw.shape[1])
            with torch.no_grad():
                values = _values(raw, self.spec_)
                weather = (part.contiguous() for part in forcing[:, :, positions])
                yield positions, simulate_hbv(*weather, values, spec=spec, series=series)

    def _borrow(self, panel, positions):
        """Give raw parameters of sites that were not calibrated."""
        if self._regions is None:
            reason = (
                "`regionalizer` is None" if self.regionalizer is None else "X has no attributes"
            )
            raise ValueError(
                f"{len(positions)} sites were not calibrated, for example "
                f"{panel.site_ids[positions[0]]!r}, and {reason}, so that they cannot borrow "
                "parameters. Set `regionalizer`, and give attributes."
            )
        shares = self._regions.give(panel.attributes.iloc[positions])
        shares = np.clip(shares, _EDGE, 1 - _EDGE)
        return np.log(shares / (1 - shares))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # attributes alone cannot drive it
        return tags


def _values(raw, spec):
    """Turn raw numbers of shape (n_sites, n_members, n_parameters) into parameters.

    Donors lend their routing too: as HBV has one for all members, its mean is taken.
    """
    values = spec.from_raw(torch.from_numpy(raw).float().flatten(0, 1))
    values = {name: value.view(raw.shape[:2]) for name, value in values.items()}
    return {n: v.mean(1) if n.startswith("route") else v for n, v in values.items()}
