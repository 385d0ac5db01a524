"""Networks on devices: one copy for each, made when it is first asked for."""

import copy

import torch


def on_device(module, device, copies):
    """Give a module on a device.

    Parameters
    ----------
    module : Module
        On the CPU.
    device : str or torch.device
        Where to compute.
    copies : dict
        Copies made before, by device; a new one is added.

    Returns
    -------
    Module
        The module itself on the CPU; elsewhere a copy, made once.
    """
    device = torch.device(device)
    if device.type == "cpu":
        return module
    if device not in copies:
        copies[device] = copy.deepcopy(module).to(device)
    return copies[device]
