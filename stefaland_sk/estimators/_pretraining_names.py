"""What pretraining is told by name: groups, classes and weights, turned into configurations."""

from stefaland_sk._core import check_option
from stefaland_sk.data import get_variable_set
from stefaland_sk.modules import BackboneConfig, MaskConfig, ReconstructionLoss, VariableGroup


def preset(groups):
    """Look up the variable set that `groups` names; None if it names none.

    Parameters
    ----------
    groups : dict, str or None
        Parameter of `StefaLandTransformer`.

    Returns
    -------
    VariableSet or None
        The set.

    Raises
    ------
    ValueError
        If there is no set of that name.
    """
    if not isinstance(groups, str):
        return None
    try:
        return get_variable_set(groups)
    except ValueError as error:
        raise ValueError(f"`groups` must name a variable set, or be a dict. {error}") from error


def name_groups(groups, panel_groups, forcing_names, attribute_names):
    """Give the groups of variables that are hidden together, by name.

    Parameters
    ----------
    groups : dict of str to list of str, str or None
        Parameter of `StefaLandTransformer`.
    panel_groups : dict of str to list of str
        Groups of the data, for None.
    forcing_names, attribute_names : list of str
        The variables.

    Returns
    -------
    dict of str to list of str
        The groups.

    Raises
    ------
    ValueError
        If a member is unknown or in two groups, or a variable set has none of the attributes.
    """
    variable_set = preset(groups)
    if variable_set is not None:
        found = variable_set.groups_in(attribute_names)
        if not found:
            raise ValueError(
                f"The variable set `groups`={groups!r} has none of the attributes of X. Give the "
                f"groups as a dict of names; there are {attribute_names}."
            )
        return found
    groups = panel_groups if groups is None else groups
    found, owner = {}, {}
    for group, members in groups.items():
        found[str(group)] = list(map(str, members))
        for name in found[str(group)]:
            check_option(f"groups[{group!r}]", name, [*forcing_names, *attribute_names])
            if name in owner:
                raise ValueError(
                    f"`groups` holds {name!r} twice, in {owner[name]!r} and in {group!r}."
                )
            owner[name] = group
    return found


def index_groups(groups, forcing_names, attribute_names):
    """Turn groups of names into groups of columns.

    Parameters
    ----------
    groups : dict of str to list of str
        Variables hidden together; names that are unknown are left out.
    forcing_names, attribute_names : list of str
        The variables, in the order of their columns.

    Returns
    -------
    list of VariableGroup
        The groups that have any member.
    """
    found = []
    for names in groups.values():
        columns = [
            [there.index(name) for name in names if name in there]
            for there in (forcing_names, attribute_names)
        ]
        if any(columns):
            found.append(VariableGroup(*columns))
    return found


def name_hidden_never(names, groups, attribute_names):
    """Give the attributes that are never hidden.

    Parameters
    ----------
    names : list of str or None
        Parameter of `StefaLandTransformer`.
    groups : dict, str or None
        Parameter of `StefaLandTransformer`, for None.
    attribute_names : list of str
        The attributes.

    Returns
    -------
    list of str
        Their names.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    variable_set = preset(groups)
    if names is None:
        return [] if variable_set is None else variable_set.never_hidden_in(attribute_names)
    return [check_option("never_hidden", str(name), attribute_names) for name in names]


def name_classes(names, groups, panels):
    """Give the attributes that hold classes.

    Parameters
    ----------
    names : list of str or None
        Parameter of `StefaLandTransformer`.
    groups : dict, str or None
        Parameter of `StefaLandTransformer`, for None.
    panels : list of Panel
        The data.

    Returns
    -------
    list of str
        Their names.
    """
    variable_set = preset(groups)
    if names is None:
        there = {name for panel in panels for name in panel.attribute_names}
        classes = [] if variable_set is None else variable_set.categorical
        return [name for name in classes if name in there]
    return list(map(str, names))


def make_config(model, scaler):
    """Collect the sizes of the network.

    Parameters
    ----------
    model : StefaLandTransformer
        Its parameters.
    scaler : PanelScaler
        Its variables.

    Returns
    -------
    BackboneConfig
        Sizes and switches.

    Raises
    ------
    ValueError
        If a categorical attribute has fewer than two classes, or a size is not legal.
    """
    n_classes = [len(scaler.categories.get(name, ())) for name in scaler.attribute_names]
    for name, n in zip(scaler.attribute_names, n_classes, strict=True):
        if name in scaler.categories and n < 2:
            raise ValueError(
                f"`categorical` names {name!r}, which has {n} class in X: there is nothing to "
                "learn of it. Leave the attribute out."
            )
    return BackboneConfig(
        n_forcings=len(scaler.forcing_names),
        n_attributes=len(scaler.attribute_names),
        d_model=model.d_model,
        n_heads=model.n_heads,
        n_layers=model.n_layers,
        d_feedforward=model.d_feedforward,
        d_embedding=model.d_embedding,
        dropout=model.dropout,
        attention_dropout=0.0,  # its kernel is twice as fast, and masking regularises
        max_length=max(model.window + 1, 2),
        decoder=model.decoder,
        patch=model.patch,
        n_classes=n_classes,
    )


def make_mask_config(model):
    """Collect how masks are drawn.

    Parameters
    ----------
    model : StefaLandTransformer
        Its parameters.

    Returns
    -------
    MaskConfig
        Sampler, ratios, spans.
    """
    names = ("sampler", "forcing_ratio", "attribute_ratio", "span")
    return MaskConfig(**{name: getattr(model, name) for name in names})


def make_loss(model, config, scaler):
    """Make the loss of a pretraining.

    Parameters
    ----------
    model : StefaLandTransformer
        Its parameters.
    config : BackboneConfig
        Of the network.
    scaler : PanelScaler
        Its variables.

    Returns
    -------
    ReconstructionLoss
        The loss.

    Raises
    ------
    TypeError, ValueError
        If `variable_weights` is of the wrong kind or names an unknown variable.
    """
    weights, learned = model.variable_weights, model.variable_weights == "learned"
    if weights is None or learned:
        weights = {}
    elif not isinstance(weights, dict):
        raise TypeError(
            "`variable_weights` must be a dict of variable to weight, 'learned' or None. "
            f"Got {weights!r}."
        )
    names = scaler.forcing_names, scaler.attribute_names
    for name in weights:
        check_option("variable_weights", name, [*names[0], *names[1]])
    fixed = [[weights.get(name, 1.0) for name in part] for part in names]
    return ReconstructionLoss(
        config.n_forcings,
        config.n_attributes,
        n_classes=config.n_classes,
        attribute_weight=model.attribute_weight,
        forcing_weights=fixed[0],
        attribute_weights=fixed[1],
        learned=learned,
        error_scale=model.error_scale,
    )


def final_weights(loss, scaler):
    """Give the weight of each variable in a loss, learned or not.

    Parameters
    ----------
    loss : ReconstructionLoss
        After the training.
    scaler : PanelScaler
        Its variables.

    Returns
    -------
    dict of str to float
        Weight of the error of each variable.
    """
    weights = loss.weights
    if loss.log_variances is not None:
        weights = weights * (-loss.log_variances.detach()).exp()
    names = [*scaler.forcing_names, *scaler.attribute_names]
    return dict(zip(names, weights.tolist(), strict=True))
