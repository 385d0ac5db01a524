"""The task preset of soil moisture."""

from types import FunctionType

from stefaland_sk.estimators._regressor import StefaLandRegressor


def with_defaults(function, **defaults):
    """Copy a function of keywords, with other default values for some of them.

    Parameters
    ----------
    function : function
        Whose parameters all have defaults, but for ``self``.
    **defaults : object
        The other values.

    Returns
    -------
    function
        The same code with another signature.

    Raises
    ------
    TypeError
        If there are no such parameters.

    Examples
    --------
    >>> def grow(days=3, rate=2):
    ...     return days * rate
    >>> with_defaults(grow, rate=5)()
    15
    """
    code = function.__code__
    names = code.co_varnames[: code.co_argcount][-len(function.__defaults__) :]
    unknown = sorted(set(defaults) - set(names))
    if unknown:
        raise TypeError(f"{function.__name__} has no parameters {unknown} with a default value.")
    values = tuple(map(defaults.get, names, function.__defaults__))
    return FunctionType(code, function.__globals__, function.__name__, values)


class StefaLandSoilMoisture(StefaLandRegressor):
    """Predict surface soil moisture: `StefaLandRegressor` with the task's defaults.

    Takes the same parameters and has the same attributes as `StefaLandRegressor`. What
    differs: ``warmup=60``, since soil at the surface forgets within weeks what a river takes
    a season or more to forget, and satellite records are short; ``max_epochs=30``, since they make
    few windows. ``loss="auto"`` is the RMSE over all sites, whose unit [m3/m3] means the same
    everywhere, and ``lower_bound="auto"`` is 0.

    See Also
    --------
    StefaLandRegressor : All parameters.
    StefaLandSoilComposition : For targets without a time axis.

    Notes
    -----
    The paper [1]_ trains with Adadelta (rate 1.2), batches of 128, 50 epochs, 128 units and a
    dropout rate of 0.3 on 1,316 stations from 2015 to 2020, with windows of 365 days: that is
    ``optimizer="adadelta", lr=1.2, lr_schedule="constant", batch_size=128, max_epochs=50,
    d_hidden=128, dropout=0.3, early_stopping=False``. Its inputs hold soil moisture of SMAP and of
    ERA5-Land. `fit` warns of such variables unless they are named in `forcings` or
    `attributes`: report scores with and without them.

    Features of a day depend on later days too, by the encoder: soil moisture is filled in where
    there was no sensor, not forecast.

    References
    ----------
    .. [1] StefaLand: An Efficient Geoscience Foundation Model That Improves
       Dynamic Land-Surface Predictions. arXiv:2509.17942.

    Examples
    --------
    >>> from stefaland_sk import StefaLandSoilMoisture, StefaLandTransformer
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, _, truth = make_catchments(
    ...     n_sites=6, n_years=2, n_regions=2, random_state=0, return_truth=True
    ... )
    >>> y = 0.4 * truth.fluxes["soil"] / 300  # a store [mm] as water content [m3/m3]
    >>> encoder = StefaLandTransformer(d_model=8, max_epochs=1)
    >>> model = StefaLandSoilMoisture(encoder, d_hidden=8, max_epochs=1, random_state=0)
    >>> bool((model.fit(X, y).predict(X) >= 0).all())
    True
    """

    __init__ = with_defaults(StefaLandRegressor.__init__, warmup=60, max_epochs=30)
