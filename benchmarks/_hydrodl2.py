"""One measurement of the package hydrodl2, in a process and an environment of its own.

    PYTHON_OF_THAT_ENVIRONMENT benchmarks/_hydrodl2.py CASE

The package's licence is for non-commercial use; it is run here to compare with, nothing else.
CASE is JSON: days, sites, members, gradient, save (a file for the flow, or null).
"""

import json
import sys
import time

import torch
from _results import peak_mib

DYNAMIC = ["parBETA", "parK0", "parBETAET"]


def main(case):
    """Run the model once; print seconds of CPU time and memory."""
    import hydrodl2

    torch.set_num_threads(1)
    n_members = case["members"]
    options = {
        "warm_up": 0,
        "warm_up_states": False,
        "nmul": n_members,
        "dynamic_params": {"Hbv_1_1p": DYNAMIC},
        "variables": ["prcp", "tmean", "pet"],
        "routing": True,
        "dy_drop": 0.0,
        "nearzero": 1e-5,
    }
    model = hydrodl2.load_model("Hbv_1_1p")(options, device=torch.device("cpu"))
    forcing, raw = make_inputs(case["days"], case["sites"], n_members)
    raw.requires_grad_(case["gradient"])
    start = peak_mib()
    began = time.process_time()
    with torch.set_grad_enabled(case["gradient"]):
        flow = model({"x_phy": forcing}, raw)["streamflow"]
        if case["gradient"]:
            flow.sum().backward()
    values = {"seconds": time.process_time() - began, "peak": peak_mib() - start}
    if case.get("save"):
        torch.save(flow.detach().squeeze(-1), case["save"])
    print(json.dumps(values))


def make_inputs(n_times, n_sites, n_members):
    """Weather, and the raw numbers of all parameters on all days."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.rand(*shape, generator=generator)

    day = torch.arange(n_times).unsqueeze(1)
    season = torch.sin(2 * torch.pi * day / 365)
    shape = (n_times, n_sites)
    prcp = torch.where(draw(*shape) < 0.4, 25 * draw(*shape) ** 2, 0.0)
    tmean = 4 + 12 * season + 6 * (draw(*shape) - 0.5)
    pet = (2 + 1.8 * season + draw(*shape) - 0.5).clamp(min=0.0)
    raw = torch.randn(n_times, n_sites, 14 * n_members + 2, generator=generator)
    return torch.stack([prcp, tmean, pet], dim=2), raw


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
