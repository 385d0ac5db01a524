"""Standardisation of forcing and attributes, fitted on some sites and carried to others."""

from dataclasses import dataclass, field

import numpy as np

from stefaland_sk.data._panel import Panel
from stefaland_sk.data._units import normalise_unit, unit_change


@dataclass(frozen=True, eq=False)
class PanelScaler:
    """Mean and standard deviation of every variable of a panel.

    Forcing is pooled over sites and steps, attributes over sites; missing values are
    left out. A variable that does not vary is only centred. Values in another unit than
    the scaler's are converted; a variable without a unit is taken to be in the scaler's.

    Parameters
    ----------
    forcing_names, attribute_names : list of str
        Variables in the order of the arrays below.
    forcing_mean, forcing_std : ndarray of shape (n_forcings,)
        Statistics of the forcing, in the scaler's units.
    attribute_mean, attribute_std : ndarray of shape (n_attributes,)
        Statistics of the attributes, in the scaler's units.
    units : dict of str to str, default={}
        Unit of each variable that has one, in the library's spelling.
    categories : dict of str to list of float, default={}
        Classes of each categorical attribute, in increasing order. Such an attribute is not
        scaled: it becomes the position of its class in this list, and missing if its
        class is not there.

    See Also
    --------
    ScalerBuilder : Fits a scaler to several panels, or block by block.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> scaler = PanelScaler.fit(X)
    >>> bool(abs(scaler.scale_attributes(X).mean()) < 1e-6)
    True
    """

    forcing_names: list
    forcing_mean: np.ndarray
    forcing_std: np.ndarray
    attribute_names: list
    attribute_mean: np.ndarray
    attribute_std: np.ndarray
    units: dict = field(default_factory=dict)
    categories: dict = field(default_factory=dict)

    @classmethod
    def fit(cls, panel, categorical=()):
        """Compute the statistics of a panel, or of several together.

        Parameters
        ----------
        panel : Panel or list of Panel
            The sites (and the period) to learn from; a lazy panel is read block by block.
        categorical : sequence of str, default=()
            Attributes whose values are classes.

        Returns
        -------
        PanelScaler
            The fitted scaler.

        Raises
        ------
        ValueError
            As for `ScalerBuilder`.
        """
        builder = ScalerBuilder(categorical)
        for part in [panel] if isinstance(panel, Panel) else panel:
            builder.add(part)
        return builder.finish()

    def scale_forcing(self, panel):
        """Give the scaled forcing, in this scaler's order of variables.

        Parameters
        ----------
        panel : Panel
            Any sites. A variable that the panel lacks is missing everywhere.

        Returns
        -------
        ndarray of float32 of shape (n_sites, n_times, n_forcings)
            Scaled values, NaN where missing; a new array.

        Raises
        ------
        ValueError
            If a variable is in a unit from which there is no way to the scaler's.
        """
        names = panel.forcing_names
        means, stds = (values.astype(np.float32) for values in self.forcing_moments(panel))
        same = names == self.forcing_names
        shape = panel.n_sites, panel.n_times, len(self.forcing_names)
        scaled = np.empty(shape, "f4") if same else np.full(shape, np.nan, "f4")
        for positions, forcing in panel.walk_forcing():
            if same:  # one long row per site, which numpy computes fastest
                rows = forcing.reshape(len(forcing), -1)
                values = (rows - np.tile(means, panel.n_times)) / np.tile(stds, panel.n_times)
                scaled[positions] = values.reshape(forcing.shape)
                continue
            for i, name in enumerate(self.forcing_names):
                if name in names:
                    values = forcing[:, :, names.index(name)]
                    scaled[positions, :, i] = (values - means[i]) / stds[i]
        return scaled

    def forcing_moments(self, panel):
        """Give the statistics of the forcing in the units of a panel.

        Parameters
        ----------
        panel : Panel
            Any sites.

        Returns
        -------
        means, stds : ndarray of float64 of shape (n_forcings,)
            In this scaler's order of variables.

        Raises
        ------
        ValueError
            If a variable is in a unit from which there is no way to the scaler's.
        """
        return self._moments_in(panel, self.forcing_names, self.forcing_mean, self.forcing_std)

    def scale_attributes(self, panel):
        """Give the scaled attributes, in this scaler's order of variables.

        Parameters
        ----------
        panel : Panel
            Any sites. An attribute that the panel lacks is missing everywhere.

        Returns
        -------
        ndarray of float32 of shape (n_sites, n_attributes)
            Scaled values, or the codes of classes; NaN where missing.

        Raises
        ------
        ValueError
            If an attribute is in a unit from which there is no way to the scaler's.
        """
        names = self.attribute_names
        table = panel.attributes.reindex(columns=names).to_numpy(dtype=np.float64)
        means, stds = self.attribute_moments(panel)
        scaled = (table - means) / stds
        for name, classes in self.categories.items():
            column = names.index(name)
            scaled[:, column] = _codes(table[:, column], classes)
        return scaled.astype(np.float32)

    def attribute_moments(self, panel):
        """Give the statistics of the attributes in the units of a panel.

        Parameters
        ----------
        panel : Panel
            Any sites.

        Returns
        -------
        means, stds : ndarray of float64 of shape (n_attributes,)
            In this scaler's order of variables; 0 and 1 for a categorical attribute.

        Raises
        ------
        ValueError
            If an attribute is in a unit from which there is no way to the scaler's.
        """
        names = self.attribute_names
        return self._moments_in(panel, names, self.attribute_mean, self.attribute_std)

    def _moments_in(self, panel, names, means, stds):
        """Give means and standard deviations in the units of a panel."""
        means, stds, units = means.copy(), stds.copy(), panel.units
        for i, name in enumerate(names):
            if name not in self.categories:
                factor, offset = _change(name, units.get(name), self.units.get(name))
                # Scaling the moments instead of the values costs nothing and rounds once.
                means[i], stds[i] = (means[i] - offset) / factor, stds[i] / factor
        return means, stds

    def to_dict(self):
        """Give plain lists, dicts and numbers, fit for JSON.

        Returns
        -------
        dict
            One entry per field.
        """
        arrays = {
            name: value.tolist() for name, value in vars(self).items() if hasattr(value, "tolist")
        }
        return {
            "forcing_names": list(map(str, self.forcing_names)),
            "attribute_names": list(map(str, self.attribute_names)),
            **arrays,
            "units": dict(self.units),
            "categories": {name: list(classes) for name, classes in self.categories.items()},
        }

    @classmethod
    def from_dict(cls, values):
        """Make a scaler from what `to_dict` gave.

        Parameters
        ----------
        values : dict
            One entry per field; ``units`` and ``categories`` may be missing.

        Returns
        -------
        PanelScaler
            The scaler.
        """
        arrays = {
            name: np.asarray(value, dtype=np.float64)
            for name, value in values.items()
            if name.endswith(("_mean", "_std"))
        }
        return cls(**{**values, **arrays})


class ScalerBuilder:
    """Fit one scaler to several panels, or to one panel block by block.

    Variables are put together by name, in their order of first appearance. Values are
    converted to the unit in which a variable first came. The moments of each site are
    computed by themselves, in float64, and put together at the end, so that it does not
    matter how the sites were dealt into blocks.

    Parameters
    ----------
    categorical : sequence of str, default=()
        Attributes whose values are classes.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> builder = ScalerBuilder()
    >>> for block in X.blocks(n_sites=3):
    ...     builder.add(block)
    >>> bool((builder.finish().forcing_std == PanelScaler.fit(X).forcing_std).all())
    True
    """

    def __init__(self, categorical=()):
        self.categorical = [str(name) for name in categorical]
        self._units = {}
        self._forcing = {}  # name -> list of arrays (n_sites, 3): count, mean, squares
        self._attributes = {}  # name -> list of arrays (n_sites,)

    def add(self, panel):
        """Learn from more sites.

        Parameters
        ----------
        panel : Panel
            Sites that were not added before; a lazy panel is read block by block.

        Raises
        ------
        ValueError
            If a variable is in a unit from which there is no way to the first, or is a
            forcing in one panel and an attribute in another.
        """
        ways = self._read_units(panel)
        found = np.zeros((panel.n_forcings, panel.n_sites, 3))
        for positions, forcing in panel.walk_forcing():
            for i in range(panel.n_forcings):
                found[i, positions] = _site_moments(forcing[:, :, i])
        for name, moments in zip(panel.forcing_names, found, strict=True):
            factor, offset = ways[name]
            moments = moments * [1, factor, factor**2] + [0, offset, 0]
            self._forcing.setdefault(name, []).append(moments)
        table = panel.attributes.to_numpy()
        for name, values in zip(panel.attribute_names, table.T, strict=True):
            factor, offset = ways[name]
            self._attributes.setdefault(name, []).append(factor * values + offset)

    def finish(self):
        """Give the scaler of all that was added.

        Returns
        -------
        PanelScaler
            The fitted scaler.

        Raises
        ------
        ValueError
            If a categorical variable is no attribute of any panel.
        """
        for name in self.categorical:
            if name not in self._attributes:
                raise ValueError(
                    f"`categorical` names {name!r}, which is no attribute; there are "
                    f"{list(self._attributes)}."
                )
        columns = {name: np.concatenate(parts) for name, parts in self._attributes.items()}
        forcing = [_merge(np.concatenate(parts)) for parts in self._forcing.values()]
        attributes = [
            (0.0, 1.0) if name in self.categorical else _moments(values)
            for name, values in columns.items()
        ]
        forcing_mean, forcing_std = np.array(forcing, dtype=np.float64).reshape(-1, 2).T
        attribute_mean, attribute_std = np.array(attributes, dtype=np.float64).reshape(-1, 2).T
        return PanelScaler(
            list(self._forcing),
            forcing_mean,
            forcing_std,
            list(columns),
            attribute_mean,
            attribute_std,
            dict(self._units),
            {name: _classes(columns[name]) for name in columns if name in self.categorical},
        )

    def _read_units(self, panel):
        """Compare the variables with those of before; give the way to their units by name."""
        ways, units = {}, panel.units
        roles = ((panel.forcing_names, self._attributes), (panel.attribute_names, self._forcing))
        for names, others in roles:
            for name in names:
                if name in others:
                    raise ValueError(
                        f"{name!r} is a forcing variable in one panel and an attribute in another. "
                        "Leave it out of one of them, or rename it."
                    )
                ways[name] = (1.0, 0.0)
                if name in self.categorical:
                    continue
                ways[name] = _change(name, units.get(name), self._units.get(name))
                if name in units:
                    self._units.setdefault(name, normalise_unit(units[name]))
        return ways


def _change(name, unit, wanted):
    """Give (factor, offset) to the wanted unit; none is needed where either is not known."""
    if unit is None or wanted is None:
        return 1.0, 0.0
    way = unit_change(unit, wanted)
    if way is None:
        raise ValueError(
            f"{name} is in {unit!r} here and in {wanted!r} where the scaler was fitted, and there "
            f"is no way known from one to the other. Convert it, or declare what it is with "
            f"`panel.assign(units={{{name!r}: {wanted!r}}})`."
        )
    return way


def _site_moments(plane):
    """Count, mean and sum of squared deviations of each site, of shape (n_sites, 3)."""
    values = np.ascontiguousarray(plane, dtype=np.float64)
    missing = np.isnan(values)
    some = missing.any()
    if some:
        values[missing] = 0.0
    n = values.shape[1] - missing.sum(axis=1)
    mean = values.sum(axis=1) / np.maximum(n, 1)
    values -= mean[:, None]
    if some:
        values[missing] = 0.0
    return np.column_stack([n, mean, np.square(values, out=values).sum(axis=1)])


def _merge(moments):
    """Mean and standard deviation over all sites; (0, 1) where there is nothing."""
    n, means, squares = moments.T
    total = n.sum()
    if total == 0:
        return 0.0, 1.0
    mean = (n * means).sum() / total
    return mean, _divisor(mean, np.sqrt((squares + n * (means - mean) ** 2).sum() / total))


def _moments(values):
    """Mean and standard deviation of the observed values; (0, 1) where there are none."""
    values = values[~np.isnan(values)]
    if values.size == 0:
        return 0.0, 1.0
    mean = values.mean()
    return mean, _divisor(mean, values.std())


def _divisor(mean, std):
    """Give the standard deviation, or 1 where there is none but for rounding."""
    # Rounding gives a constant column a tiny spread, which would blow up new values.
    return std if std > 1e-7 * max(abs(mean), 1e-30) else 1.0


def _classes(values):
    """List the classes among the values of an attribute."""
    return np.unique(values[~np.isnan(values)]).tolist()


def _codes(values, classes):
    """Give the position of each value among the classes; NaN for a value that is none of them."""
    classes = np.asarray(classes, dtype=np.float64)
    codes = np.searchsorted(classes, values)
    known = np.append(classes, np.nan)[codes] == values
    return np.where(known, codes, np.nan)
