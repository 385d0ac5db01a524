"""The held form of X: sites with their attributes and their forcing series."""

import math

import numpy as np
import pandas as pd

from stefaland_sk._core import check_number, check_option
from stefaland_sk.data._construction import (
    check_names,
    clean_attributes,
    clean_forcing,
    clean_groups,
    common_site_ids,
)
from stefaland_sk.data._ids import as_site_ids, zeros_lost
from stefaland_sk.data._lazy import LazyForcing, sites_per_block, split_sites
from stefaland_sk.data._times import steps_between

_ADVICE = (
    "A Panel holds one sample per site (attributes and forcing series) and is not a 2-D array. "
    "Give it to an estimator of stefaland_sk, take `panel.attributes` (a DataFrame) for a tabular "
    "transformer such as StandardScaler, wrap a tabular regressor as `RowRegressor(regressor)`, or "
    "convert with `panel.to_long()`. Permutation importance: "
    "`stefaland_sk.judging.panel_permutation_importance`."
)


class _Store:
    """The arrays behind a panel and all its subsets; never changed after construction."""

    __slots__ = ("attributes", "forcing", "forcing_names", "groups", "sites", "time", "units")

    def __init__(self, **fields):
        for name in self.__slots__:
            setattr(self, name, fields[name])

    def __getstate__(self):
        return {name: getattr(self, name) for name in self.__slots__}

    def __setstate__(self, state):
        for name, value in state.items():
            setattr(self, name, value)


class Panel:
    """Sites with static attributes and forcing series; one sample is one site.

    Attributes are kept once per site and forcing as one array ``(site, time,
    variable)``. Indexing along the sites gives a new panel that shares the
    arrays with its parent (an index, not a copy), which is what makes
    cross-validation over sites cheap. A panel cannot be changed, so a copy of it,
    even a deep one, is the panel itself.

    The forcing of a *lazy* panel (`from_netcdf`, `from_zarr`, `from_xarray`) stays in
    its file: subsets of sites, periods and variables stay lazy too, pickling carries the
    name of the file, and only `forcing`, `variable`, `load` and conversions read.

    Parameters
    ----------
    attributes : DataFrame of shape (n_sites, n_attributes), default=None
        Static properties, indexed by site identifier. NaN = missing.
    forcing : array-like of shape (n_sites, n_times, n_forcings), default=None
        Time-varying inputs, NaN = missing. Kept as float32; a memory-mapped
        float32 array stays on disk.
    time : DatetimeIndex of length n_times, default=None
        Start of each step; regular, increasing, without zone. Needed with `forcing`.
    sites : DataFrame with one row per site, default=None
        Site table (``region``, ``lat``, ``lon``, ...), indexed by site identifier.
        Splitters and displays read it; models do not.
    forcing_names : list of str, default=None
        One name per variable of `forcing`.
    units : dict of str to str, default=None
        Unit of each variable, such as ``{"prcp": "mm/d"}``.
    groups : dict of str to list of str, default=None
        Named groups of attributes that belong together (climate, soil, ...).

    Attributes
    ----------
    shape : tuple of int
        ``(n_sites, n_times, n_forcings)``.

    Raises
    ------
    ValueError
        If lengths or identifiers disagree, names or sites repeat, time is irregular,
        or a group names an unknown attribute.
    TypeError
        If site identifiers mix strings and numbers, or an attribute is not numeric.

    See Also
    --------
    stefaland_sk.datasets.make_catchments : A synthetic panel with its target.
    Panel.from_netcdf : A panel larger than memory.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from stefaland_sk import Panel
    >>> panel = Panel(
    ...     attributes=pd.DataFrame({"area": [10.0, 20.0]}, index=["01013500", "01022500"]),
    ...     forcing=np.ones((2, 3, 1)),
    ...     time=pd.date_range("2000-10-01", periods=3),
    ...     forcing_names=["prcp"],
    ...     units={"prcp": "mm/d", "area": "km2"},
    ... )
    >>> panel
    Panel(2 sites, 3 times from 2000-10-01 to 2000-10-03, 1 forcing, 1 attribute)
    >>> list(panel[[1]].site_ids)
    ['01022500']
    """

    __iter__ = None  # numpy would otherwise walk the sites and fail far from the cause

    def __init__(
        self,
        attributes=None,
        forcing=None,
        *,
        time=None,
        sites=None,
        forcing_names=None,
        units=None,
        groups=None,
    ):
        site_ids = common_site_ids(attributes, sites, forcing)
        attributes = clean_attributes(attributes, site_ids)
        forcing, time, forcing_names = clean_forcing(forcing, time, forcing_names, site_ids)
        check_names(forcing_names, list(attributes.columns))
        sites = pd.DataFrame(index=site_ids) if sites is None else sites.set_axis(site_ids, axis=0)
        self._store = _Store(
            attributes=attributes,
            forcing=forcing,
            forcing_names=forcing_names,
            groups=clean_groups(groups, list(attributes.columns)),
            sites=sites.rename(columns=str),
            time=time,
            units={str(name): str(unit) for name, unit in (units or {}).items()},
        )
        self._rows = None  # None: every site of the store, in its order
        self._times = slice(0, forcing.shape[1])
        self._packed = None  # a subset without the rest of its store, once it was pickled

    @classmethod
    def _from_store(cls, store, rows, times):
        """Make a view of `store` without any check or copy."""
        panel = cls.__new__(cls)
        panel._store, panel._rows, panel._times = store, rows, times
        panel._packed = None
        return panel

    # ------------------------------------------------------------------ what it holds
    @property
    def attributes(self):
        """DataFrame of shape (n_sites, n_attributes), indexed by site; a copy."""
        table = self._store.attributes
        return table.copy() if self._rows is None else table.take(self._rows)

    @property
    def forcing(self):
        """Array of shape (n_sites, n_times, n_forcings), float32.

        A view where the panel holds all sites of its store, a gathered copy otherwise. That of a
        lazy panel is read from its file, each time anew.
        """
        if self.is_lazy:
            return self._lazy_part().read()
        return self._view() if self._rows is None else self._view()[self._rows]

    @property
    def sites(self):
        """Site table, indexed by site; a copy."""
        table = self._store.sites
        return table.copy() if self._rows is None else table.take(self._rows)

    @property
    def site_ids(self):
        """Index of str: the site of each sample."""
        ids = self._store.sites.index
        return ids if self._rows is None else ids.take(self._rows)

    @property
    def time(self):
        """DatetimeIndex of length n_times, or None for a panel without a time axis."""
        return None if self._store.time is None else self._store.time[self._times]

    @property
    def forcing_names(self):
        """List of str: the forcing variables in the order of the last axis."""
        return list(self._store.forcing_names)

    @property
    def attribute_names(self):
        """List of str: the attributes in the order of the columns."""
        return list(self._store.attributes.columns)

    @property
    def units(self):
        """Dict of variable to unit."""
        return dict(self._store.units)

    @property
    def groups(self):
        """Dict of group name to list of attributes."""
        return {name: list(members) for name, members in self._store.groups.items()}

    @property
    def n_sites(self):
        """Number of samples."""
        return len(self._store.sites) if self._rows is None else len(self._rows)

    @property
    def n_times(self):
        """Number of time steps; 0 without a time axis."""
        return self._times.stop - self._times.start

    @property
    def n_forcings(self):
        """Number of time-varying variables."""
        return len(self._store.forcing_names)

    @property
    def n_attributes(self):
        """Number of static variables."""
        return self._store.attributes.shape[1]

    @property
    def shape(self):
        """Tuple (n_sites, n_times, n_forcings)."""
        return self.n_sites, self.n_times, self.n_forcings

    @property
    def ndim(self):
        """Number of axes: 3."""
        return 3

    @property
    def step(self):
        """Timedelta between two steps, or None with fewer than two."""
        time = self.time
        return None if time is None or len(time) < 2 else time[1] - time[0]

    @property
    def is_lazy(self):
        """Whether the forcing stays in its file until it is asked for."""
        return isinstance(self._store.forcing, LazyForcing)

    @property
    def nbytes(self):
        """Bytes of the arrays of the store, shared by all its subsets; lazy ones as if read."""
        return self._store.forcing.nbytes + int(self._store.attributes.memory_usage().sum())

    def __len__(self):
        return self.n_sites

    def __repr__(self):
        def count(n, word):
            return f"{n} {word}{'' if n == 1 else 's'}"

        parts = [count(self.n_sites, "site")]
        if self.n_times:
            first, last = (f"{t:%Y-%m-%d}" for t in self.time[[0, -1]])
            parts += [f"{count(self.n_times, 'time')} from {first} to {last}"]
        parts += [count(self.n_forcings, "forcing"), count(self.n_attributes, "attribute")]
        return f"Panel({', '.join(parts)})"

    def __array__(self, dtype=None, copy=None):
        raise TypeError(_ADVICE)

    # ------------------------------------------------------------------ parts of it
    def _view(self):
        """Give the forcing of all sites of a store in memory, which must not be written."""
        view = self._store.forcing[:, self._times].view()
        view.flags.writeable = False
        return view

    def _lazy_part(self, columns=None):
        """Give this panel's part of a lazy store, still to be read."""
        return self._store.forcing.view(self._rows, self._times, columns)

    def __getitem__(self, key):
        if isinstance(key, tuple):  # scikit-learn indexes as X[rows, ...]
            if len(key) != 2 or key[1] is not Ellipsis:
                raise IndexError(
                    f"A Panel is indexed along its sites only; got the key {key!r}. Use "
                    "`sel_time(start, stop)` for a period, `attributes[...]` for a variable."
                )
            key = key[0]
        here = self._positions_in_store()
        if isinstance(key, str):
            return self.select([key])
        if isinstance(key, slice):
            rows = here[key]
        else:
            rows = here[self._positions(key)]
        return self._from_store(self._store, rows, self._times)

    def _positions_in_store(self):
        """Give the row of the store of each site."""
        return np.arange(len(self._store.sites)) if self._rows is None else self._rows

    def _positions(self, key):
        """Turn an index array or a mask into an array of positions."""
        if isinstance(getattr(key, "dtype", None), pd.BooleanDtype):
            key = key.to_numpy(dtype=bool, na_value=False)
        key = np.asarray(key)
        if key.dtype.kind not in "biu" and key.size:
            if not isinstance(key.flat[0], str):
                raise IndexError(f"A Panel is indexed by whole numbers or a mask; got {key.dtype}.")
            raise TypeError(
                "A Panel is indexed by position or mask; for site identifiers use "
                f"`select([{str(key.flat[0])!r}, ...])`."
            )
        if key.ndim > 1:
            raise IndexError(f"The positions must have one axis; got an array of {key.shape}.")
        if key.dtype == bool and key.shape != (self.n_sites,):
            raise IndexError(
                f"The mask has shape {key.shape}, but the panel has {self.n_sites} sites."
            )
        return np.atleast_1d(key) if key.dtype == bool else np.atleast_1d(key).astype(np.intp)

    def select(self, site_ids):
        """Give the named sites, in the order asked for.

        Parameters
        ----------
        site_ids : sequence of str
            Identifiers of sites of this panel.

        Returns
        -------
        Panel
            A view of these sites.

        Raises
        ------
        ValueError
            If a site is not in the panel.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> X.select(X.site_ids[[2, 0]]).n_sites
        2
        """
        wanted = as_site_ids(site_ids, "site_ids")
        positions = self.site_ids.get_indexer(wanted)
        if (positions < 0).any():
            missing = list(wanted[positions < 0])
            raise ValueError(
                f"{len(missing)} of {len(wanted)} sites are not in the panel, for example "
                f"{missing[:3]}. Site identifiers are strings and compared as they are: "
                "'01013500' and '1013500' differ."
            )
        return self[positions]

    def sel_time(self, start=None, stop=None):
        """Give the steps from `start` to `stop`, both included.

        Parameters
        ----------
        start, stop : str or Timestamp, default=None
            First and last time; None means the end of the record.

        Returns
        -------
        Panel
            A view of this period.

        Raises
        ------
        ValueError
            If the panel has no time axis or no step lies in the period.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> X.sel_time("2000-10-01", "2000-10-31").n_times
        31
        """
        if self.time is None:
            raise ValueError("This panel has no time axis: there is no period to select.")
        inside = steps_between(self.time, start, stop)
        if inside.stop <= inside.start:
            raise ValueError(
                f"No step of the panel lies between {start} and {stop}; its record runs from "
                f"{self.time[0]:%Y-%m-%d} to {self.time[-1]:%Y-%m-%d}."
            )
        first = self._times.start
        times = slice(first + int(inside.start), first + int(inside.stop))
        return self._from_store(self._store, self._rows, times)

    def keep_variables(self, forcings=None, attributes=None):
        """Give a panel with some of the variables, in the order asked for.

        Parameters
        ----------
        forcings, attributes : list of str, default=None
            Names to keep; None keeps all.

        Returns
        -------
        Panel
            A new panel; the forcing is copied where variables are left out, but a lazy panel
            stays lazy.

        Raises
        ------
        ValueError
            If a name is unknown.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> X.keep_variables(forcings=["prcp"], attributes=[])
        Panel(4 sites, 365 times from 2000-10-01 to 2001-09-30, 1 forcing, 0 attributes)
        """
        for name in forcings or []:
            check_option("forcings", name, self.forcing_names)
        for name in attributes or []:
            check_option("attributes", name, self.attribute_names)
        table = self.attributes if attributes is None else self.attributes[list(attributes)]
        known = set(table.columns)
        kept = {g: [a for a in names if a in known] for g, names in self.groups.items()}
        return Panel(
            table,
            self._keep_forcing(forcings),
            time=self.time,
            sites=self.sites,
            forcing_names=self.forcing_names if forcings is None else list(forcings),
            units=self.units,
            groups={group: names for group, names in kept.items() if names},
        )

    def _keep_forcing(self, names=None):
        """Give the forcing, all of it or some variables, for a panel made from this one."""
        if self.time is None:
            return None
        columns = None if names is None else [self.forcing_names.index(name) for name in names]
        if self.is_lazy:
            return self._lazy_part(columns)
        return self.forcing if columns is None else self.forcing[:, :, columns]

    def rename_variables(self, names):
        """Give a panel some of whose variables have other names.

        Parameters
        ----------
        names : dict of str to str
            Name now -> new name, of forcing variables and attributes.

        Returns
        -------
        Panel
            A new panel with the same values, units and groups. Forcing is shared where this
            panel holds its whole store or is lazy.

        Raises
        ------
        ValueError
            If there is no variable of a name, or two would have the same.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> X.rename_variables({"prcp": "P"}).units["P"]
        'mm/d'
        """
        for name in names:
            check_option("names", name, self.forcing_names + self.attribute_names)
        return Panel(
            self.attributes.rename(columns=names),
            self._keep_forcing(),
            time=self.time,
            sites=self.sites,
            forcing_names=[names.get(name, name) for name in self.forcing_names],
            units={names.get(name, name): unit for name, unit in self.units.items()},
            groups={g: [names.get(n, n) for n in members] for g, members in self.groups.items()},
        )

    def assign(self, *, attributes=None, sites=None, groups=None, units=None):
        """Give a panel with other attributes or another site table, and the same forcing.

        Parameters
        ----------
        attributes : DataFrame, default=None
            New attributes, indexed by site. They are found by identifier, so that the order of
            the rows does not count, and rows of other sites are left out.
        sites : DataFrame, default=None
            New site table, likewise.
        groups : dict, default=None
            New attribute groups; None keeps those whose members still exist.
        units : dict, default=None
            Units to add or change.

        Returns
        -------
        Panel
            A new panel. Forcing is shared where this panel holds its whole store or is lazy.

        Raises
        ------
        ValueError
            If a table lacks a site of the panel.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> X.assign(attributes=X.attributes[["p_mean"]]).n_attributes
        1
        """
        attributes = self._rows_of(attributes, "attributes", self.attributes)
        sites = self._rows_of(sites, "sites", self.sites)
        if groups is None:
            known = set(map(str, attributes.columns))
            kept = {g: [a for a in names if a in known] for g, names in self.groups.items()}
            groups = {group: names for group, names in kept.items() if names}
        return Panel(
            attributes,
            self._keep_forcing(),
            time=self.time,
            sites=sites,
            forcing_names=self.forcing_names,
            units={**self.units, **(units or {})},
            groups=groups,
        )

    def _rows_of(self, table, name, default):
        """Bring a table to the order of the sites."""
        if table is None or not isinstance(table, pd.DataFrame):
            return default if table is None else table
        ids = as_site_ids(table.index, name)
        lost = self.site_ids.difference(ids)
        if len(lost):
            raise ValueError(
                f"`{name}` has no row for {len(lost)} of the {self.n_sites} sites of the panel, "
                f"for example {list(lost[:3])}; its own are like {list(ids[:3])}. Identifiers are "
                f"compared as text{zeros_lost(lost, ids)}."
            )
        return table.set_axis(ids, axis=0).loc[self.site_ids]

    def variable(self, name):
        """Give one variable by name.

        Parameters
        ----------
        name : str
            A forcing variable or an attribute.

        Returns
        -------
        ndarray of shape (n_sites, n_times) or (n_sites,)
            Its values.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> X.variable("prcp").shape
        (4, 365)
        """
        if name in self._store.forcing_names:
            column = self._store.forcing_names.index(name)
            if self.is_lazy:
                return self._lazy_part([column]).read()[:, :, 0]
            plane = self._view()[:, :, column]
            return plane if self._rows is None else plane[self._rows]
        check_option("name", name, self.forcing_names + self.attribute_names)
        return self.attributes[name].to_numpy()

    def label(self, values, name=None):
        """Put site and time labels on predictions.

        Parameters
        ----------
        values : array-like of shape (n_sites, n_times) or (n_sites,)
            Aligned with the panel, such as the result of ``predict``.
        name : str, default=None
            Name of the Series for one value per site.

        Returns
        -------
        DataFrame (sites by times) or Series (sites)
            The labelled values.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> X.label(X.variable("prcp")).shape
        (4, 365)
        """
        values = np.asarray(values)
        if values.ndim == 1:
            return pd.Series(values, index=self.site_ids, name=name)
        return pd.DataFrame(values, index=self.site_ids, columns=self.time)

    def present(self):
        """Tell which steps a site has: those with any forcing observed.

        Returns
        -------
        ndarray of bool of shape (n_sites, n_times)
            True where at least one forcing is not missing. All True without forcing.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> bool(X.present().all())
        True
        """
        if self.n_forcings == 0:
            return np.ones((self.n_sites, self.n_times), dtype=bool)
        found = np.zeros((self.n_sites, self.n_times), dtype=bool)
        for positions, forcing in self.walk_forcing():
            seen = ~np.isnan(forcing[:, :, 0])
            for variable in range(1, self.n_forcings):
                if seen.all():
                    break
                seen |= ~np.isnan(forcing[:, :, variable])
            found[positions] = seen
        return found

    # ------------------------------------------------------------------ block by block
    def blocks(self, n_sites=None):
        """Part the panel into panels of consecutive sites.

        Parameters
        ----------
        n_sites : int, default=None
            Most sites of a block; None chooses blocks of about 16 MiB of forcing, or of a
            chunk of a zarr store if that is larger, up to 256 MiB. The blocks of a lazy panel
            end where the chunks of its file end, unless a chunk is larger than a block may be;
            then the chunk is dealt into parts of nearly equal length.

        Yields
        ------
        Panel
            The next sites; nothing is read yet (see `load`).

        See Also
        --------
        walk_forcing : The forcing of all sites, in the order in which it is read fastest.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=5, n_years=1, n_regions=2, random_state=0)
        >>> [block.n_sites for block in X.blocks(n_sites=2)]
        [2, 2, 1]
        """
        for part in self._parts(self._positions_in_store(), n_sites):
            yield self[part]

    def walk_forcing(self, n_sites=None):
        """Go through the forcing a block of sites at a time, which bounds the memory.

        A lazy panel is read in the order of its file, whatever the order of the sites, so
        that each chunk is decoded once.

        Parameters
        ----------
        n_sites : int, default=None
            Most sites of a block; None chooses as `blocks` does.

        Yields
        ------
        positions : slice or ndarray of int
            Positions in this panel of the sites of the block.
        forcing : ndarray of float32 of shape (n_sites_of_block, n_times, n_forcings)
            Their forcing; a view that cannot be written, where the panel holds all sites
            of a store in memory.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=5, n_years=1, n_regions=2, random_state=0)
        >>> means = np.empty(5)
        >>> for positions, forcing in X.walk_forcing(n_sites=2):
        ...     means[positions] = forcing[:, :, 0].mean(axis=1)
        >>> bool(np.allclose(means, X.variable("prcp").mean(axis=1)))
        True
        """
        rows = self._positions_in_store()
        if self.is_lazy and self._rows is not None:
            order = np.argsort(rows, kind="stable")
            for part in self._parts(rows[order], n_sites):
                yield order[part], self[order[part]].forcing
            return
        whole = self.forcing if self._rows is None and not self.is_lazy else None
        for part in self._parts(rows, n_sites):
            yield part, self[part].forcing if whole is None else whole[part]

    def _parts(self, rows, n_sites):
        """Part these rows of the store into slices that are looked at together."""
        lazy = self._lazy_part() if self.is_lazy else None
        if n_sites is not None:
            check_number("n_sites", n_sites, low=1, integer=True)
        elif lazy is None:
            n_sites = sites_per_block(self.n_times, self.n_forcings)
        else:
            n_sites = lazy.block_size
        return split_sites(rows, n_sites, 1 if lazy is None else lazy.site_chunk)

    def load(self):
        """Give this panel with its forcing in memory.

        Returns
        -------
        Panel
            A panel of these sites, times and variables; the panel itself if it is not lazy.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> X.load() is X
        True
        """
        return self._alone(self.forcing) if self.is_lazy else self

    # ------------------------------------------------------------------ conversion
    @classmethod
    def from_arrays(cls, forcing, time, forcing_names, *, site_ids=None, **kwargs):
        """Make a panel from plain arrays.

        Parameters
        ----------
        forcing : array-like of shape (n_sites, n_times, n_forcings)
            Time-varying inputs.
        time : DatetimeIndex-like of length n_times
            Start of each step.
        forcing_names : list of str
            Names of the variables.
        site_ids : sequence of str, default=None
            Identifiers; None reads them from `attributes` or `sites`, or numbers the sites.
        **kwargs
            ``attributes``, ``sites``, ``units``, ``groups`` as for `Panel`.

        Returns
        -------
        Panel
            The panel.

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> time = pd.date_range("2000-10-01", periods=3)
        >>> Panel.from_arrays(np.ones((2, 3, 1)), time, ["prcp"], site_ids=["a", "b"])
        Panel(2 sites, 3 times from 2000-10-01 to 2000-10-03, 1 forcing, 0 attributes)
        """
        if site_ids is not None:
            index = as_site_ids(site_ids, "site_ids")
            if kwargs.get("sites") is None and kwargs.get("attributes") is None:
                kwargs["sites"] = pd.DataFrame(index=index)
            for part in ("attributes", "sites"):
                table = kwargs.get(part)
                if table is not None and not isinstance(table, pd.DataFrame):
                    kwargs[part] = pd.DataFrame(table, index=index)
        return cls(forcing=forcing, time=time, forcing_names=forcing_names, **kwargs)

    @classmethod
    def from_table(cls, table, *, units=None, groups=None, sites=None):
        """Make a panel without forcing from a plain table, one row per site.

        Parameters
        ----------
        table : DataFrame or array-like of shape (n_sites, n_attributes)
            Attributes. A DataFrame's index holds the site identifiers.
        units, groups, sites
            As for `Panel`.

        Returns
        -------
        Panel
            A panel with ``n_times == 0``.

        Examples
        --------
        >>> import pandas as pd
        >>> Panel.from_table(pd.DataFrame({"clay": [0.2, 0.4]}, index=["a", "b"]))
        Panel(2 sites, 0 forcings, 1 attribute)
        """
        if not isinstance(table, pd.DataFrame):
            table = np.asarray(table)
            if table.ndim != 2:
                raise ValueError(
                    f"A table of attributes has 2 axes; got an array of {table.shape}."
                )
            table = pd.DataFrame(table, columns=[f"x{i}" for i in range(table.shape[1])])
        return cls(table, units=units, groups=groups, sites=sites)

    @classmethod
    def from_long(cls, frame, **kwargs):
        """Make a panel from a long table with one row per site and time.

        Parameters
        ----------
        frame : DataFrame with index levels ``site`` and ``time``
            Rows in any order; further index levels go to the site table.
        **kwargs
            ``forcings`` and ``attributes`` (lists of columns; by default a column that
            is constant within every site is an attribute), ``units``, ``groups``.

        Returns
        -------
        Panel
            Sites in their order of appearance, on the union of all times. Rows that do
            not exist are NaN.

        Raises
        ------
        TypeError
            If the index levels are missing or site identifiers mix types.
        ValueError
            If a pair of site and time occurs twice, the time step is irregular, an
            attribute varies in time or a column is not numeric.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> Panel.from_long(X.to_long()).shape == X.shape
        True
        """
        from stefaland_sk.data._long import read_long

        return read_long(frame, **kwargs).panel

    @classmethod
    def from_xarray(cls, dataset, **kwargs):
        """Make a panel from an xarray Dataset with dimensions site and time.

        Parameters
        ----------
        dataset : xarray.Dataset
            Variables on (site, time) are forcing, variables on (site) attributes,
            coordinates on (site) the site table. ``attrs["units"]`` give the units and
            ``attrs["group"]`` the group of an attribute.
        **kwargs
            ``site_dim="site"``, ``time_dim="time"``: names of the dimensions.
            ``forcings=None``: names to take. ``attributes=None``: names to take, or a
            DataFrame or the path of a parquet or CSV file with the attributes of at least
            these sites, joined by identifier (its index, or the column that holds them);
            the dataset's own numbers on (site) then go to the site table.
            ``groups=None``: groups of attributes. ``lazy=None``: True leaves the forcing
            where it is, False reads it, None leaves it where dask holds it.

        Returns
        -------
        Panel
            The panel.

        Raises
        ------
        ValueError
            If a dimension, a variable, or a site of the table of attributes is missing.
        TypeError
            If the times are none of the usual calendar, or a variable is not numeric.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> Panel.from_xarray(X.to_xarray()).shape == X.shape
        True
        """
        from stefaland_sk.data._xarray import read_xarray

        return read_xarray(dataset, **kwargs)

    @classmethod
    def from_netcdf(cls, path, *, lazy=True, **kwargs):
        """Make a panel from a netCDF file, whose forcing may be larger than memory.

        Packed values (scaled integers) are decoded as they are read. Reading some sites
        is fast where the file keeps few sites in a chunk, as `to_netcdf` and `to_zarr`
        do.

        Parameters
        ----------
        path : str or PathLike
            The file.
        lazy : bool, default=True
            Whether to leave the forcing in the file.
        **kwargs
            As for `from_xarray`: ``site_dim``, ``time_dim``, ``forcings``,
            ``attributes`` (names, or a table of attributes), ``groups``.

        Returns
        -------
        Panel
            The panel. A lazy one opens the file again where it is unpickled, so the file must
            stay where it is.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        OSError
            If the file is not netCDF, is damaged or was cut short.
        ValueError, TypeError
            As for `from_xarray`.
        ImportError
            If netCDF4 is not installed (extra ``data``).

        Examples
        --------
        >>> import tempfile
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     X.to_netcdf(f"{folder}/panel.nc")
        ...     lazy = Panel.from_netcdf(f"{folder}/panel.nc")
        ...     print(lazy.is_lazy, lazy[[2, 0]].forcing.shape)
        True (2, 365, 6)
        """
        from stefaland_sk.data._storage import open_netcdf
        from stefaland_sk.data._xarray import read_xarray

        dataset, place = open_netcdf(path)
        return read_xarray(dataset, lazy=lazy, path=place, **kwargs)

    @classmethod
    def from_zarr(cls, path, *, lazy=True, **kwargs):
        """Make a panel from a zarr store, whose forcing may be larger than memory.

        Parameters
        ----------
        path : str or PathLike
            The store, a folder.
        lazy : bool, default=True
            Whether to leave the forcing in the store.
        **kwargs
            As for `from_xarray`.

        Returns
        -------
        Panel
            The panel. A chunk that the store lacks is missing values, as zarr has it.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        OSError
            If the folder is no zarr store or is damaged.
        ValueError, TypeError
            As for `from_xarray`.
        ImportError
            If zarr is not installed (extra ``zarr``).

        Examples
        --------
        >>> import tempfile
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     X.to_zarr(f"{folder}/panel.zarr")
        ...     lazy = Panel.from_zarr(f"{folder}/panel.zarr", forcings=["prcp"])
        ...     print(lazy.is_lazy, lazy.load().is_lazy)
        True False
        """
        from stefaland_sk.data._storage import open_zarr
        from stefaland_sk.data._xarray import read_xarray

        dataset, place = open_zarr(path)
        return read_xarray(dataset, lazy=lazy, path=place, **kwargs)

    def to_long(self, target=None):
        """Give a long table with one row per site and time.

        Parameters
        ----------
        target : DataFrame or array-like of shape (n_sites, n_times), default=None
            Also give this target as a Series aligned with the rows.

        Returns
        -------
        DataFrame, or DataFrame and Series
            Index levels ``site``, ``time`` and, where the site table has one, ``region``;
            columns are the forcing variables, then the attributes. Steps at which a
            site has no forcing at all are left out.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> X.to_long().index.names
        FrozenList(['site', 'time', 'region'])
        """
        from stefaland_sk.data._long import write_long

        return write_long(self, target)

    def to_xarray(self, target=None):
        """Give an xarray Dataset with units and groups in the variables' ``attrs``.

        Parameters
        ----------
        target : DataFrame or array-like of shape (n_sites, n_times), default=None
            Also give this target, under the name that it says (``attrs["name"]``, as from readers),
            else as ``"target"``.

        Returns
        -------
        xarray.Dataset
            Forcing on (site, time), attributes on (site), the site table as coordinates.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> X.to_xarray()["prcp"].attrs["units"]
        'mm/d'
        """
        from stefaland_sk.data._xarray import write_xarray

        return write_xarray(self, target)

    def to_netcdf(self, path, target=None):
        """Write the panel to a netCDF file, block by block.

        Parameters
        ----------
        path : str or PathLike
            A file that does not exist yet. It is complete once it has this name.
        target : DataFrame or array-like of shape (n_sites, n_times), default=None
            Also write this target, as `to_xarray` does. `load_panel` of `stefaland_sk.datasets`
            and the command line read both.

        Raises
        ------
        FileExistsError
            If there is such a file.
        FileNotFoundError
            If there is no folder for it.
        ImportError
            If netCDF4 is not installed (extra ``data``).

        See Also
        --------
        from_netcdf : Reads it, lazily or not.

        Examples
        --------
        >>> import tempfile
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     X.to_netcdf(f"{folder}/panel.nc")
        ...     print(Panel.from_netcdf(f"{folder}/panel.nc").forcing_names == X.forcing_names)
        True
        """
        from stefaland_sk.data._storage import write_netcdf

        write_netcdf(self, path, target)

    def to_zarr(self, path):
        """Write the panel to a zarr store, block by block.

        The chunks hold whole records of as many sites as make about 16 MiB of forcing, so
        that some sites are read without the others.

        Parameters
        ----------
        path : str or PathLike
            A folder that does not exist yet. It is complete once it has this name.

        Raises
        ------
        FileExistsError
            If there is such a folder.
        FileNotFoundError
            If there is no folder for it.
        ImportError
            If zarr or dask is not installed (extra ``zarr``).

        See Also
        --------
        from_zarr : Reads it, lazily or not.

        Examples
        --------
        >>> import tempfile
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     X.to_zarr(f"{folder}/panel.zarr")
        ...     print(Panel.from_zarr(f"{folder}/panel.zarr").site_ids.equals(X.site_ids))
        True
        """
        from stefaland_sk.data._storage import write_zarr

        write_zarr(self, path)

    def check(self, target=None):
        """Look for what usually goes wrong with data, and report it in words.

        Parameters
        ----------
        target : DataFrame or array-like of shape (n_sites, n_times), default=None
            Target to check with the inputs. Without a time axis, a Series with one value per
            site, or a DataFrame with several.

        Returns
        -------
        PanelReport
            Prints as text; ``frame()`` gives one row per finding; ``ok`` tells whether
            anything serious was found.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
        >>> X.check(y).ok
        True
        """
        from stefaland_sk.data._report import check_panel

        return check_panel(self, target)

    def _alone(self, forcing):
        """Give a panel of its own of these sites and times, with this forcing, unchecked."""
        store = self._store
        fields = {"attributes": self.attributes, "sites": self.sites, "time": self.time}
        same = {name: getattr(store, name) for name in ("forcing_names", "groups", "units")}
        store = _Store(forcing=forcing, **fields, **same)
        return self._from_store(store, None, slice(0, forcing.shape[1]))

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        # A subset travels alone: pickling a fold must not carry the other sites along. It is
        # gathered once, since joblib writes an array that it knows once for all its workers.
        panel = self
        if self._rows is not None or self.n_times != self._store.forcing.shape[1]:
            if self._packed is None:
                part = self._lazy_part() if self.is_lazy else np.ascontiguousarray(self.forcing)
                self._packed = self._alone(part)
            panel = self._packed
        return Panel._from_store, (panel._store, None, panel._times)

    def __sizeof__(self):
        # What a pickle carries. Dask asks: what is large travels once and not with every task.
        forcing = 0 if self.is_lazy else 4 * math.prod(self.shape)
        return object.__sizeof__(self) + forcing + 8 * self.n_sites * self.n_attributes
