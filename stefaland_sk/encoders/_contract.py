"""Checks that an encoder keeps the contract of `Encoder`, ours and others'."""

import copy
import pickle
import warnings

import numpy as np

from stefaland_sk._core import DataWarning
from stefaland_sk.data import Panel
from stefaland_sk.encoders._base import Encoder
from stefaland_sk.encoders._cache import FeatureCache


def check_encoder(encoder, panel):
    """Check that an encoder keeps the contract of `Encoder`.

    What is checked: shapes and types of the features, and that they belong to the caller;
    that those of a site depend neither on the other sites nor on their order, to the bit;
    that the encoder is not copied, and pickled to one that gives the same; that a cache
    changes nothing and is used, if at all, at the second call; what it tells of sites seen
    and of itself.

    Parameters
    ----------
    encoder : Encoder
        Any encoder.
    panel : Panel
        At least three sites that it can encode, with a time axis if it needs forcing.

    Raises
    ------
    AssertionError
        At the first promise that is not kept; it says what was expected.
    ValueError
        If the panel has less than three sites.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk import Panel
    >>> from stefaland_sk.encoders import SiteEmbeddingEncoder, check_encoder
    >>> table = pd.DataFrame({"emb_0": [1.0, 2.0, 3.0]}, index=["a", "b", "c"])
    >>> check_encoder(SiteEmbeddingEncoder(table), Panel(pd.DataFrame(index=["a", "b", "c"])))
    """
    if panel.n_sites < 3:
        raise ValueError(f"`panel` must have at least 3 sites. Got {panel.n_sites}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # of what is missing in the panel
        for check in (_identity, _shapes, _own_arrays, _sites_apart, _pickling, _caching, _words):
            check(encoder, panel)


def _identity(encoder, panel):
    """It is an encoder, has a size and a digest, and is not copied."""
    _require(isinstance(encoder, Encoder), "it is a subclass of Encoder")
    _require(
        isinstance(encoder.d_model, int) and encoder.d_model > 0,
        f"`d_model` is a whole number from 1 on, not {encoder.d_model!r}",
    )
    digest = encoder.digest
    _require(isinstance(digest, str) and digest, f"`digest` is a text, not {digest!r}")
    for name in ("needs_forcing", "needs_attributes"):
        value = getattr(encoder, name)
        _require(isinstance(value, bool), f"`{name}` is True or False, not {value!r}")
    _require(copy.copy(encoder) is encoder, "copy.copy gives the object itself")
    _require(copy.deepcopy([encoder])[0] is encoder, "copy.deepcopy gives the object itself")


def _shapes(encoder, panel):
    """Features have the shapes and types that are promised."""
    encoder.check_coverage(panel, 0.0)
    days, site = encoder.encode(panel)
    wanted = (panel.n_sites, encoder.d_model)
    _require(
        site.shape == wanted and site.dtype == np.float32,
        f"the features of the sites are float32 of shape {wanted}, not {site.dtype} of "
        f"{site.shape}",
    )
    _require(np.isfinite(site).all(), "the features of the sites are finite")
    if days is not None:
        wanted = (panel.n_sites, panel.n_times, encoder.d_model)
        _require(
            days.shape == wanted and days.dtype == np.float32,
            f"the features of the days are float32 of shape {wanted}, not {days.dtype} of "
            f"{days.shape}",
        )
        half, _ = encoder.encode(panel, dtype=np.float16)
        _require(half.dtype == np.float16, "`dtype` is that of the features of the days")
    none, alone = encoder.encode(panel, days=False)
    _require(none is None, "days=False gives no features of the days")
    _require(np.array_equal(alone, site), "the features of the sites are the same with days=False")
    if panel.time is not None and not encoder.needs_forcing:
        table = Panel(panel.attributes, sites=panel.sites)
        none, alone = encoder.encode(table)
        _require(none is None, "a panel without times has no features of the days")
        _require(np.array_equal(alone, site), "the features of the sites need no times")


def _own_arrays(encoder, panel):
    """What is given belongs to the caller, who may change it."""
    given = encoder.encode(panel)
    kept = [None if part is None else part.copy() for part in given]
    for part in given:
        if part is not None:
            _require(part.flags.writeable, "features may be changed by who gets them")
            part += 1
    for part, again in zip(kept, encoder.encode(panel), strict=True):
        _require(
            part is None or np.array_equal(part, again, equal_nan=True),
            "features that are changed leave the encoder as it was",
        )


def _sites_apart(encoder, panel):
    """What a site gets is the same in any company."""
    whole = encoder.encode(panel)
    last = panel.n_sites - 1
    for rows in ([0], [last], [last, 0], np.arange(panel.n_sites)[::-1]):
        part = encoder.encode(panel[rows])
        for all_of_it, some in zip(whole, part, strict=True):
            _require(
                all_of_it is None or np.array_equal(all_of_it[rows], some, equal_nan=True),
                f"the features of sites {list(panel.site_ids[rows])[:3]} are the same to the bit "
                "without the others and in another order",
            )


def _pickling(encoder, panel):
    """A pickle gives the same encoder."""
    try:
        again = pickle.loads(pickle.dumps(encoder))
    except Exception as error:  # of any kind: it is the encoder's own code that runs
        raise AssertionError(f"Not kept: it can be pickled ({error}).") from error
    _require(again.digest == encoder.digest, "a pickle has the same digest")
    for one, two in zip(encoder.encode(panel), again.encode(panel), strict=True):
        _require(
            one is None or np.array_equal(one, two, equal_nan=True),
            "a pickle gives the same features",
        )


def _caching(encoder, panel):
    """A cache changes nothing."""
    cache = FeatureCache()
    plain = encoder.encode(panel)
    for _ in range(2):
        for one, two in zip(plain, encoder.encode(panel, cache=cache), strict=True):
            _require(
                one is None or np.array_equal(one, two, equal_nan=True),
                "features are the same with a cache",
            )
    _require(
        not cache.misses or (cache.hits, cache.misses) == (panel.n_sites, panel.n_sites),
        "a second call takes the features of each site from the cache",
    )


def _words(encoder, panel):
    """It tells what it is, and which sites it has seen."""
    seen = encoder.seen(panel)
    _require(
        list(seen.columns) == ["by_id", "by_place", "same_place_as"]
        and seen.index.equals(panel.site_ids),
        "`seen` gives the columns by_id, by_place and same_place_as for each site",
    )
    _require(encoder.describe().startswith(repr(encoder)), "`describe` begins with the repr")
    _require("object at 0x" not in repr(encoder), "the repr says what the encoder is")


def _require(kept, promise):
    """Raise unless a promise is kept."""
    if not kept:
        raise AssertionError(f"Not kept: {promise}.")
