"""What pretraining learns: reconstruct hidden variables at sites of regions held out.

    python benchmarks/reconstruct_held_out_regions.py [CORPUS.toml] [--epochs 4]

The first panel of the corpus is the one that is tested, region by region. For each region an
encoder is pretrained on everything else: the other regions of the first panel, and the other
panels without their sites in that region. Then, at each held-out site, every forcing variable is
hidden on all days, and every attribute together with its group, and reconstructed from the rest.
The same is asked of a ridge regression on the visible variables (same day's forcing and all
attributes for a forcing variable; the other groups' attributes with mean and spread of all forcing
for an attribute), which is fitted on the training sites of the first panel. The skill is one minus
the mean squared error over that of the training mean.

Encoders are kept in the folder --out, and unfinished ones are taken up again.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import RESULTS, write_results
from joblib import Parallel, delayed
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stefaland_sk import StefaLandTransformer
from stefaland_sk.datasets import load_corpus

EVERY = 5  # the linear model of a forcing variable is fitted on each fifth day


def without_region(panel, region):
    """Give the sites outside a region; panels without regions stay whole."""
    if "region" not in panel.sites:
        return panel
    return panel[(panel.sites["region"].astype(str) != region).to_numpy()]


def linear_model():
    """Make a ridge regression that takes missing values for the mean."""
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), Ridge(1.0))


def mean_square(error):
    """Give the mean of the squares of what is not missing."""
    return float(np.nanmean(np.square(error))) if np.isfinite(error).any() else np.nan


def linear_errors(train, test):
    """Give the mean squared errors of the linear model, and of the training mean, by variable."""
    linear, constant = {}, {}

    def compare(name, true, predicted, mean):
        linear[name], constant[name] = mean_square(predicted - true), mean_square(mean - true)

    parts = {name: panel.forcing for name, panel in (("train", train), ("test", test))}
    tables = {"train": train.attributes.to_numpy(), "test": test.attributes.to_numpy()}

    def days(part, name, step):
        """Same day's other forcing and the site's attributes, for each day of each site."""
        forcing, table = parts[part][:, ::step], tables[part]
        others = [i for i, other in enumerate(train.forcing_names) if other != name]
        fixed = np.repeat(table[:, None], forcing.shape[1], axis=1)
        inputs = np.concatenate([forcing[:, :, others], fixed], axis=2)
        column = train.forcing_names.index(name)
        return inputs.reshape(-1, inputs.shape[2]), forcing[:, :, column].ravel()

    for name in train.forcing_names:
        X, y = days("train", name, EVERY)
        kept = np.isfinite(y)
        model = linear_model().fit(X[kept], y[kept])
        X, true = days("test", name, 1)
        compare(name, true, model.predict(X), y[kept].mean())
    climate = {
        part: np.concatenate([np.nanmean(f, axis=1), np.nanstd(f, axis=1)], axis=1)
        for part, f in parts.items()
    }
    group_of = {a: g for g, members in train.groups.items() for a in members}
    for column, name in enumerate(train.attribute_names):
        group = group_of.get(name)
        visible = [
            i
            for i, other in enumerate(train.attribute_names)
            if other != name and (group is None or group_of.get(other) != group)
        ]
        X = {part: np.concatenate([tables[part][:, visible], climate[part]], 1) for part in parts}
        y = tables["train"][:, column]
        kept = np.isfinite(y)
        if kept.sum() < 2:
            continue
        model = linear_model().fit(X["train"][kept], y[kept])
        compare(name, tables["test"][:, column], model.predict(X["test"]), y[kept].mean())
    return linear, constant


def one_region(panels, region, options):
    """Pretrain without a region and judge both models there; give tidy rows."""
    torch.set_num_threads(1)
    first = panels[0]
    train = [without_region(panel, region) for panel in panels]
    test = first[(first.sites["region"].astype(str) == region).to_numpy()]
    path = Path(options.out) / f"without_region_{region}.safetensors"
    if path.exists():
        model = StefaLandTransformer.load(path)
    else:
        model = StefaLandTransformer(
            patch=1,
            max_epochs=options.epochs,
            checkpoint=path.with_suffix(".unfinished"),
            precision=options.precision,
            random_state=options.seed,
            verbose=1,
        ).fit(train)
        model.save(path)
    scores = model.score_variables(test).set_index("variable")
    linear, constant = linear_errors(train[0], test)
    rows = []
    for name in constant:
        for kind, error in (("stefaland", scores["rmse"][name] ** 2), ("linear", linear[name])):
            role = "forcing" if name in first.forcing_names else "attribute"
            rows.append(
                {
                    "protocol": f"{options.name}-region-held-out",
                    "model": kind,
                    "seed": options.seed,
                    "fold": region,
                    "variable": name,
                    "role": role,
                    "n_sites": test.n_sites,
                    "metric": "skill",
                    "value": round(float(1 - error / constant[name]), 4),
                }
            )
    return rows


def main():
    """Parse the command line, run the regions, write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "corpus",
        nargs="?",
        default=Path(__file__).with_name("corpus.toml"),
        help="description of the panels, see load_corpus (default: that beside this script)",
    )
    parser.add_argument("--name", default="camels-us", help="of the protocol")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", default=Path(tempfile.gettempdir()) / "held_out_encoders")
    parser.add_argument("--output", type=Path, default=RESULTS / "reconstruction.csv")
    options = parser.parse_args()
    Path(options.out).mkdir(parents=True, exist_ok=True)
    panels = load_corpus([options.corpus])
    regions = sorted(panels[0].sites["region"].astype(str).unique())
    work = Parallel(n_jobs=options.jobs)(
        delayed(one_region)(panels, region, options) for region in regions
    )
    table = pd.DataFrame([row for rows in work for row in rows])
    write_results(
        options.output,
        table,
        "Skill of reconstructions at sites of regions held out: 1 - MSE / MSE of the training mean",
        command=f"benchmarks/reconstruct_held_out_regions.py --epochs {options.epochs} "
        f"--precision {options.precision}",
        packages=["torch", "scikit-learn"],
        seed=options.seed,
        machine=f"{options.jobs} jobs of 1 thread",
    )
    median = table.groupby(["role", "variable", "model"], sort=False)["value"].median()
    print(median.unstack().to_string())


if __name__ == "__main__":
    main()
