"""The task presets of hybrids: HBV for streamflow, a bucket for soil moisture."""

from stefaland_sk.estimators._hybrid import HybridRegressor
from stefaland_sk.estimators._soil_moisture import with_defaults


class HBVStreamflow(HybridRegressor):
    """Predict streamflow by HBV, whose parameters a network gives: `HybridRegressor` with HBV.

    Takes the same parameters and has the same attributes as `HybridRegressor`; `physics` must be a
    model of runoff.

    See Also
    --------
    HybridRegressor : All parameters.
    HBVRegressor : HBV calibrated at each site.
    StefaLandStreamflow : The network without physics.
    stefaland_sk.estimators.paper_row : The rows of the paper's table of hybrids.

    Notes
    -----
    The paper's rows are ``parameterization="lstm"`` (LSTM-HBV1.1), ``residual=True``
    (resConn-HBV1.1), ``residual=False`` (noResConn-HBV1.1) and ``encoder_init="random"``
    (Ablation-HBV1.1).

    The target is runoff [mm/d]; with ``target_unit="m3/s"`` it is discharge, and predictions too.

    Examples
    --------
    >>> from stefaland_sk import HBVStreamflow
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=2, n_regions=2, random_state=0)
    >>> model = HBVStreamflow(
    ...     parameterization="lstm", n_members=2, d_hidden=8, max_epochs=1, random_state=0
    ... ).fit(X, y)
    >>> model.predict(X).shape == y.shape
    True
    >>> model.simulate(X)["swe"].attrs["units"]
    'mm'
    >>> bool(model.parameters_["fc"].between(50, 1000).all())
    True
    """

    _task = "runoff"
    __init__ = HybridRegressor.__init__


class HybridSoilMoisture(HybridRegressor):
    """Predict soil moisture by a bucket under snow, whose parameters a network gives.

    Takes the same parameters and has the same attributes as `HybridRegressor`. What differs:
    ``physics="soil_bucket"``, and ``window=365, warmup=120``, since a layer of soil forgets sooner
    than a basin. `physics` must be a model of soil moisture.

    See Also
    --------
    HybridRegressor : All parameters.
    StefaLandSoilMoisture : The network without physics.

    Examples
    --------
    >>> from stefaland_sk import HybridSoilMoisture
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, _, truth = make_catchments(
    ...     n_sites=4, n_years=2, n_regions=2, random_state=0, return_truth=True
    ... )
    >>> y = 40 * truth.fluxes["soil"] / 300  # a store [mm] as water content [%]
    >>> model = HybridSoilMoisture(
    ...     parameterization="lstm", target_unit="%", d_hidden=8, max_epochs=1, random_state=0
    ... ).fit(X, y)
    >>> bool((model.predict(X) > 1).all())
    True
    """

    _task = "soil_moisture"
    __init__ = with_defaults(
        HybridRegressor.__init__, physics="soil_bucket", window=365, warmup=120
    )
