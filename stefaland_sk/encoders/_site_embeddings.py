"""A table of embeddings, one vector per site, as an encoder."""

import warnings

import numpy as np
import pandas as pd
import torch

from stefaland_sk._core import CheckpointError, DataWarning, check_number, check_option
from stefaland_sk.data._ids import as_site_ids
from stefaland_sk.encoders._base import Encoder
from stefaland_sk.encoders._cache import make_key
from stefaland_sk.encoders._checkpoint import read_checkpoint, write_checkpoint
from stefaland_sk.encoders._places import round_places
from stefaland_sk.encoders._registry import as_entry
from stefaland_sk.encoders._site_table import read_site_table

_KIND = "SiteEmbeddingEncoder"


class SiteEmbeddingEncoder(Encoder):
    """Look up the features of a site in a table of embeddings.

    The table may come from any model that somebody else has run, such as the 64 numbers
    that AlphaEarth Foundations gives for each place and year, averaged over a basin.
    Nothing of the panel is read but the identifiers of its sites.

    An encoder does not change: ``copy.deepcopy`` and scikit-learn's ``clone`` give the
    object itself.

    Parameters
    ----------
    table : DataFrame, str or Path
        One row per site, or per site and year; or a CSV or parquet file of such.
    site : str, default=None
        Column of the site identifiers, which are strings. None takes a column "site", or
        else the index of a DataFrame.
    columns : str or list of str, default=None
        Columns of the embeddings: their names, or a pattern such as ``"emb_*"`` or
        ``"A[0-9][0-9]"``. None takes those of `entry`, or all columns of numbers.
    year : str, default=None
        Column of years; the mean over a site's years is taken. None takes a column "year"
        if there is one.
    years : tuple of two int, default=None
        First and last year of those averaged; None takes all.
    normalise : bool, default=False
        Whether each vector is brought to length 1 (after averaging, which shortens).
    missing : {"error", "mean"}, default="error"
        What a site gets that is not in the table, or has NaN there: an error, or the mean
        vector of the table with a warning.
    entry : str or WeightsEntry, default=None
        Published embeddings that these are, by name ("alphaearth") or described: it
        tells columns, limits, licence and citation.
    sites, places : sequence, default=() and None
        Identifiers and places of sites whose target the maker of the embeddings was
        trained with, as for `StefaLandEncoder`: predicting them is no test. Embeddings of
        images have seen none.
    about : dict, default=None
        Remarks, such as "licence", "citation" and "source", besides those of `entry`.

    Attributes
    ----------
    embeddings : DataFrame of float32 of shape (n_sites, d_model)
        The vectors by site, NaN where the table has NaN.
    years : list of int
        The years averaged; empty where the table tells none.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        If the table does not have the form that the arguments tell.

    See Also
    --------
    StefaLandEncoder : Features computed from forcing and attributes.
    get_weights_entry : What is known of published embeddings.

    Notes
    -----
    Embeddings of the years after a flow record know the land as it became. Skill with
    them is that of filling in, not of forecasting.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.datasets import make_catchments
    >>> from stefaland_sk.encoders import SiteEmbeddingEncoder
    >>> X, y = make_catchments(n_sites=3, n_years=1, n_regions=1, random_state=0)
    >>> table = pd.DataFrame(
    ...     {
    ...         "gauge": [*X.site_ids, *X.site_ids],
    ...         "year": [2017] * 3 + [2018] * 3,
    ...         "emb_0": [0.0, 1.0, 2.0, 2.0, 3.0, 4.0],
    ...         "emb_1": 1.0,
    ...     }
    ... )
    >>> encoder = SiteEmbeddingEncoder(table, site="gauge", columns="emb_*")
    >>> encoder
    SiteEmbeddingEncoder(d_model=2, 3 sites, mean of 2017 to 2018)
    >>> days, site = encoder.encode(X)
    >>> site.tolist()
    [[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]]
    """

    def __init__(
        self,
        table,
        *,
        site=None,
        columns=None,
        year=None,
        years=None,
        normalise=False,
        missing="error",
        entry=None,
        sites=(),
        places=None,
        about=None,
    ):
        check_option("missing", missing, ["error", "mean"])
        entry = as_entry(entry)
        if columns is None and entry is not None:
            columns = list(entry.bands)
        vectors, self.years = read_site_table(
            table, site=site, columns=columns, year=year, years=years
        )
        if entry is not None and entry.limits is not None:
            _check_limits(vectors, entry)
        if normalise:
            lengths = np.sqrt((vectors**2).sum(axis=1, skipna=False))
            vectors = vectors.div(lengths.where(lengths != 0, 1.0), axis=0)
        self.normalise = bool(normalise)
        self.missing = missing
        self.sites = list(map(str, sites))
        self.places = round_places(places, len(self.sites))
        self.about = {**(entry.remarks() if entry else {}), **(about or {})}
        self._hold(vectors.index, [str(name) for name in vectors], vectors.to_numpy())

    def _hold(self, site_ids, columns, values):
        """Keep the vectors, and the one that stands in for those that are not there."""
        self._site_ids, self._columns = site_ids, columns
        self._values = np.array(values, dtype=np.float32)
        whole = np.isfinite(self._values).all(axis=1)
        if not whole.any():
            raise ValueError("The table has no site whose embedding is whole: each has NaN.")
        self._values[~whole] = np.nan
        mean = self._values[whole].mean(axis=0, dtype=np.float64)
        if self.normalise:
            mean /= np.linalg.norm(mean) or 1.0
        self._mean = mean.astype(np.float32)
        stand_in = self._mean if self.missing == "mean" else np.zeros(0, dtype=np.float32)
        self._digest = make_key(_KIND, *site_ids, self._values, stand_in)
        self._values.flags.writeable = self._mean.flags.writeable = False

    # ------------------------------------------------------------------ what it is
    @property
    def d_model(self):
        """Number of features per site."""
        return self._values.shape[1]

    @property
    def digest(self):
        """Digest of the sites and of their vectors."""
        return self._digest

    @property
    def embeddings(self):
        """The vectors by site, NaN where the table has NaN."""
        return pd.DataFrame(self._values, index=self._site_ids, columns=self._columns, copy=True)

    def __repr__(self):
        years = f", {self._years_in_words()}" if self.years else ""
        n = len(self._site_ids)
        return f"{_KIND}(d_model={self.d_model}, {n} site{'s' * (n != 1)}{years})"

    def _years_in_words(self):
        """Tell the years averaged."""
        if len(self.years) == 1:
            return f"of {self.years[0]}"
        return f"mean of {self.years[0]} to {self.years[-1]}"

    def facts(self):
        """List what `describe` tells of the table.

        Returns
        -------
        list of tuple of two str
            Pairs of a label and a text.
        """
        first, last = self._columns[0], self._columns[-1]
        names = first if self.d_model == 1 else f"{first} to {last}"
        length = ", brought to length 1" if self.normalise else ""
        n_whole = int(np.isfinite(self._values[:, 0]).sum())
        return [
            ("features", f"{self.d_model} per site ({names}){length}"),
            ("has sites", f"{n_whole} with an embedding, {len(self._values) - n_whole} without"),
        ]

    # ------------------------------------------------------------------ features
    def check_coverage(self, panel, min_coverage):
        """Raise unless enough sites of a panel are in the table; warn of the others.

        Parameters
        ----------
        panel : Panel
            Any sites.
        min_coverage : float
            Share of the sites that must be there; with ``missing="error"`` all must.

        Raises
        ------
        CheckpointError
            If too few are there; the message names some that are not.

        Warns
        -----
        DataWarning
            If the mean vector stands in for some.
        """
        check_number("min_coverage", min_coverage, low=0, high=1)
        rows, whole = self._look_up(panel)
        if self.missing == "mean" and whole.mean() < min_coverage:
            raise CheckpointError(
                f"{self._lacking(panel, rows, whole)} `min_coverage`={min_coverage} asks for more "
                "sites."
            )
        self._report(panel, rows, whole)

    def encode(
        self,
        panel,
        *,
        device="cpu",
        days=True,
        dtype=np.float32,
        precision="float32",
        cache=None,
    ):
        """Look up the vector of each site.

        Parameters
        ----------
        panel : Panel
            Any sites. What a site gets does not depend on the others.
        device, days, dtype, precision, cache
            For the contract of encoders: nothing is computed, and there are no days.

        Returns
        -------
        days : None
            A table has features of sites only.
        site : ndarray of float32 of shape (n_sites, d_model)
            The vectors.

        Raises
        ------
        CheckpointError
            If a site is not in the table, or has NaN there, and ``missing="error"``.

        Warns
        -----
        DataWarning
            If the mean vector stands in for some.
        """
        rows, whole = self._look_up(panel)
        self._report(panel, rows, whole)
        return None, np.where(whole[:, None], self._values[rows], self._mean)

    def _look_up(self, panel):
        """Give the row of each site (-1: none), and whether there is a whole vector."""
        rows = self._site_ids.get_indexer(panel.site_ids)
        return rows, (rows >= 0) & np.isfinite(self._values[rows, 0])

    def _report(self, panel, rows, whole):
        """Raise or warn if a site has no vector."""
        if whole.all():
            return
        text = self._lacking(panel, rows, whole)
        if self.missing == "error":
            raise CheckpointError(
                f'{text} Add them, or let the mean vector stand in with missing="mean".'
            )
        warnings.warn(f"{text} The mean vector stands in.", DataWarning, stacklevel=3)

    def _lacking(self, panel, rows, whole):
        """Tell which sites have no vector."""
        absent = list(panel.site_ids[rows < 0])
        broken = list(panel.site_ids[(rows >= 0) & ~whole])
        parts = []
        if absent:
            parts.append(
                f"lacks {len(absent)} of the {panel.n_sites} sites of X, for example {absent[:3]} "
                f"(it has such as {self._site_ids[0]!r}; identifiers are compared as they are: "
                "'01013500' and '1013500' differ)"
            )
        if broken:
            parts.append(f"has NaN for {len(broken)} of them, for example {broken[:3]}")
        return f"The table of embeddings {' and '.join(parts)}."

    # ------------------------------------------------------------------ files
    def save(self, path):
        """Write the encoder as safetensors with a JSON header.

        Parameters
        ----------
        path : str or Path
            File to write.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        FileNotFoundError
            If the folder does not exist.
        """
        places = self.places
        if places is not None:  # JSON has no NaN
            places = [
                np.round(pair, 1).tolist() if np.isfinite(pair).all() else None for pair in places
            ]
        header = {
            "kind": _KIND,
            "site_ids": list(self._site_ids),
            "columns": self._columns,
            "years": self.years,
            "normalise": self.normalise,
            "missing": self.missing,
            "sites": self.sites,
            "places": places,
            "about": self.about,
        }
        return write_checkpoint(path, {"embeddings": torch.tensor(self._values)}, header)

    @classmethod
    def load(cls, path):
        """Read an encoder written by `save`.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        SiteEmbeddingEncoder
            The encoder.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        CheckpointError
            If the file is damaged, was changed or holds something else.
        """
        tensors, header = read_checkpoint(path, kind=_KIND)
        encoder = object.__new__(cls)
        try:
            for name in ("years", "normalise", "missing", "sites", "about"):
                setattr(encoder, name, header[name])
            places = header["places"]
            if places is not None:
                places = [(np.nan, np.nan) if pair is None else pair for pair in places]
                places = np.reshape(places, (-1, 2))
            encoder.places = round_places(places, len(encoder.sites))
            site_ids = as_site_ids(header["site_ids"], "the checkpoint")
            values = tensors["embeddings"].numpy()
            if values.shape != (len(site_ids), len(header["columns"])):
                raise ValueError(f"its table has the shape {values.shape}")
            encoder._hold(site_ids, header["columns"], values)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise CheckpointError(
                f"The checkpoint {str(path)!r} does not hold a whole table of embeddings: {reason}"
            ) from error
        return encoder


def _check_limits(vectors, entry):
    """Raise if a value lies where none can."""
    low, high = entry.limits
    outside = ((vectors < low) | (vectors > high)).any(axis=1)
    if outside.any():
        site = vectors.index[outside][0]
        worst = vectors.loc[site].abs().max()
        raise ValueError(
            f"Embeddings of {entry.name!r} lie from {low:g} to {high:g}, but {int(outside.sum())} "
            f"sites have others; the first is {site!r} with {worst:g}. The numbers of the files "
            "are not the embeddings themselves where they are kept as 8-bit integers: decode "
            "them first, and turn fill values into NaN."
        )
