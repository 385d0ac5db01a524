"""One pretraining: a corpus, its masks, the training, and the encoder that comes of it."""

from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np
from sklearn.utils import check_random_state
from skorch import NeuralNet

from stefaland_sk.data import find_places
from stefaland_sk.encoders import StefaLandEncoder
from stefaland_sk.estimators._corpus import Corpus
from stefaland_sk.estimators._corpus_batches import CorpusDataset, Hider
from stefaland_sk.estimators._pretraining_names import (
    final_weights,
    index_groups,
    make_config,
    make_loss,
    make_mask_config,
    name_classes,
    name_groups,
    name_hidden_never,
)
from stefaland_sk.estimators._training import (
    TrainingPlan,
    resolve_device,
    resolve_precision,
    seeded,
    split_sites,
    train_network,
    training_summary,
    use_early_stopping,
)
from stefaland_sk.modules import MaskedAutoencoder

# Parameters that the weights do not depend on (what data there are is told otherwise), and those
# that say nothing at another place.
_NOT_TRAINED = {"pool", "n_components", "min_coverage", "max_minutes", "max_epochs"}
_LOCAL = {
    "cache",
    "checkpoint",
    "checkpoint_minutes",
    "device",
    "distributed",
    "extra",
    "memory",
    "variable_map",
    "verbose",
}


@dataclass(frozen=True)
class Pretrained:
    """What comes of a pretraining.

    Parameters
    ----------
    net : NeuralNet
        The trained net.
    encoder : StefaLandEncoder
        Its frozen network, with all that belongs to it.
    history : list of dict
        Losses of each epoch.
    weights : dict of str to float
        Weight of each variable in the loss, at the end.
    """

    net: NeuralNet
    encoder: StefaLandEncoder
    history: list
    weights: dict


def pretrain(model, inputs, parameters, *, before=None, **changes):
    """Train a masked autoencoder.

    Parameters
    ----------
    model : StefaLandTransformer
        Its parameters.
    inputs : CorpusInputs
        The data.
    parameters : dict
        Parameters of the model that are to be kept in writing.
    before : StefaLandEncoder, default=None
        Goes on from its weights, with its scaler and its groups.
    **changes : object
        Changes of the training's plan.

    Returns
    -------
    Pretrained
        The result.

    Raises
    ------
    ValueError, TypeError, CheckpointError
        As `StefaLandTransformer.fit`.
    """
    rng = check_random_state(model.random_state)
    n_epochs = 0 if before is None else before.training.get("n_epochs", 0)
    seed = (int(rng.randint(2**31 - 1)) + n_epochs) % 2**31  # another pass, other masks
    device = resolve_device(model.device, model.distributed)
    window = model.window if before is None else max(before.window, 1)
    corpus = Corpus(
        inputs.panels,
        window=window,
        categorical=name_classes(model.categorical, model.groups, inputs.panels),
        scaler=None if before is None else before.scaler,
        memory=model.memory,
    )
    scaler = corpus.scaler
    names = scaler.forcing_names, scaler.attribute_names
    if before is None:
        config = make_config(model, scaler)
        groups = name_groups(model.groups, corpus.groups, *names)
        never_hidden = name_hidden_never(model.never_hidden, model.groups, names[1])
    else:
        config, groups = before.module.config, before.groups
        never_hidden = before.training.get("never_hidden", [])
    shown = [names[1].index(name) for name in never_hidden]
    hider = Hider(make_mask_config(model), index_groups(groups, *names), shown)
    aside = np.zeros(corpus.n_sites, dtype=bool)
    if use_early_stopping(model.early_stopping, corpus.n_sites):
        aside = split_sites(corpus.n_sites, ~aside, model.validation_fraction, rng)
    dataset = CorpusDataset(corpus, hide=hider, chosen=~aside, device=device)
    valid = CorpusDataset(corpus, hide=hider, chosen=aside, device=device, random=False)
    if not len(dataset):
        raise ValueError(
            "The sites to train on have nothing observed of the model's variables; there is "
            "nothing to learn."
        )
    with seeded(seed, device):
        module = MaskedAutoencoder(config)
    if before is not None:
        module.load_state_dict(before.module.state_dict())
    loss = make_loss(model, config, scaler)
    plan = TrainingPlan.of(
        model,
        device,
        seed,
        precision=resolve_precision(model.precision, device),
        compile=model.compile,
        checkpoint=model.checkpoint,
        checkpoint_minutes=model.checkpoint_minutes,
        distributed=model.distributed,
        fingerprint={"parameters": _decisive(parameters), "corpus": corpus.fingerprint},
    )
    valid = valid if len(valid) else None
    net = train_network(module, dataset, valid, loss, replace(plan, **changes))
    history = training_summary(net)
    kind = "table" if inputs.is_table else "series"
    training = {
        "parameters": _saved(parameters),
        "n_epochs": n_epochs + len(history),
        "never_hidden": never_hidden,
        "kind": kind if before is None else before.training.get("kind", kind),
    }
    if history:
        training["train_loss"] = history[-1]["train_loss"]
    encoder = StefaLandEncoder(
        net.module_,
        scaler,
        window if names[0] else 0,
        units=corpus.units,
        groups=groups,
        **_describe_sites(inputs.panels, inputs.named, before),
        about=None if before is None else before.about,
        training=training,
    )
    return Pretrained(net, encoder, history, final_weights(net.criterion_, scaler))


def kept_parameters(training, known):
    """Give the parameters that a checkpoint has kept.

    Parameters
    ----------
    training : dict
        Settings of the training, from the header.
    known : collection of str
        Parameters that there are. A file may come from another version.

    Returns
    -------
    dict
        Parameters, without those that say nothing at another place: no file can name paths.
    """
    kept = training.get("parameters", {})
    kept = {name: kept[name] for name in kept if name in known and name not in _LOCAL}
    if "span" in kept:
        kept["span"] = tuple(kept["span"])  # JSON gives a list
    return kept


def _saved(parameters):
    """Pick the parameters that go into the header of a checkpoint, as JSON can hold them."""
    return {name: _plain(v) for name, v in parameters.items() if name not in _LOCAL}


def _decisive(parameters):
    """Pick the parameters that the weights depend on, as JSON can hold them."""
    kept = _saved(parameters)
    return {name: value for name, value in kept.items() if name not in _NOT_TRAINED}


def _describe_sites(panels, named, before=None):
    """Tell which sites were seen, now and before: ``sites``, ``places`` and ``period``."""
    ids = np.concatenate([panel.site_ids for panel in panels])[named]
    places = np.concatenate([find_places(panel) for panel in panels])[named]
    days = [str(panel.time[end].date()) for panel in panels if panel.n_times for end in (0, -1)]
    if before is not None:
        ids = np.concatenate([before.sites, ids])
        known = before.places
        places = np.concatenate([np.full((len(before.sites), 2), np.nan), places])
        if known is not None:
            places[: len(known)] = known
        days += before.period or []
    ids, first = np.unique(ids.astype(str), return_index=True)
    order = np.argsort(first)
    places = places[first[order]]
    return {
        "sites": ids[order].tolist(),
        "places": places if np.isfinite(places).any() else None,
        "period": [min(days), max(days)] if days else None,
    }


def _plain(value):
    """Turn the value of a parameter into what JSON can hold; None where it cannot."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else None
