"""Features of sites: encoded block by block, pooled, condensed to a few."""

from dataclasses import dataclass

import numpy as np

from stefaland_sk.encoders import pool_days
from stefaland_sk.estimators._inputs import loaded_blocks


def feature_kind(encoder, panel, pool):
    """Tell what the features of a panel are.

    Parameters
    ----------
    encoder : StefaLandEncoder
        The pretrained encoder.
    panel : Panel
        Any sites.
    pool : str or None
        As for `StefaLandTransformer`.

    Returns
    -------
    str
        "days" for features of every day, or else how each site gets one vector.
    """
    if panel.time is None or not encoder.scaler.forcing_names:
        return "static"
    return "days" if pool is None else pool


def feature_blocks(encoder, panel, kind, *, device="cpu", cache=None):
    """Compute features of some sites at a time.

    Parameters
    ----------
    encoder : StefaLandEncoder
        The pretrained encoder.
    panel : Panel
        Any sites, in memory or lazy.
    kind : str
        From `feature_kind`.
    device : str, default="cpu"
        Where to compute.
    cache : FeatureCache, default=None
        Where features are looked up and kept.

    Yields
    ------
    rows : slice
        Consecutive sites of the panel.
    features : ndarray of float32 of shape (n_sites, n_times, d_model) or (n_sites, d_model)
        Their features; NaN on days that a site does not have.
    """
    for rows, block in loaded_blocks(panel):
        days, site = encoder.encode(block, device=device, days=kind != "static", cache=cache)
        yield rows, days if kind == "days" else pool_days(days, site, kind)


@dataclass(frozen=True, eq=False)
class Condenser:
    """A few linear combinations of features that hold most of what they tell apart.

    The features are standardised and projected on the first principal components; in
    each component the feature that counts most counts positively, so that the signs are
    always the same.

    Parameters
    ----------
    kind : str
        Which features it was fitted on, from `feature_kind`.
    mean, std : ndarray of float64 of shape (d_model,)
        Moments of the features.
    components : ndarray of float64 of shape (n_components, d_model)
        Weights of the standardised features, the most telling component first.

    Examples
    --------
    >>> import numpy as np
    >>> features = np.random.default_rng(0).normal(size=(50, 4)) * [1, 2, 3, 4]
    >>> condenser = Condenser.fit([features], 2, "mean")
    >>> condenser.apply(features, 2).shape
    (50, 2)
    """

    kind: str
    mean: np.ndarray
    std: np.ndarray
    components: np.ndarray

    @classmethod
    def fit(cls, parts, n_components, kind):
        """Fit to features that come in parts.

        Parameters
        ----------
        parts : iterable of ndarray of shape (..., d_model)
            Features; vectors with NaN do not count.
        n_components : int
            Number of components.
        kind : str
            From `feature_kind`.

        Returns
        -------
        Condenser
            The fitted condenser.

        Raises
        ------
        ValueError
            If there are fewer vectors than components.
        """
        count, mean, scatter = 0, 0.0, 0.0
        for part in parts:
            rows = part.reshape(-1, part.shape[-1]).astype(np.float64)
            rows = rows[np.isfinite(rows[:, 0])]
            if not len(rows):
                continue
            # Moments of parts are joined, so that no pass over all features is needed.
            new_mean = rows.mean(axis=0)
            centred = rows - new_mean
            difference, total = new_mean - mean, count + len(rows)
            scatter = scatter + centred.T @ centred
            scatter += np.outer(difference, difference) * (count * len(rows) / total)
            mean = mean + difference * (len(rows) / total)
            count = total
        if count < n_components:
            raise ValueError(
                f"`n_components`={n_components} asks for more than the {count} vectors of features "
                f"that there are to learn from. Use n_components={count} or less."
            )
        std = np.sqrt(np.diag(scatter) / count)
        std = np.where(std > 1e-6, std, 1.0)
        _, vectors = np.linalg.eigh(scatter / np.outer(std, std))
        components = vectors[:, ::-1].T[:n_components]
        largest = np.abs(components).argmax(axis=1)
        signs = np.sign(components[np.arange(n_components), largest])
        return cls(kind, mean, std, components * signs[:, None])

    def apply(self, features, n_components):
        """Condense features.

        Parameters
        ----------
        features : ndarray of shape (..., d_model)
            Features of the kind it was fitted on.
        n_components : int
            Number of components, not more than were fitted.

        Returns
        -------
        ndarray of float32 of shape (..., n_components)
            The components.
        """
        weights = self.components[:n_components] / self.std
        return ((features - self.mean) @ weights.T).astype(np.float32)

    def to_dict(self):
        """Give plain lists, fit for JSON."""
        arrays = {name: getattr(self, name).tolist() for name in ("mean", "std", "components")}
        return {"kind": self.kind, **arrays}

    @classmethod
    def from_dict(cls, values):
        """Make a condenser from what `to_dict` gave."""
        arrays = (np.asarray(values[name]) for name in ("mean", "std", "components"))
        return cls(values["kind"], *arrays)


def fit_condenser(encoder, panels, pool, n_components, device):
    """Fit a condenser to the features of sites.

    Parameters
    ----------
    encoder : StefaLandEncoder
        The pretrained encoder.
    panels : list of Panel
        The sites. Those with attributes only have another kind of features than those with
        forcing, and do not count beside them.
    pool : str or None
        As for `StefaLandTransformer`.
    n_components : int
        Number of components.
    device : str
        Where to compute.

    Returns
    -------
    Condenser
        The fitted condenser.

    Raises
    ------
    ValueError
        If there are fewer vectors of features than components.
    """
    kinds = [feature_kind(encoder, panel, pool) for panel in panels]
    kind = next((kind for kind in kinds if kind != "static"), "static")
    parts = (
        features
        for panel, its_kind in zip(panels, kinds, strict=True)
        if its_kind == kind
        for _, features in feature_blocks(encoder, panel, kind, device=device)
    )
    return Condenser.fit(parts, n_components, kind)


def check_condenser(condenser, n_components, kind):
    """Raise unless a condenser gives so many components of features of a kind.

    Parameters
    ----------
    condenser : Condenser or None
        What there is.
    n_components : int
        What is wanted.
    kind : str
        From `feature_kind`.

    Raises
    ------
    ValueError
        If there are fewer, or they were fitted on another kind of features.
    """
    n_kept = 0 if condenser is None else len(condenser.components)
    if n_kept < n_components:
        raise ValueError(
            f"`n_components`={n_components} was set after `fit`, which has kept {n_kept} "
            "components. Fit again."
        )
    if condenser.kind != kind:
        raise ValueError(
            f"The components were fitted on features of the kind {condenser.kind!r}, but these are "
            f"of the kind {kind!r}. Use n_components=None, or fit with this `pool`."
        )
