"""Standardisation of forcing and attributes, fitted on some sites and carried to others."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class PanelScaler:
    """Mean and standard deviation of every variable of a panel.

    Forcing is pooled over sites and steps, attributes over sites; missing values are
    left out. A variable that does not vary is only centred.

    Parameters
    ----------
    forcing_names, attribute_names : list of str
        Variables in the order of the arrays below.
    forcing_mean, forcing_std : ndarray of shape (n_forcings,)
        Statistics of the forcing, in its own units.
    attribute_mean, attribute_std : ndarray of shape (n_attributes,)
        Statistics of the attributes, in their own units.

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

    @classmethod
    def fit(cls, panel):
        """Compute the statistics of a panel.

        Parameters
        ----------
        panel : Panel
            The sites (and the period) to learn from.

        Returns
        -------
        PanelScaler
            The fitted scaler.
        """
        forcing = panel.forcing
        # One variable at a time: the float64 copy of one plane, not of the whole array.
        planes = [_moments(forcing[:, :, i]) for i in range(panel.n_forcings)]
        columns = [_moments(values) for values in panel.attributes.to_numpy().T]
        forcing_mean, forcing_std = np.array(planes, dtype=np.float64).reshape(-1, 2).T
        attribute_mean, attribute_std = np.array(columns, dtype=np.float64).reshape(-1, 2).T
        return cls(
            panel.forcing_names,
            forcing_mean,
            forcing_std,
            panel.attribute_names,
            attribute_mean,
            attribute_std,
        )

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
        """
        scaled = np.full((panel.n_sites, panel.n_times, len(self.forcing_names)), np.nan, "f4")
        names, forcing = panel.forcing_names, panel.forcing
        for i, name in enumerate(self.forcing_names):
            if name in names:
                mean, std = np.float32(self.forcing_mean[i]), np.float32(self.forcing_std[i])
                scaled[:, :, i] = (forcing[:, :, names.index(name)] - mean) / std
        return scaled

    def scale_attributes(self, panel):
        """Give the scaled attributes, in this scaler's order of variables.

        Parameters
        ----------
        panel : Panel
            Any sites. An attribute that the panel lacks is missing everywhere.

        Returns
        -------
        ndarray of float32 of shape (n_sites, n_attributes)
            Scaled values, NaN where missing.
        """
        table = panel.attributes.reindex(columns=self.attribute_names).to_numpy(dtype=np.float64)
        return ((table - self.attribute_mean) / self.attribute_std).astype(np.float32)

    def to_dict(self):
        """Give plain lists and numbers, fit for JSON.

        Returns
        -------
        dict
            One entry per field.
        """
        return {
            name: list(map(str, value)) if name.endswith("names") else value.tolist()
            for name, value in vars(self).items()
        }

    @classmethod
    def from_dict(cls, values):
        """Make a scaler from what `to_dict` gave.

        Parameters
        ----------
        values : dict
            One entry per field.

        Returns
        -------
        PanelScaler
            The scaler.
        """
        return cls(
            **{
                name: value if name.endswith("names") else np.asarray(value, dtype=np.float64)
                for name, value in values.items()
            }
        )


def _moments(values):
    """Mean and standard deviation of the observed values; (0, 1) where there are none."""
    values = values[~np.isnan(values)].astype(np.float64)
    if values.size == 0:
        return 0.0, 1.0
    mean, std = values.mean(), values.std()
    # Rounding gives a constant column a tiny spread, which would blow up new values.
    return mean, std if std > 1e-7 * max(abs(mean), 1e-30) else 1.0
