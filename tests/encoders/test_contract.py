"""All encoders keep one contract, and the check of it notices who does not."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk import Panel
from stefaland_sk.encoders import Encoder, SiteEmbeddingEncoder, check_encoder


def embeddings(catchments):
    """A table with all sites but one."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(4, 3)), index=catchments.site_ids[1:])
    return SiteEmbeddingEncoder(table, missing="mean")


def test_a_pretrained_network_keeps_the_contract(catchments, encoder):
    check_encoder(encoder, catchments)
    assert encoder.needs_forcing
    assert encoder.needs_attributes


def test_a_table_keeps_the_contract(catchments):
    check_encoder(embeddings(catchments), catchments)


# ---------------------------------------------------------------------- who does not
class Honest(Encoder):
    """Means of the forcing; subclasses break one promise each."""

    needs_forcing = True
    d_model = 6
    digest = "means"

    def encode(self, panel, *, days=True, dtype=np.float32, **options):
        return panel.forcing.astype(dtype) if days else None, panel.forcing.mean(axis=1)

    def check_coverage(self, panel, min_coverage):
        pass

    def __repr__(self):
        return f"{type(self).__name__}()"


class Unnamed(Honest):
    __repr__ = object.__repr__


class Undigested(Honest):
    digest = None


class Sizeless(Honest):
    d_model = 0


class Wrong(Honest):
    d_model = 5


class Vague(Honest):
    needs_attributes = None


class Copied(Honest):
    def __deepcopy__(self, memo):
        return Copied()


class Doubled(Honest):
    def encode(self, panel, **options):
        days, site = super().encode(panel, **options)
        return days, site.astype(np.float64)


class Unasked(Honest):
    def encode(self, panel, **options):
        return super().encode(panel, **{**options, "days": True})


class Whole(Honest):
    def encode(self, panel, **options):
        return super().encode(panel, **{**options, "dtype": np.float32})


class Sociable(Honest):
    def encode(self, panel, **options):
        days, site = super().encode(panel, **options)
        return days, site - site.mean(axis=0)


class Gappy(Honest):
    def encode(self, panel, **options):
        days, site = super().encode(panel, **options)
        return days, np.full_like(site, np.nan)


class Forgetful(Honest):
    def __getstate__(self):
        return {"digest": "other"}


class Shared(Honest):
    features = np.zeros((5, 6), dtype=np.float32)

    def encode(self, panel, *, days=True, dtype=np.float32, **options):
        return None, self.features[: panel.n_sites]


class Locked(Honest):
    def encode(self, panel, **options):
        _, site = super().encode(panel, **options)
        site.flags.writeable = False
        return None, site


class Unpicklable(Honest):
    def __getstate__(self):
        raise TypeError("no way")


class Rounding(Honest):
    def encode(self, panel, cache=None, **options):
        days, site = super().encode(panel, **options)
        return days, site if cache is None else site.round(1)


class Uncached(Honest):
    def encode(self, panel, cache=None, **options):
        if cache is not None:
            cache.get("always another one")
        return super().encode(panel, **options)


class Silent(Honest):
    def describe(self):
        return ""


class Unseen(Honest):
    def seen(self, panel):
        return super().seen(panel)[["by_id"]]


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (Unnamed, "the repr says what the encoder is"),
        (Undigested, "`digest` is a text, not None"),
        (Sizeless, "`d_model` is a whole number from 1 on, not 0"),
        (Wrong, r"float32 of shape \(5, 5\), not float32 of \(5, 6\)"),
        (Vague, "`needs_attributes` is True or False, not None"),
        (Copied, "copy.deepcopy gives the object itself"),
        (Doubled, r"float32 of shape \(5, 6\), not float64"),
        (Unasked, "days=False gives no features of the days"),
        (Whole, "`dtype` is that of the features of the days"),
        (Sociable, "same to the bit without the others"),
        (Gappy, "the features of the sites are finite"),
        (Forgetful, "a pickle has the same digest"),
        (Shared, "features that are changed leave the encoder as it was"),
        (Locked, "features may be changed by who gets them"),
        (Unpicklable, r"it can be pickled \(no way\)"),
        (Rounding, "features are the same with a cache"),
        (Uncached, "a second call takes the features of each site from the cache"),
        (Silent, "`describe` begins with the repr"),
        (Unseen, "`seen` gives the columns by_id, by_place and same_place_as"),
    ],
)
def test_a_broken_promise_is_noticed(catchments, kind, promise):
    check_encoder(Honest(), catchments)
    with pytest.raises(AssertionError, match=f"Not kept: .*{promise}"):
        check_encoder(kind(), catchments)


def test_what_is_no_encoder(catchments):
    with pytest.raises(AssertionError, match="it is a subclass of Encoder"):
        check_encoder(object(), catchments)
    with pytest.raises(ValueError, match="at least 3 sites. Got 2"):
        check_encoder(Honest(), catchments[:2])


def test_an_encoder_without_its_methods_cannot_be_made():
    class Nothing(Encoder):
        pass

    with pytest.raises(TypeError, match="check_coverage"):
        Nothing()


def test_nothing_is_seen_where_nothing_is_known():
    seen = Honest().seen(Panel(pd.DataFrame(index=["a", "b"])))
    assert not seen[["by_id", "by_place"]].any(axis=None)
    assert seen["same_place_as"].isna().all()
