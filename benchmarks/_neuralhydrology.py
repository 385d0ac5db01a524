"""One training of NeuralHydrology after another, in an environment that has that package.

    python benchmarks/_neuralhydrology.py JOB.json

`time_to_skill.py` writes the job and reads what comes back: for each training the updates, the
seconds of CPU time and the predictions at the basins held out. Nothing of this project is imported
but `_results`, which needs the standard library only.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from _results import peak_mib

STAGES = 20  # "epochs" of one training: as fine as its schedules of the learning rate are
CYCLE_RISE, CYCLE_LOW = 0.2, 25.0  # share of the rise, and the first rate below the highest


def schedule(kind, highest):
    """Give the learning rate of each stage, as the configuration wants it."""
    middle = (np.arange(STAGES) + 0.5) / STAGES
    if kind == "constant":
        rates = np.full(STAGES, highest)
    elif kind == "steps":  # shares and factors of the package's own example
        rates = highest * np.select([middle < 0.6, middle < 0.8], [1.0, 0.5], 0.1)
    else:  # one cycle, in steps
        rise = (1 - np.cos(np.pi * middle / CYCLE_RISE)) / 2
        fall = (1 + np.cos(np.pi * (middle - CYCLE_RISE) / (1 - CYCLE_RISE))) / 2
        low = highest / CYCLE_LOW
        rates = np.where(middle < CYCLE_RISE, low + (highest - low) * rise, highest * fall)
    # Number 0 is what the optimiser is made with; a stage sets its own before it begins.
    return {0: float(rates[0]), **{i + 1: float(rate) for i, rate in enumerate(rates)}}


def configuration(job, run, folder):
    """Give the settings of one training under the package's names."""
    layers = {"type": "fc", "activation": "tanh", "dropout": 0.0}
    embeddings = {
        "statics_embedding": {**layers, "hiddens": [64, 32]},
        "dynamics_embedding": {**layers, "hiddens": [32, 32]},
    }
    return {
        **(embeddings if run["embedding"] else {}),
        "experiment_name": "run",
        "run_dir": str(folder),
        "data_dir": job["data"],
        "dataset": "generic",
        "train_basin_file": job["basins"],
        "validation_basin_file": job["basins"],
        "test_basin_file": job["held_out_basins"],
        "train_start_date": job["period"][0],
        "train_end_date": job["period"][1],
        "validation_start_date": job["period"][0],
        "validation_end_date": job["period"][1],
        "test_start_date": job["check_period"][0],
        "test_end_date": job["check_period"][1],
        "dynamic_inputs": job["forcings"],
        "static_attributes": job["attributes"],
        "target_variables": ["runoff"],
        "clip_targets_to_zero": ["runoff"],
        "model": "cudalstm",
        "head": "regression",
        "output_activation": "linear",
        "hidden_size": job["d_hidden"],
        "initial_forget_bias": 3,
        "output_dropout": job["dropout"],
        "loss": run["loss"],
        "optimizer": "Adam",
        "clip_gradient_norm": run["clip"],
        "learning_rate": schedule(run["schedule"], run["lr"]),
        "batch_size": run["batch_size"],
        "seq_length": run["window"],
        "predict_last_n": run["supervised"],
        "epochs": STAGES,
        "max_updates_per_epoch": max(1, run["updates"] // STAGES),
        "save_weights_every": 10**6,
        "num_workers": 0,
        "device": "cpu",
        "seed": run["seed"],
        "verbose": 0,
        "log_interval": 0,
        "log_n_figures": 0,
        "log_tensorboard": False,
        "metrics": [],
    }


def train(job, run, folder, datasets):
    """Train once; give the trainer, and the process's CPU time before and after training."""
    from neuralhydrology.training.basetrainer import BaseTrainer
    from neuralhydrology.utils.config import Config
    from ruamel.yaml import YAML

    folder.mkdir(parents=True)
    with open(folder / "config.yml", "w", encoding="utf-8") as file:
        YAML().dump(configuration(job, run, folder), file)

    class Trainer(BaseTrainer):
        """The package's trainer, which reads the same data only once in a process."""

        def _get_dataset(self):
            key = run["window"], run["supervised"], run["loss"]
            if key not in datasets:
                datasets.clear()  # one at a time: the memory is measured
                datasets[key] = super()._get_dataset()
            return datasets[key]

    trainer = Trainer(Config(folder / "config.yml"))
    trainer.initialize_training()
    ready = time.process_time()
    trainer.train_and_validate()
    return trainer, ready, time.process_time()


def predict(trainer, held_out, forcings):
    """Run the model over the whole records of basins; give runoff [mm/d], (basin, day)."""
    scaler, model = trainer.loader.dataset.scaler, trainer.model
    center, scale = scaler["xarray_feature_center"], scaler["xarray_feature_scale"]
    series = {
        name: torch.from_numpy(
            (held_out["forcing"][:, :, v : v + 1] - float(center[name])) / float(scale[name])
        ).float()
        for v, name in enumerate(forcings)
    }
    # The package sorts the attributes by name.
    order = np.argsort(held_out["attribute_names"])
    names = held_out["attribute_names"][order]
    attributes = held_out["attributes"][:, order]
    attributes = attributes - scaler["attribute_means"][names].to_numpy()
    attributes = torch.from_numpy(attributes / scaler["attribute_stds"][names].to_numpy()).float()
    model.eval()
    with torch.inference_mode():
        data = model.pre_model_hook({"x_d": series, "x_s": attributes}, is_train=False)
        values = model(data)["y_hat"][..., 0].numpy()
    return values * float(scale["runoff"]) + float(center["runoff"])


def score_by_its_own(trainer):
    """Give the median NSE that the package's own tester finds in the days to check."""
    from neuralhydrology.evaluation import get_tester

    data = trainer.loader.dataset
    data.cfg.train_dir = trainer.cfg.train_dir  # where the tester looks for the scales
    data._dump_scaler()
    tester = get_tester(trainer.cfg, trainer.cfg.run_dir, period="test", init_model=False)
    found = tester.evaluate(save_results=False, metrics=["NSE"], model=trainer.model)
    return float(np.nanmedian([basin["1D"]["NSE"] for basin in found.values()]))


def main():
    """Train all runs of a job in turn; write predictions and one record each."""
    torch.set_num_threads(1)
    job = json.loads(Path(sys.argv[1]).read_text())
    held_out = np.load(job["held_out"])
    held_out = {name: held_out[name] for name in held_out.files}
    datasets = {}
    for i, run in enumerate(job["runs"]):
        trainer, ready, done = train(job, run, Path(job["output"]) / f"run{i}", datasets)
        # Only the first record's peak and start are those of a fresh process.
        record = {"start": ready, "seconds": done - ready, "peak": peak_mib()}
        record["updates"] = STAGES * trainer._max_updates_per_epoch
        np.save(Path(job["output"]) / f"{i}.npy", predict(trainer, held_out, job["forcings"]))
        if job["check"] and i == len(job["runs"]) - 1:
            record["by_its_own"] = score_by_its_own(trainer)
        print("RECORD", json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
