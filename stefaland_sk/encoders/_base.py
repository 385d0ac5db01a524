"""The contract of all encoders: a panel in, features per site (and day) out."""

from abc import ABC, abstractmethod

import numpy as np

from stefaland_sk.encoders._describe import in_words, tell_seen
from stefaland_sk.encoders._places import find_seen


class Encoder(ABC):
    """What an encoder is: anything frozen that turns the sites of a panel into features.

    An own encoder is a subclass that defines `d_model`, `digest`, `encode`,
    `check_coverage` and ``__repr__``, and can be pickled. It does not change once it is
    made: ``copy.deepcopy`` and scikit-learn's ``clone`` give the object itself.
    `check_encoder` checks all of this.

    Attributes
    ----------
    needs_forcing, needs_attributes : bool
        Whether it reads the panel's forcing, and its attributes.
    sites : sequence of str
        Identifiers of the sites seen in its training; empty where that is not known.
    places : ndarray of shape (n, 2), or None
        Rounded latitude and longitude of these sites [deg].
    about : dict
        Remarks such as "licence" and "citation".

    See Also
    --------
    check_encoder : Checks that an encoder keeps this contract.
    StefaLandEncoder, SiteEmbeddingEncoder : Two of them.

    Examples
    --------
    >>> import numpy as np
    >>> from stefaland_sk.datasets import make_catchments
    >>> from stefaland_sk.encoders import Encoder
    >>> class MeanWeather(Encoder):
    ...     needs_forcing = True
    ...     d_model = 6
    ...     digest = "mean weather, version 1"
    ...
    ...     def encode(self, panel, *, days=True, dtype=np.float32, **options):
    ...         return None, panel.forcing.mean(axis=1)
    ...
    ...     def check_coverage(self, panel, min_coverage):
    ...         if panel.n_forcings != self.d_model:
    ...             raise ValueError(f"X has {panel.n_forcings} forcing variables, not 6.")
    ...
    ...     def __repr__(self):
    ...         return "MeanWeather()"
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> days, site = MeanWeather().encode(X)
    >>> site.shape
    (4, 6)
    """

    needs_forcing = False
    needs_attributes = False
    sites = ()
    places = None
    about = {}  # noqa: RUF012 -- replaced, never changed

    # ------------------------------------------------------------------ to be defined
    @property
    @abstractmethod
    def d_model(self):
        """Number of features."""

    @property
    @abstractmethod
    def digest(self):
        """Text that differs between encoders that give different features."""

    @abstractmethod
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
        """Compute the features of every day, where there are such, and of every site.

        Parameters
        ----------
        panel : Panel
            Any sites. What a site gets depends neither on the others nor on their order.
        device : str, default="cpu"
            Where to compute.
        days : bool, default=True
            Whether the features of the days are wanted.
        dtype : numpy dtype, default=np.float32
            Of the features of the days.
        precision : {"float32", "bf16"}, default="float32"
            Of the matrix products.
        cache : FeatureCache, str or Path, default=None
            Where features are looked up and kept, if computing them takes long.

        Returns
        -------
        days : ndarray of shape (n_sites, n_times, d_model), or None
            None where the encoder has features of sites only, or the panel has no times. NaN
            on days without features.
        site : ndarray of float32 of shape (n_sites, d_model)
            Features of the sites. Both arrays belong to the caller, who may change them.
        """

    @abstractmethod
    def check_coverage(self, panel, min_coverage):
        """Raise unless enough is there of what the encoder reads; warn of the rest.

        Parameters
        ----------
        panel : Panel
            Any sites.
        min_coverage : float
            Share of what the encoder reads that must be there.

        Raises
        ------
        CheckpointError or ValueError
            If too little is there; the message names the sites or variables.

        Warns
        -----
        DataWarning
            If some of it is not there, and something else stands in.
        """

    def facts(self):
        """List what `describe` tells besides the sites seen and the remarks.

        Returns
        -------
        list of tuple of two str
            Pairs of a label and a text.
        """
        return []

    # ------------------------------------------------------------------ the same for all
    def seen(self, panel):
        """Tell which sites of a panel the encoder has seen in its training.

        Parameters
        ----------
        panel : Panel
            Any sites. Places are compared where its site table, or else its attributes, have
            ``lat`` and ``lon``.

        Returns
        -------
        DataFrame
            One row per site: ``by_id``, whether its identifier was seen; ``by_place``, whether
            a site of another identifier was seen in the same cell of 0.1 degrees, which is
            probably the same place under another name; ``same_place_as``, that site.

        Examples
        --------
        >>> from stefaland_sk import StefaLandTransformer
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> encoder = StefaLandTransformer(d_model=8, max_epochs=1).fit(X[:3]).encoder_
        >>> encoder.seen(X)["by_id"].tolist()
        [True, True, True, False]
        """
        return find_seen(self.sites, self.places, panel)

    def describe(self):
        """Tell in words what the encoder is, reads and has seen.

        Returns
        -------
        str
            A few lines: sizes, variables with units, sites, period, licence and remarks.

        Examples
        --------
        >>> from stefaland_sk import StefaLandTransformer
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> table = X.attributes[["elev_mean", "p_mean"]]
        >>> encoder = StefaLandTransformer(d_model=8, max_epochs=1).fit(table).encoder_
        >>> print(encoder.describe())
        StefaLandEncoder(d_model=8, 0 forcing variables, 2 attributes, 4 sites seen)
          network     8 features, 2 layers, ... weights, attributes only
          attributes  elev_mean, p_mean
          has seen    4 sites
        """
        remarks = [(str(label), str(text)) for label, text in self.about.items()]
        return in_words(repr(self), [*self.facts(), ("has seen", tell_seen(self)), *remarks])

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self
