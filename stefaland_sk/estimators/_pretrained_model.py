"""A pretrained transformer as an object: saved, loaded, and what it knows of its variables."""

from pathlib import Path

import numpy as np
from sklearn.utils.validation import check_is_fitted

from stefaland_sk.encoders import StefaLandEncoder
from stefaland_sk.estimators._features import Condenser
from stefaland_sk.estimators._pretraining import kept_parameters


class PretrainedModel:
    """Mixin of an estimator around ``encoder_``: files, variables, the map of variables."""

    def save(self, path, **about):
        """Write the pretrained model (safetensors with a JSON header, no pickle).

        Parameters
        ----------
        path : str or Path
            File to write.
        **about : str
            Remarks for the header, such as ``licence`` and ``citation``.

        Returns
        -------
        Path
            The file. That of the unfinished training is removed.

        Raises
        ------
        FileNotFoundError
            If the folder does not exist.
        """
        check_is_fitted(self, "encoder_")
        path = self.encoder_.save(path, about=about)
        finished, self._finished = getattr(self, "_finished", None), None
        if finished is not None:
            Path(finished).unlink(missing_ok=True)
        return path

    @classmethod
    def load(cls, path, **parameters):
        """Read a transformer written by `save`.

        Parameters
        ----------
        path : str or Path
            The file.
        **parameters : object
            Parameters to set otherwise than in the pretraining, such as `pool`,
            `variable_map`, `device` or `cache`.

        Returns
        -------
        StefaLandTransformer
            Fitted; ready for `transform`, `partial_fit` and as a regressor's encoder.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        CheckpointError
            If the file is damaged, was changed or is of an unknown format.

        Notes
        -----
        As with any estimator, `fit` begins anew, and so do a pipeline and a cross-validation,
        which fit copies of their steps. ``sklearn.frozen.FrozenEstimator(model)`` keeps in them
        what was pretrained.
        """
        return cls.from_encoder(StefaLandEncoder.load(path), **parameters)

    @classmethod
    def from_pretrained(cls, name_or_path, **parameters):
        """Read a transformer from a file, a folder or the Hugging Face hub.

        Parameters
        ----------
        name_or_path : str or Path
            A file, a folder with one ``.safetensors`` file, or ``"owner/name"`` on the hub.
        **parameters : object
            As for `load`.

        Returns
        -------
        StefaLandTransformer
            Fitted.

        Raises
        ------
        FileNotFoundError, CheckpointError
            As for `load`, and if the hub does not give the model.
        """
        return cls.from_encoder(StefaLandEncoder.from_pretrained(name_or_path), **parameters)

    @classmethod
    def from_encoder(cls, encoder, **parameters):
        """Make a transformer of an encoder, such as one of the original release.

        Parameters
        ----------
        encoder : StefaLandEncoder
            The encoder; its weights are shared.
        **parameters : object
            As for `load`.

        Returns
        -------
        StefaLandTransformer
            Fitted.
        """
        config, training = encoder.module.config, encoder.training
        sizes = ("d_model", "n_layers", "n_heads", "d_feedforward", "d_embedding", "dropout")
        given = {name: getattr(config, name) for name in (*sizes, "decoder", "patch")}
        saved = kept_parameters(training, cls._get_param_names())
        window = {"window": encoder.window} if encoder.window else {}
        model = cls(**{**saved, **given, **window, **parameters})
        model.encoder_, model.history_ = encoder, []
        model._remember(is_table=False)
        condenser = training.get("condenser")
        model.condenser_ = None if condenser is None else Condenser.from_dict(condenser)
        return model

    def mapped_encoder(self):
        """Give the encoder, finding its variables by `variable_map`.

        Returns
        -------
        StefaLandEncoder
            `encoder_` itself without a map.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        check_is_fitted(self, "encoder_")
        if self.variable_map is None:
            return self.encoder_
        return self.encoder_.with_variable_map(self.variable_map)

    def _remember(self, is_table):
        """Store which variables the model knows, and by what rules it reads tables."""
        scaler, training = self.encoder_.scaler, self.encoder_.training
        self.kind_ = training.get("kind", "series" if scaler.forcing_names else "table")
        self.forcing_names_ = list(scaler.forcing_names)
        self.attribute_names_ = list(scaler.attribute_names)
        if is_table:  # of which scikit-learn remembers the columns
            return
        names = self.forcing_names_ + self.attribute_names_
        self.n_features_in_ = len(names)
        if self.kind_ != "table" or names != [f"x{i}" for i in range(len(names))]:
            self.feature_names_in_ = np.array(names, dtype=object)
