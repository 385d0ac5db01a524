"""Targets with one value per site: what is kept of each site, and scores over the sites."""

import numpy as np
import pandas as pd

from stefaland_sk.metrics import get_metric

#: What is kept of a site with one value; scores are made of them over the sites.
VALUES = ("observed", "predicted")
#: Scores shown of such targets; "nse" is the coefficient of determination there.
OVER_SITES = ("pearson_r", "nse", "rmse", "mae")


class SiteValues:
    """Keep the observed and the predicted value of each site that is held out.

    Where a target has no time, a score belongs to sites together and not to each. It is made
    from these values afterwards, over a fold or over all.
    """

    def site_scores(self, estimator, X, y):
        """Predict, and give both values of each site.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator with ``predict``.
        X : Panel
            Sites held out.
        y : Series of length n_sites
            Their target; NaN = not observed.

        Returns
        -------
        DataFrame of shape (n_sites, 3)
            ``observed``, ``predicted`` and ``n_obs``, 1 or 0.
        """
        observed = np.asarray(y, dtype=float)
        predicted = np.asarray(estimator.predict(X), dtype=float).reshape(-1)
        if len(predicted) != len(observed):
            raise ValueError(
                f"There must be one prediction for each of {len(observed)} sites; got "
                f"{len(predicted)}."
            )
        if not np.isfinite(predicted).all():
            site = X.site_ids[int(np.flatnonzero(~np.isfinite(predicted))[0])]
            raise ValueError(f"The prediction of site {site!r} is missing or infinite.")
        seen = np.isfinite(observed)
        columns = {"observed": observed, "predicted": np.where(seen, predicted, np.nan)}
        return pd.DataFrame(columns | {"n_obs": seen.astype(int)}, index=X.site_ids)


def score_over_sites(metric, observed, predicted):
    """Compute a metric over sites.

    Parameters
    ----------
    metric : str
        Its name.
    observed, predicted : ndarray of shape (n_sites,) or (n_sets, n_sites)
        Values of sites; NaN in both where there are none.

    Returns
    -------
    ndarray of shape (n_sets,)
        The metric of each set of sites.
    """
    observed, predicted = np.atleast_2d(observed), np.atleast_2d(predicted)
    return np.asarray(get_metric(metric)(observed, predicted), dtype=float)
