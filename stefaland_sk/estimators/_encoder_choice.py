"""Which encoder an estimator works with, how its features are scaled, and whom it warns."""

import os
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from stefaland_sk._core import LeakageWarning, check_number, check_option
from stefaland_sk.encoders import Encoder, StefaLandEncoder, load_encoder
from stefaland_sk.encoders._cache import as_cache
from stefaland_sk.estimators._training import seeded
from stefaland_sk.estimators._transformer import StefaLandTransformer
from stefaland_sk.modules import MaskedAutoencoder

ENCODER_INITS = ("pretrained", "random", "none")


class EncoderUser:
    """What estimators on top of an encoder share.

    They have the parameters ``encoder``, ``encoder_init``, ``min_coverage``, ``forcings`` and
    ``attributes``.
    """

    @property
    def _uses_encoder(self):
        """Whether there is an encoder at all."""
        return self.encoder_init != "none"

    @property
    def _pretrains(self):
        """Whether `fit` pretrains an encoder first, which then warns of what is wrong with X."""
        is_unfitted = self.encoder is None or isinstance(self.encoder, StefaLandTransformer)
        return self._uses_encoder and is_unfitted

    def _choose_encoder(self, panel, seed):
        """Set the encoder, and what is known of it: ``encoder_`` is None where there is none."""
        check_number("min_coverage", self.min_coverage, low=0, high=1)
        check_option("encoder_init", self.encoder_init, ENCODER_INITS)
        self.sites_ = set(panel.site_ids)
        self.feature_mean_ = self.feature_std_ = self._cache = None
        self.encoder_, self.pretrained_here_ = None, True
        if self._uses_encoder:
            self.encoder_, self.pretrained_here_ = self._resolve_encoder(panel, seed)
            self.encoder_.check_coverage(panel, self.min_coverage)

    def _resolve_encoder(self, panel, seed):
        """Give the encoder, and whether it has seen sites of this panel only."""
        encoder = StefaLandTransformer() if self.encoder is None else self.encoder
        random = self.encoder_init == "random"
        if isinstance(encoder, StefaLandTransformer):
            if hasattr(encoder, "encoder_") and not random:
                warnings.warn(
                    "`encoder` is a fitted StefaLandTransformer, of which a copy is now trained "
                    "anew, on the sites of X alone; what it has learned before is not used. Give "
                    "`sklearn.frozen.FrozenEstimator(encoder)`, or the file that it was saved to, "
                    "to use it as it is.",
                    UserWarning,
                    stacklevel=6,
                )
            encoder = clone(encoder).set_params(random_state=seed)
            if random:
                encoder.set_params(max_epochs=0, checkpoint=None, extra=None)
            self._cache = as_cache(encoder.cache)
            if panel.time is None:
                return encoder.fit(panel.attributes).encoder_, encoder.extra is None
            for role in ("forcings", "attributes"):  # what is named here is meant there too
                if getattr(encoder, role) is None:
                    encoder.set_params(**{role: getattr(self, role)})
            return encoder.fit(panel).encoder_, encoder.extra is None
        if isinstance(encoder, str | os.PathLike):
            encoder = load_encoder(encoder)
        elif isinstance(encoder, FrozenEstimator) and isinstance(
            encoder.estimator, StefaLandTransformer
        ):
            check_is_fitted(encoder.estimator)
            self._cache = as_cache(encoder.estimator.cache)
            encoder = encoder.estimator.mapped_encoder()
        elif not isinstance(encoder, Encoder):
            raise TypeError(
                "`encoder` must be a StefaLandTransformer, a FrozenEstimator around a fitted one, "
                "an encoder of stefaland_sk.encoders, or the path or name of a checkpoint. Got "
                f"{type(encoder).__name__}."
            )
        return (_start_anew(encoder, seed), True) if random else (encoder, False)

    def _features(self, panel, encoder=None):
        """Give standardised features: of days (site, time, ...), or of sites (site, 1, ...)."""
        encoder = self.encoder_ if encoder is None else encoder
        days, site = encoder.encode(panel, device=self.device_, cache=self._cache)
        values = site[:, None] if days is None else days
        if self.feature_mean_ is None:  # in fit: from the training sites
            self.feature_mean_, self.feature_std_ = _moments(values)
        values -= self.feature_mean_
        values /= self.feature_std_
        return values

    def _warn_of_seen_sites(self, panel, stacklevel=5):
        """Warn if the encoder knows sites that the head does not, by name or by place."""
        if self.encoder_ is None or self.pretrained_here_:
            return
        seen = self.encoder_.seen(panel)
        by_id = [site for site in seen.index[seen["by_id"]] if site not in self.sites_]
        there = seen["same_place_as"][seen["by_place"]]
        there = there[~(there.index.isin(self.sites_) | there.isin(self.sites_))]
        found = []
        if by_id:
            found.append(
                f"on {len(by_id)} of the {panel.n_sites} sites to be predicted, for "
                f"example {by_id[:3]}"
            )
        if len(there):
            found.append(
                f"probably on {len(there)} of the {panel.n_sites} sites under another name, for "
                f"example {there.index[0]!r} (there {there.iloc[0]!r}, in the same cell of 0.1 "
                "degrees)"
            )
        if found:
            warnings.warn(
                f"The encoder was pretrained {' and '.join(found)}, which were not used to "
                "finetune it: as a test of unmeasured places this is too favourable. Pretrain "
                "inside `fit` (encoder=StefaLandTransformer(...)), or without these sites.",
                LeakageWarning,
                stacklevel=stacklevel,
            )


def _start_anew(encoder, seed):
    """Give an encoder of the same sizes, variables and scales, with weights drawn at random."""
    if not isinstance(encoder, StefaLandEncoder):
        raise TypeError(
            f"`encoder_init`='random' needs a StefaLand encoder; {type(encoder).__name__} has no "
            "random version. Use encoder_init='pretrained' or 'none'."
        )
    with seeded(seed):
        return encoder.with_network(MaskedAutoencoder(encoder.module.config), sites=())


def _moments(days):
    """Mean and standard deviation of each feature over the days that have one."""
    seen = np.isfinite(days[:, :, 0])
    n_seen = max(int(seen.sum()), 1)
    # Site by site: the copies stay small.
    total = sum(d[s].sum(axis=0, dtype=np.float64) for d, s in zip(days, seen, strict=True))
    mean = total / n_seen
    squares = sum(np.square(d[s] - mean).sum(axis=0) for d, s in zip(days, seen, strict=True))
    std = np.sqrt(squares / n_seen)
    return mean.astype(np.float32), np.where(std > 1e-6, std, 1.0).astype(np.float32)
