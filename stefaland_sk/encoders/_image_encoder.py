"""Any network of images as an encoder of sites."""

import torch

from stefaland_sk.encoders._images import Bands
from stefaland_sk.encoders._module_encoder import ModuleEncoder, Samples, mean_token
from stefaland_sk.encoders._registry import as_entry


class ImageEncoder(ModuleEncoder):
    """Turn an image of each site into features, with any network of images.

    The network may come from TerraTorch's registry, from timm or torchvision, or be one's
    own. It gets one image at a time, scaled, and its features are averaged over tokens or
    pixels. Images are never downloaded here.

    Parameters
    ----------
    module : Module
        Network that takes a tensor of shape (1, n_bands, height, width) and gives features
        of shape (1, d_model), (1, n_tokens, d_model) or (1, d_model, height, width), or a
        list of which the last counts. It is used as it is, in evaluation mode and without
        gradients.
    images : mapping of str to image
        Image of each site, by its identifier: an array of shape (n_bands, height, width), or
        (n_images, n_bands, height, width) for several, whose features are averaged; or an
        xarray object with a dimension "band". One that has a dimension "time" too gives
        features of days: those of the latest image. NaN becomes the mean of its band. The
        mapping is asked for one site at a time, so that one of your own may read files.
    bands : sequence of str, default=None
        Bands that the network reads, in its order; None takes those of `entry`.
    mean, std : sequence of float, default=None
        Mean and standard deviation of the bands in the network's training, in the unit of
        the images. None does not scale.
    d_model : int, default=None
        Number of features. None asks the network (``out_channels``, ``num_features`` or
        ``embed_dim``).
    entry : str or WeightsEntry, default=None
        Where the weights come from; it tells bands, licence and citation.
    cache : FeatureCache, str or Path, default=None
        Where features are kept, so that each sample is read only once: a cache, or its
        folder. Estimators in a cross-validation ask for the same sites again and again.
    sites, places, about
        As for `SiteEmbeddingEncoder`.

    Raises
    ------
    TypeError, ValueError
        If `images` or the options are not as they should be.

    See Also
    --------
    TerraMindEncoder : The same for TerraMind, with its bands and scales.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from stefaland_sk.datasets import make_catchments
    >>> from stefaland_sk.encoders import ImageEncoder
    >>> X, y = make_catchments(n_sites=3, n_years=1, n_regions=1, random_state=0)
    >>> images = {site: np.full((2, 8, 8), i) for i, site in enumerate(X.site_ids)}
    >>> network = torch.nn.Conv2d(2, 5, kernel_size=4)
    >>> encoder = ImageEncoder(network, images, bands=["red", "nir"], d_model=5)
    >>> encoder
    ImageEncoder(Conv2d, d_model=5, 2 bands, images of 3 sites)
    >>> days, site = encoder.encode(X)
    >>> site.shape
    (3, 5)
    """

    def __init__(
        self,
        module,
        images,
        *,
        bands=None,
        mean=None,
        std=None,
        d_model=None,
        entry=None,
        cache=None,
        sites=(),
        places=None,
        about=None,
    ):
        if not isinstance(module, torch.nn.Module):
            raise TypeError(f"`module` must be a torch Module. Got {type(module).__name__}.")
        entry = as_entry(entry)
        if bands is None:
            if entry is None:
                raise ValueError("Name the bands that the network reads by `bands` or `entry`.")
            bands = entry.bands
        self._bands = Bands.of(bands, mean, std)
        d_model = find_d_model(module) if d_model is None else d_model
        super().__init__(module, images, d_model, entry, cache, sites, places, about)

    def _read(self, site, value):
        values, times = self._bands.read(value)
        return Samples({"image": values}, times)

    def _run(self, network, tensors):
        return mean_token(network(tensors["image"]))

    def _settings(self):
        return (*self._bands.names, self._bands.mean, self._bands.std, repr(self.module))

    def __repr__(self):
        n_bands, n_sites = len(self._bands.names), len(self._inputs)
        return (
            f"ImageEncoder({type(self.module).__name__}, d_model={self.d_model}, {n_bands} "
            f"band{'s' * (n_bands != 1)}, images of {n_sites} site{'s' * (n_sites != 1)})"
        )

    def facts(self):
        """List what `describe` tells of the network and the images.

        Returns
        -------
        list of tuple of two str
            Pairs of a label and a text.
        """
        return [*super().facts(), ("bands", ", ".join(self._bands.names))]


def find_d_model(module):
    """Ask a network for the number of its features.

    Parameters
    ----------
    module : Module
        Any network.

    Returns
    -------
    int
        Number of features of its last output.

    Raises
    ------
    ValueError
        If it does not tell.
    """
    for name in ("out_channels", "num_features", "embed_dim"):
        value = getattr(module, name, None)
        value = value[-1] if isinstance(value, list | tuple) and value else value
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    raise ValueError(
        f"{type(module).__name__} does not tell the number of its features; set `d_model`."
    )
