"""A pretrained StefaLand as an object: network, variables, scaler, and what it has seen."""

import warnings

import numpy as np
import pandas as pd
import torch

from stefaland_sk._core import CheckpointError, DataWarning
from stefaland_sk.data import PanelScaler, find_segments
from stefaland_sk.encoders._checkpoint import read_checkpoint, write_checkpoint
from stefaland_sk.modules import BackboneConfig, MaskedAutoencoder

_WINDOWS_AT_ONCE = 64


class StefaLandEncoder:
    """Turn panels into features with a pretrained masked autoencoder.

    Variables are found by name. One that a panel lacks is missing: the network's mask
    tokens stand in for it, as in pretraining. Inputs are scaled with the scaler of the
    pretraining. The network is frozen: evaluation mode, no gradient.

    Parameters
    ----------
    module : MaskedAutoencoder
        The trained network.
    scaler : PanelScaler
        Names and scales of its variables.
    window : int
        Steps of a pretraining window; 0 for attributes only.
    units : dict of str to str, default=None
        Units of the variables.
    groups : dict of str to list of str, default=None
        Groups of attributes hidden together in pretraining.
    sites : list of str, default=()
        Identifiers of the sites seen in pretraining.
    period : list of two str, default=None
        First and last day seen.
    about : dict, default=None
        Licence, citation and other remarks for the checkpoint's header.

    Examples
    --------
    >>> from stefaland_sk import StefaLandTransformer
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> encoder = StefaLandTransformer(d_model=8, max_epochs=1, random_state=0).fit(X).encoder_
    >>> days, site = encoder.encode(X)
    >>> days.shape, site.shape
    ((4, 365, 8), (4, 8))
    """

    def __init__(
        self, module, scaler, window, *, units=None, groups=None, sites=(), period=None, about=None
    ):
        self.module = module.eval().requires_grad_(False)
        self.scaler = scaler
        self.window = window
        self.units = dict(units or {})
        self.groups = dict(groups or {})
        self.sites = list(sites)
        self.period = period
        self.about = dict(about or {})

    @property
    def d_model(self):
        """Number of features per day and per site."""
        return self.module.config.d_model

    def coverage(self, panel):
        """Tell which of the encoder's variables a panel has.

        Parameters
        ----------
        panel : Panel
            Any sites.

        Returns
        -------
        DataFrame
            One row per variable of the encoder: role, found, unit here and there.
        """
        rows = []
        for role, names, there in (
            ("forcing", self.scaler.forcing_names, panel.forcing_names),
            ("attribute", self.scaler.attribute_names, panel.attribute_names),
        ):
            rows += [
                (name, role, name in there, self.units.get(name), panel.units.get(name))
                for name in names
            ]
        columns = ["variable", "role", "found", "unit_encoder", "unit_panel"]
        return pd.DataFrame(rows, columns=columns)

    def check_coverage(self, panel, min_coverage):
        """Raise unless a panel has enough of the encoder's variables, in its units.

        Parameters
        ----------
        panel : Panel
            Any sites.
        min_coverage : float
            Share of the encoder's forcing, and of its attributes, that must be there.

        Raises
        ------
        CheckpointError
            If too few variables are found, or a unit differs.
        """
        table = self.coverage(panel)
        for role, part in table.groupby("role", sort=False):
            if part["found"].mean() < min_coverage:
                missing = list(part.loc[~part["found"], "variable"])
                raise CheckpointError(
                    f"X has {int(part['found'].sum())} of the {len(part)} {role} variables of the "
                    f"encoder; `min_coverage`={min_coverage} asks for more. Missing, for example: "
                    f"{missing[:5]}. Rename X's variables to the encoder's names, or lower "
                    "`min_coverage` (mask tokens stand in for what is missing)."
                )
        both = table["unit_encoder"].notna() & table["unit_panel"].notna() & table["found"]
        odd = table[both & (table["unit_encoder"] != table["unit_panel"])]
        if len(odd):
            first = odd.iloc[0]
            raise CheckpointError(
                f"The encoder was trained with {first['variable']!r} in {first['unit_encoder']}, "
                f"but X has it in {first['unit_panel']}. Convert it, and set the panel's unit."
            )
        if not table["found"].all():
            n_missing = int((~table["found"]).sum())
            warnings.warn(
                f"X lacks {n_missing} of the {len(table)} variables of the encoder, for example "
                f"{list(table.loc[~table['found'], 'variable'])[:5]}; mask tokens stand in.",
                DataWarning,
                stacklevel=3,
            )

    def encode(self, panel, *, device="cpu", days=True, dtype=np.float32):
        """Compute the features of every day and of every site.

        A record longer than the window is encoded in overlapping windows that move on by
        half a window; each day is taken from the first window that holds it, so that
        (but for the first) it has at least half a window of past.

        Parameters
        ----------
        panel : Panel
            Any sites.
        device : str, default="cpu"
            Where to compute.
        days : bool, default=True
            Whether the features of the days are wanted.
        dtype : numpy dtype, default=np.float32
            Of the features of the days; float16 halves the memory.

        Returns
        -------
        days : ndarray of shape (n_sites, n_times, d_model), or None
            NaN where a site has no forcing.
        site : ndarray of float32 of shape (n_sites, d_model)
            The static token, averaged over the windows.
        """
        self.module.to(device)
        attributes = self.scaler.scale_attributes(panel)
        if panel.time is None or not self.scaler.forcing_names:
            return None, self._encode_attributes(attributes, device)
        site = np.zeros((panel.n_sites, self.d_model), dtype=np.float32)
        result = np.full((*panel.shape[:2], self.d_model), np.nan, dtype) if days else None
        with torch.inference_mode():
            for first in range(0, panel.n_sites, _WINDOWS_AT_ONCE):
                part = panel[first : first + _WINDOWS_AT_ONCE]
                forcing = self.scaler.scale_forcing(part)
                # Steps at which the panel has other variables than the encoder's count too.
                present = part.present() | ~np.isnan(forcing).all(axis=2)
                chunks = _chunks(find_segments(present), self.window)
                counts = np.zeros(part.n_sites)
                for length in np.unique(chunks[:, 2]):
                    group = chunks[chunks[:, 2] == length]
                    for lot in np.array_split(group, -(-len(group) // _WINDOWS_AT_ONCE)):
                        self._encode_lot(lot, forcing, attributes, first, device, result, site)
                np.add.at(counts, chunks[:, 0], 1)
                site[first : first + part.n_sites] /= np.maximum(counts, 1)[:, None]
                if (counts == 0).any():  # no forcing at all: the attributes must do
                    rows = first + np.flatnonzero(counts == 0)
                    site[rows] = self._encode_attributes(attributes[rows], device)
        return result, site

    def _encode_attributes(self, attributes, device):
        """Give the static tokens of sites without forcing."""
        with torch.inference_mode():
            _, static = self.module.encode(None, torch.as_tensor(attributes, device=device))
        return static.cpu().numpy()

    def _encode_lot(self, lot, forcing, attributes, first, device, result, site):
        """Encode windows of one length and store what each is the first to hold."""
        rows, start, length, fresh = lot.T
        steps = start[:, None] + np.arange(length[0])
        x = torch.as_tensor(forcing[rows[:, None], steps], device=device)
        c = torch.as_tensor(attributes[first + rows], device=device)
        days, static = (values.cpu().numpy() for values in self.module.encode(x, c))
        np.add.at(site, first + rows, static)
        if result is not None:
            for i, row in enumerate(rows):
                skip = fresh[i] - start[i]
                result[first + row, fresh[i] : start[i] + length[0]] = days[i, skip:]

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
        """
        header = {
            "kind": "StefaLandEncoder",
            "config": self.module.config.to_dict(),
            "scaler": self.scaler.to_dict(),
            "window": self.window,
            "units": self.units,
            "groups": self.groups,
            "sites": self.sites,
            "period": self.period,
            "about": self.about,
        }
        return write_checkpoint(path, self.module.state_dict(), header)

    @classmethod
    def load(cls, path):
        """Read an encoder written by `save`.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        StefaLandEncoder
            The encoder, on the CPU.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        CheckpointError
            If the file is damaged or does not hold an encoder of this library.
        """
        tensors, header = read_checkpoint(path)
        try:
            config = BackboneConfig.from_dict(header["config"])
            with torch.random.fork_rng(devices=[]):  # weights are drawn, then replaced
                module = MaskedAutoencoder(config)
            module.load_state_dict(tensors, strict=True)
            scaler = PanelScaler.from_dict(header["scaler"])
            _compare_sizes(config, scaler)
            names = ("units", "groups", "sites", "period", "about")
            return cls(module, scaler, header["window"], **{n: header[n] for n in names})
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]  # torch lists every weight
            raise CheckpointError(
                f"The checkpoint {str(path)!r} does not hold a whole encoder: {reason}"
            ) from error


def _compare_sizes(config, scaler):
    """Raise if a scaler has not one mean and one spread for each variable of the network."""
    for role, n_variables in (("forcing", config.n_forcings), ("attribute", config.n_attributes)):
        for part in ("names", "mean", "std"):
            n_values = len(getattr(scaler, f"{role}_{part}"))
            if n_values != n_variables:
                raise ValueError(
                    f"its {role}_{part} have {n_values} values for {n_variables} variables."
                )


def _chunks(segments, window):
    """Cut segments into overlapping windows: rows (site, start, length, first new step)."""
    rows = []
    stride = max(1, window // 2)
    for site, begin, end in zip(segments.site, segments.start, segments.stop, strict=True):
        length = min(window, end - begin)
        starts = [*range(begin, end - length, stride), end - length]
        fresh = begin
        for start in starts:
            rows.append((site, start, length, fresh))
            fresh = start + length
    return np.array(rows, dtype=np.intp).reshape(-1, 4)
