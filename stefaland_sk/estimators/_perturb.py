"""Noise on what identifies a site, so that a network cannot know its training sites by heart."""

import torch


class SitePerturbation:
    """Add noise to attributes and features of a batch of windows, and hide attributes.

    What is drawn is the same on all days of a window, and new for each window.

    Parameters
    ----------
    attribute_noise : float, default=0.0
        Standard deviation of the noise on the scaled attributes, in units of their spread over
        the training sites.
    attribute_dropout : float, default=0.0
        Share of the attributes that is missing.
    feature_noise : float, default=0.0
        Standard deviation of the noise on the standardised features.
    encoder_classes : sequence of int, default=()
        Columns of the encoder's attributes that hold codes of classes. They get no noise, which
        would turn them into other classes.
    """

    def __init__(
        self, attribute_noise=0.0, attribute_dropout=0.0, feature_noise=0.0, encoder_classes=()
    ):
        self.attribute_noise, self.attribute_dropout = attribute_noise, attribute_dropout
        self.feature_noise, self.encoder_classes = feature_noise, list(encoder_classes)

    def __call__(self, inputs, truth, generator):
        changed = dict(inputs)
        for name, exact in (("attributes", []), ("encoder_attributes", self.encoder_classes)):
            if name in inputs:
                changed[name] = self._perturb(inputs[name], generator, exact)
        if self.feature_noise and "features" in inputs:
            features = inputs["features"]
            shape = (len(features), *[1] * (features.ndim - 2), features.shape[-1])
            changed["features"] = features + self.feature_noise * _normal(
                shape, generator, features.device
            )
        return changed, truth

    def _perturb(self, attributes, generator, exact):
        """Give attributes with noise, but for some columns, and some of them missing."""
        if self.attribute_noise:
            noise = _normal(attributes.shape, generator, attributes.device)
            noise[:, exact] = 0.0
            attributes = attributes + self.attribute_noise * noise
        if self.attribute_dropout:
            hidden = torch.rand(attributes.shape, generator=generator) < self.attribute_dropout
            attributes = attributes.masked_fill(hidden.to(attributes.device), torch.nan)
        return attributes


def _normal(shape, generator, device):
    """Draw normal numbers on the CPU, so that they are the same wherever they are used."""
    return torch.randn(shape, generator=generator).to(device)
