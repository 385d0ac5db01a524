"""What the skill of a model at each site hangs on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.utils import check_random_state

from stefaland_sk._core import check_instance, check_number, check_option
from stefaland_sk.data import Panel
from stefaland_sk.judging._permutation import shuffled
from stefaland_sk.judging._samples import read_samples
from stefaland_sk.metrics import SiteScorer, median_per_site
from stefaland_sk.metrics._scorer import AGGREGATES


@dataclass(frozen=True, eq=False)
class PermutationImportance:
    """Loss of score when a variable is permuted; made by `panel_permutation_importance`.

    Attributes
    ----------
    names : list of str
        Variables, or groups of them.
    importances : ndarray of shape (n_names, n_repeats)
        Score of the data as they are minus that with the variable permuted.
    baseline : float
        Score of the data as they are.
    by_site : DataFrame of shape (n_sites, n_names) or None
        Loss at each site, mean over repeats; None where the score is not one per site.

    See Also
    --------
    panel_permutation_importance : Makes it.

    Examples
    --------
    >>> import numpy as np
    >>> PermutationImportance(["prcp", "area"], np.array([[0.5, 0.7], [0.0, 0.1]]), 0.8).frame()
      variable  mean  std
    0     prcp  0.60  0.10
    1     area  0.05  0.05
    """

    names: list
    importances: np.ndarray
    baseline: float
    by_site: pd.DataFrame | None = None

    def frame(self):
        """Give mean and standard deviation over repeats, the most important first.

        Returns
        -------
        DataFrame
            Columns ``variable``, ``mean`` and ``std``; with scores per site also ``worse_at``,
            the share of sites that lose.

        Examples
        --------
        >>> import numpy as np
        >>> PermutationImportance(["prcp"], np.array([[0.5]]), 0.8).frame()["mean"].tolist()
        [0.5]
        """
        table = pd.DataFrame(
            {
                "variable": self.names,
                "mean": self.importances.mean(axis=1),
                "std": self.importances.std(axis=1),
            }
        )
        if self.by_site is not None:
            lost = self.by_site.dropna(how="all") > 0
            table["worse_at"] = lost.mean().to_numpy()
        return table.sort_values("mean", ascending=False, kind="stable").reset_index(drop=True)


def panel_permutation_importance(
    estimator,
    X,
    y,
    *,
    scoring=None,
    variables=None,
    groups=None,
    forcing="sites",
    block=30,
    n_repeats=5,
    random_state=None,
):
    """Permute one variable after another, and see how much worse a fitted model does.

    An attribute is dealt among sites. A forcing variable is either swapped between sites,
    whole series at a time, which breaks its bond with the site but keeps its course
    through the days, or cut into blocks of days that are dealt within the record,
    which keeps the climate of the site and breaks the timing.

    Parameters
    ----------
    estimator : estimator
        Fitted. Permute on sites that it has not seen, or it tells what it learned by heart.
    X : Panel, DataFrame or array-like
        A panel, a long table or a plain table.
    y : array-like
        Target aligned with the samples.
    scoring : str, Metric, SiteScorer or callable, default=None
        None is the median NSE over sites, after the estimator's ``warmup``; of a plain table,
        the estimator's own score. A name of `METRICS` is taken per site; the name of a scorer of
        scikit-learn, or a callable ``scorer(estimator, X, y)``, as scikit-learn does. Scores per
        site tell importances per site.
    variables : list of str, default=None
        What to permute one by one; None takes all, or with `groups` none.
    groups : dict of str to list of str or "panel", default=None
        Variables to permute together, such as all that describe climate: variables that tell
        the same stand in for each other, and each alone looks unimportant. "panel" takes the
        groups that the panel has.
    forcing : {"sites", "blocks"}, default="sites"
        How forcing is permuted.
    block : int, default=30
        Steps of a block. Blocks of 365 keep the season.
    n_repeats : int, default=5
        Deals of each variable.
    random_state : int, RandomState or None, default=None
        Seed of the deals.

    Returns
    -------
    PermutationImportance
        Importances per repeat, per site and as a table (``frame()``).

    Raises
    ------
    ValueError
        If a variable is not in X, or X has a single site to deal it among.

    See Also
    --------
    sklearn.inspection.permutation_importance : The same for rows that are independent.
    AreaOfApplicability : Can weigh attributes by it.

    Notes
    -----
    A value that is missing after the deal keeps what was there before. Permuted inputs are
    combinations that may not occur anywhere; a model that goes astray on them looks as
    if it needed the variable more than it does.

    Examples
    --------
    >>> from stefaland_sk import LinearComparator
    >>> from stefaland_sk.datasets import make_catchments
    >>> from stefaland_sk.judging import panel_permutation_importance
    >>> X, y = make_catchments(n_sites=8, n_years=2, n_regions=2, random_state=0)
    >>> model = LinearComparator(max_rows=2000, random_state=0).fit(X, y)
    >>> found = panel_permutation_importance(model, X, y, n_repeats=1, random_state=0,
    ...     groups={"weather": X.forcing_names, "land": X.attribute_names})
    >>> found.frame()["variable"].tolist()
    ['weather', 'land']
    """
    check_instance("estimator", estimator)
    check_option("forcing", forcing, ["sites", "blocks"])
    check_number("block", block, low=1, integer=True)
    check_number("n_repeats", n_repeats, low=1, integer=True)
    samples = read_samples(X)
    source = shuffled(X)
    chosen = _choose(source, X, variables, groups)
    _check_partners(source, chosen, forcing)
    score = _read_scoring(scoring, estimator, samples.kind)
    rng = check_random_state(random_state)
    rng = np.random.default_rng(rng.randint(2**31 - 1))
    baseline, at_sites = score(X, y)
    importances, lost = np.empty((len(chosen), n_repeats)), {}
    for i, (name, members) in enumerate(chosen.items()):
        sums = 0.0
        for repeat in range(n_repeats):
            permuted = source.permute(members, rng, block if forcing == "blocks" else None)
            value, per_site = score(permuted, y)
            importances[i, repeat] = baseline - value
            if at_sites is not None:
                sums = sums + (at_sites - per_site) / n_repeats
        lost[name] = sums
    by_site = None if at_sites is None else pd.DataFrame(lost)
    return PermutationImportance(list(chosen), importances, baseline, by_site)


def _choose(source, X, variables, groups):
    """Name what is permuted together."""
    if isinstance(groups, str):
        check_option("groups", groups, ["panel"])
        if not isinstance(X, Panel) or not X.groups:
            raise ValueError("`groups`='panel' needs a Panel that has groups; see `Panel.assign`.")
        groups = X.groups
    if groups is not None and not isinstance(groups, Mapping):
        raise TypeError(
            "`groups` must be a dict from a name to variables, or 'panel'. Got "
            f"{type(groups).__name__}."
        )
    if variables is None:
        variables = [] if groups is not None else source.names
    chosen = {str(name): [str(name)] for name in variables}
    chosen |= {str(name): list(map(str, members)) for name, members in (groups or {}).items()}
    unknown = [n for members in chosen.values() for n in members if n not in source.names]
    if unknown:
        raise ValueError(f"X has no variable {unknown[0]!r}. It has {source.names}.")
    return chosen


def _check_partners(source, chosen, forcing):
    """Raise if what is dealt among sites has a single one, and so would stay as it is."""
    if source.n_sites > 1:
        return
    series = source.forcing_names if forcing == "blocks" else ()
    stuck = [name for members in chosen.values() for name in members if name not in series]
    if stuck:
        raise ValueError(
            f"X has one site, so that there is none to swap {stuck[0]!r} with. Give two sites or "
            "more, or permute forcing alone, in time: forcing='blocks', variables=X.forcing_names."
        )


def _read_scoring(scoring, estimator, kind):
    """Give a function of X and y for the score, and for the scores of sites if there are any."""
    if kind != "table":
        if scoring is None:
            scoring = median_per_site("nse", warmup=getattr(estimator, "warmup", 0) or 0)
        elif not callable(scoring) or hasattr(scoring, "to_score"):
            scoring = _per_site_if_known(scoring)
    if isinstance(scoring, SiteScorer):
        return lambda X, y: _score_sites(scoring, estimator, X, y)
    scorer = check_scoring(estimator, scoring=scoring)
    return lambda X, y: (float(scorer(estimator, X, y)), None)


def _per_site_if_known(scoring):
    """Take a metric of ours per site; leave names of scorers of scikit-learn to it."""
    theirs = isinstance(scoring, str) and scoring in get_scorer_names()
    return scoring if theirs else median_per_site(scoring)


def _score_sites(scorer, estimator, X, y):
    """Give the score over sites and that of each, from one prediction."""
    metric = scorer.metric
    table = scorer.site_scores(estimator, X, y)[metric.name]
    per_site = pd.Series(metric.to_score(table.to_numpy()), index=table.index)
    values = per_site.dropna().to_numpy()
    aggregate = scorer.aggregate if callable(scorer.aggregate) else AGGREGATES[scorer.aggregate]
    return float(aggregate(values)) if len(values) else np.nan, per_site
