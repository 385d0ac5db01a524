"""TerraMind, run by TerraTorch's own code, as an encoder of sites."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from stefaland_sk._core import CheckpointError, import_optional
from stefaland_sk.encoders._image_encoder import find_d_model
from stefaland_sk.encoders._images import Bands
from stefaland_sk.encoders._module_encoder import ModuleEncoder, Samples, mean_token
from stefaland_sk.encoders._module_weights import find_weights, load_weights, read_weights
from stefaland_sk.encoders._registry import as_entry

_REGISTER = "terratorch.models.backbones.terramind.model.terramind_register"


class TerraMindEncoder(ModuleEncoder):
    """Turn satellite images of each site into features with TerraMind [1]_.

    The network is TerraTorch's own; bands and scales of its training come from there.
    Features are averaged over the image's patches, and over kinds of images (modalities)
    if there are several. Images are never downloaded here.

    Parameters
    ----------
    module : TerraMindViT
        The network, built by TerraTorch with ``merge_method="mean"``, such as
        ``BACKBONE_REGISTRY.build("terramind_v1_base", modalities=["S2L2A"])``. It is used
        as it is, in evaluation mode and without gradients.
    images : mapping
        Image of each site, by its identifier, as for `ImageEncoder`; the sides are
        multiples of the patch (16 pixels), by custom 224 at 10 m. For a network that reads
        several modalities, a mapping from their names ("S2L2A", "S1GRD", "DEM") to such
        mappings; those without dates serve for all dates.
    entry : str or WeightsEntry, default=None
        Where the weights come from.
    cache : FeatureCache, str or Path, default=None
        Where features are kept, so that each sample is read only once: a cache, or its
        folder. Estimators in a cross-validation ask for the same sites again and again.
    sites, places, about
        As for `SiteEmbeddingEncoder`.

    Raises
    ------
    ImportError
        If TerraTorch is not installed.
    TypeError, ValueError
        If the network or the images are not as they should be.

    See Also
    --------
    ImageEncoder : The same for any network of images.

    Notes
    -----
    Sentinel-2 has flown since 2015: images are later than most flow records.

    References
    ----------
    .. [1] Jakubik, J. et al. (2025). TerraMind: Large-scale generative multimodality for
       Earth observation. arXiv:2504.11171.

    Examples
    --------
    The published weights, if they lie on this machine (or ``allow_download=True``):

    >>> from stefaland_sk.encoders import TerraMindEncoder
    >>> encoder = TerraMindEncoder.from_pretrained(
    ...     images, "terramind_v1_tiny", path="TerraMind_v1_tiny.pt"
    ... )  # doctest: +SKIP
    """

    def __init__(
        self, module, images, *, entry=None, cache=None, sites=(), places=None, about=None
    ):
        register = _import_terratorch(_REGISTER)
        names = getattr(module, "mod_name_mapping", None)
        if names is None or not hasattr(module, "merge_method"):
            raise TypeError(
                "`module` must be a TerraMind backbone of TerraTorch. Got "
                f"{type(module).__name__}; an ImageEncoder takes any network of images."
            )
        if module.merge_method != "mean":
            raise ValueError(
                '`module` must be built with merge_method="mean", so that it gives one vector per '
                f"patch. Got {module.merge_method!r}."
            )
        odd = [name for name, key in names.items() if key not in register.PRETRAINED_BANDS]
        if odd:
            raise ValueError(
                f"Images of the kinds {odd} have no published bands; those that are read as they "
                f"are have: {_known_modalities(register)}."
            )
        self._bands = {
            name: Bands.of(
                register.PRETRAINED_BANDS[key],
                register.v1_pretraining_mean[key],
                register.v1_pretraining_std[key],
            )
            for name, key in names.items()
        }
        inputs = _by_site(images, list(names))
        super().__init__(
            module, inputs, find_d_model(module), as_entry(entry), cache, sites, places, about
        )

    @classmethod
    def from_pretrained(
        cls,
        images,
        name="terramind_v1_base",
        *,
        path=None,
        modalities=("S2L2A",),
        allow_download=False,
        cache=None,
        sites=(),
        places=None,
        about=None,
    ):
        """Build the network in TerraTorch, with weights from a file or from the hub.

        Parameters
        ----------
        images : mapping
            As for the constructor.
        name : str, default="terramind_v1_base"
            "terramind_v1_tiny", "_small", "_base" or "_large".
        path : str or Path, default=None
            File of the weights (safetensors, or one of `torch.save`, of which nothing is
            executed), or its folder. None looks among what was downloaded before.
        modalities : sequence of str, default=("S2L2A",)
            Kinds of images to read.
        allow_download : bool, default=False
            Whether the weights may be downloaded from the Hugging Face hub.
        cache, sites, places, about
            As for the constructor.

        Returns
        -------
        TerraMindEncoder
            The encoder, on the CPU.

        Raises
        ------
        ImportError
            If TerraTorch is not installed.
        FileNotFoundError, CheckpointError
            If there are no weights, or not those of this network.
        TypeError, ValueError
            If an option or the images are not as they should be.
        """
        registry = _import_terratorch("terratorch").BACKBONE_REGISTRY
        entry = as_entry(name)
        if not name.startswith("terramind"):
            raise ValueError(f"`name` must be that of a TerraMind. Got {name!r}.")
        where = find_weights(entry, path, allow_download)
        try:
            module = registry.build(
                name, pretrained=False, modalities=list(modalities), merge_method="mean"
            )
        except (KeyError, NotImplementedError) as error:
            raise CheckpointError(
                f"TerraTorch cannot build {name!r} for {list(modalities)}: {error}"
            ) from error
        load_weights(module, read_weights(where), where)
        more = {"cache": cache, "sites": sites, "places": places, "about": about}
        return cls(module, images, entry=entry, **more)

    def _read(self, site, value):
        read = {name: self._bands[name].read(image) for name, image in value.items()}
        times = next((times for _, times in read.values() if times is not None), None)
        arrays = {}
        n = max(len(values) for values, _ in read.values())
        for name, (values, own) in read.items():
            if own is not None and not own.equals(times):
                raise ValueError("its kinds of images have different dates")
            if own is None and len(values) == 1:  # it serves for all dates
                values = np.repeat(values, n, axis=0)
            if len(values) != n:
                raise ValueError(f"{name} has {len(values)} images where {n} are expected")
            arrays[name] = values
        return Samples(arrays, None if times is None else pd.DatetimeIndex(times))

    def _run(self, network, tensors):
        return mean_token(network(tensors))

    def _settings(self):
        parts = [repr(self.module)]
        for name, bands in self._bands.items():
            parts += [name, *bands.names, bands.mean, bands.std]
        return parts

    def __repr__(self):
        n = len(self._inputs)
        kinds = ", ".join(self._bands)
        return (
            f"TerraMindEncoder(d_model={self.d_model}, {kinds}, images of {n} site{'s' * (n != 1)})"
        )

    def facts(self):
        """List what `describe` tells of the network and the images.

        Returns
        -------
        list of tuple of two str
            Pairs of a label and a text.
        """
        bands = [(name, ", ".join(bands.names)) for name, bands in self._bands.items()]
        return [*super().facts(), *bands]


def _import_terratorch(name):
    """Import a module of TerraTorch, or say what is wrong with the installation."""
    try:
        return import_optional(name, "terramind", "TerraMindEncoder")
    except RuntimeError as error:  # a torchvision that was built for another torch
        raise ImportError(
            f"TerraTorch is installed but cannot be imported: {error}. If that is about "
            "torchvision, install torch and torchvision together, from one index: builds for GPUs "
            "and for processors alone do not mix."
        ) from error


class _ByModality(Mapping):
    """Images by modality and site, seen by site: those that have an image of each modality."""

    def __init__(self, images):
        self._images = images

    def __getitem__(self, site):
        return {name: images[site] for name, images in self._images.items()}

    def __contains__(self, site):
        return all(site in images for images in self._images.values())

    def __iter__(self):
        first = next(iter(self._images.values()))
        return (site for site in first if site in self)

    def __len__(self):
        return sum(1 for _ in self)


def _by_site(images, names):
    """Bring images, given by site or by modality and site, into the form by site."""
    if not isinstance(images, Mapping):
        raise TypeError(f"`images` must be a mapping. Got {type(images).__name__}.")
    if len(names) == 1 and names[0] not in images:
        images = {names[0]: images}
    missing = [name for name in names if name not in images]
    if missing or len(images) != len(names):
        raise ValueError(
            f"The network reads the modalities {names}; `images` must be a mapping from each of "
            f"them to the images of the sites. Got the keys {list(images)[:6]}."
        )
    for name in names:
        if not isinstance(images[name], Mapping) or not len(images[name]):
            raise TypeError(
                f"The images of {name!r} must be a mapping from site to image. Got "
                f"{type(images[name]).__name__}."
            )
    return _ByModality({name: images[name] for name in names})


def _known_modalities(register):
    """Names of the modalities whose bands are published, as TerraMind's papers have them."""
    names = [key.removeprefix("untok_").partition("@")[0] for key in register.PRETRAINED_BANDS]
    return sorted(name.replace("sen", "s").upper() for name in names)
