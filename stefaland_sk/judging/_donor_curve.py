"""How skill at a site without observations depends on how many donors, and which."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.base import clone

from stefaland_sk._core import check_instance, check_number
from stefaland_sk.data import is_labelled, site_of_samples
from stefaland_sk.judging._donors import DonorSelector
from stefaland_sk.judging._samples import read_samples, read_target, take
from stefaland_sk.metrics import median_per_site


def donor_scaling_curve(
    estimator,
    X,
    y,
    *,
    n_donors=(100, 200, 300, None),
    features=None,
    targets=None,
    metric="euclidean",
    exclude="site",
    regions=None,
    scoring="nse",
    warmup=0,
    period=None,
    random_state=None,
    verbose=0,
):
    """Train on the k sites most like a target, for several k and several kinds of likeness.

    Whether a few donors that are alike teach more than many that are not is a question that has
    been answered both ways [1]_; this is the experiment.

    Parameters
    ----------
    estimator : estimator
        Trained anew for each set of donors.
    X : Panel or long DataFrame
        All sites: targets and donors.
    y : array-like
        Target aligned with the samples.
    n_donors : sequence of (int or None), default=(100, 200, 300, None)
        Numbers of donors; None means all that are allowed.
    features : dict of str to features, default=None
        Kinds of likeness by name, each as `features` of `DonorSelector`. None compares
        ``{"attributes": None, "random": "random"}``.
    targets : sequence of str, default=None
        Sites to predict; None takes all that have observations, which takes many trainings.
    metric, exclude, regions
        As for `DonorSelector`; by default only the target itself may not be a donor.
    scoring : str or Metric, default="nse"
        Metric per site.
    warmup, period
        Which steps are scored, as for `median_per_site`.
    random_state : int, RandomState or None, default=None
        Seed of random donors.
    verbose : int, default=0
        1 prints one line per target.

    Returns
    -------
    DataFrame
        Tidy: ``site``, ``features``, ``n_donors``, ``mean_distance``, ``metric``, ``value``.

    Raises
    ------
    ValueError
        If a target is not in X, or there are not as many donors.

    See Also
    --------
    DonorRegressor : Predicts by donors.

    References
    ----------
    .. [1] AlphaEarth embeddings for streamflow in ungauged basins: arXiv:2601.01558

    Examples
    --------
    >>> from stefaland_sk import LinearComparator
    >>> from stefaland_sk.datasets import make_catchments
    >>> from stefaland_sk.judging import donor_scaling_curve
    >>> X, y = make_catchments(n_sites=10, n_years=2, n_regions=2, random_state=0)
    >>> model = LinearComparator(max_rows=2000, random_state=0)
    >>> curve = donor_scaling_curve(model, X, y, n_donors=(3, None), targets=X.site_ids[:2])
    >>> curve.groupby(["features", "n_donors"])["value"].median().round(1).shape
    (4,)
    """
    kinds = {"attributes": None, "random": "random"} if features is None else features
    if not isinstance(kinds, Mapping):
        raise TypeError(
            "`features` must be a dict from a name to features, such as {'attributes': None}. Got "
            f"{type(kinds).__name__}."
        )
    check_instance("estimator", estimator)
    for k in n_donors:
        check_number("n_donors", k, low=1, integer=True, none=True)
    scorer = median_per_site(scoring, warmup=warmup, period=period)
    samples = read_samples(X)
    y = samples.restore(read_target(X, y, samples))
    labelled = is_labelled(X, y)
    rows = np.flatnonzero(labelled[samples.codes])
    X, y = take(X, rows), take(y, rows)
    codes, ids = site_of_samples(X).codes, site_of_samples(X).ids
    targets = ids if targets is None else pd.Index(list(map(str, targets)))
    unknown = targets.difference(ids)
    if len(unknown):
        raise ValueError(
            f"`targets` names {len(unknown)} sites that X has not, or not with observations, for "
            f"example {list(unknown[:3])}."
        )
    selectors = {
        name: DonorSelector(
            None,
            features=kind,
            metric=metric,
            exclude=exclude,
            regions=regions,
            random_state=random_state,
        ).fit(X)
        for name, kind in kinds.items()
    }
    table = []
    for number, site in enumerate(targets):
        here = np.flatnonzero(codes == ids.get_loc(site))
        there, truth, known = take(X, here), take(y, here), {}
        for name, selector in selectors.items():
            found = selector.select(there)
            donors, far = found.positions[0], found.distances[0]
            for k in n_donors:
                k = len(donors) if k is None else k
                if k > len(donors):
                    raise ValueError(
                        f"`n_donors`={k} is more than the {len(donors)} donors that site {site!r} "
                        "has. Use fewer, or None for all."
                    )
                chosen = tuple(sorted(donors[:k]))
                if chosen not in known:  # all donors are the same, by whatever likeness
                    inside = np.flatnonzero(np.isin(codes, chosen))
                    model = clone(estimator).fit(take(X, inside), take(y, inside))
                    known[chosen] = scorer.site_scores(model, there, truth).iloc[0, 0]
                distance = far[:k].mean()
                table.append((site, name, k, distance, scorer.metric.name, known[chosen]))
        if verbose:
            print(f"{site} ({number + 1} of {len(targets)})")
    columns = ["site", "features", "n_donors", "mean_distance", "metric", "value"]
    return pd.DataFrame(table, columns=columns)
