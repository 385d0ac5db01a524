"""An estimator that is watched: seconds, memory, warnings, threads."""

import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import joblib
from sklearn.base import BaseEstimator, RegressorMixin, clone
from threadpoolctl import threadpool_limits

from stefaland_sk.data import is_labelled

from ._warnings import recorded_warnings


class MeasuredRegressor(RegressorMixin, BaseEstimator):
    """Fit and predict with another estimator, under a protocol, and note what it takes.

    Parameters
    ----------
    estimator : estimator
        Unfitted regressor on panels.
    protocol : Protocol
        Its fit period is applied to the target.
    threads : int, default=None
        Threads of numerical libraries; None leaves them alone.
    """

    def __init__(self, estimator, protocol, threads=None):
        self.estimator = estimator
        self.protocol = protocol
        self.threads = threads

    def fit(self, X, y):
        """Fit a clone of the estimator on what the protocol lets it see.

        What goes wrong is raised by `predict`: then it is known which sites are held out.
        """
        target = self.protocol.fit_target(X, y)
        self.n_train_ = len(X)
        self.n_labelled_ = int(is_labelled(X, target).sum())
        self.estimator_ = clone(self.estimator)
        self.warnings_ = []
        self.error_ = None
        reset_peak_memory()
        try:
            with self._watched():
                begin, begin_cpu = time.perf_counter(), time.process_time()
                self.estimator_.fit(X, target)
                self.fit_seconds_ = time.perf_counter() - begin
                self.fit_cpu_seconds_ = time.process_time() - begin_cpu
        except Exception as error:
            self.error_ = error
        return self

    def predict(self, X):
        """Predict with the fitted estimator."""
        if self.error_ is not None:
            raise self.error_
        with self._watched():
            begin = time.perf_counter()
            self.predicted_ = self.estimator_.predict(X)
            self.predict_seconds_ = time.perf_counter() - begin
        return self.predicted_

    def report(self):
        """Give the measurements as a dictionary of plain values."""
        encoder = getattr(self.estimator_, "encoder_", None)
        about = getattr(encoder, "about", {})
        pretrain = about.get("pretrain_seconds", 0.0)
        cached = about.get("from_cache", False)
        inside = 0.0 if cached else pretrain
        inside_cpu = 0.0 if cached else about.get("pretrain_cpu_seconds", 0.0)
        return {
            "n_train": self.n_train_,
            "n_labelled": self.n_labelled_,
            "pretrain_seconds": pretrain,
            "pretrain_cpu_seconds": about.get("pretrain_cpu_seconds", 0.0),
            "fit_seconds": self.fit_seconds_ - inside,
            "fit_cpu_seconds": self.fit_cpu_seconds_ - inside_cpu,
            "predict_seconds": self.predict_seconds_,
            "n_epochs": getattr(self.estimator_, "n_epochs_", None),
            "n_parameters": count_parameters(self.estimator_),
            "peak_memory_mib": peak_memory(),
        }

    @contextmanager
    def _watched(self):
        """Hold the number of threads and keep the warnings for the end of the run."""
        with recorded_warnings() as caught, threads_of(self.threads):
            yield
        self.warnings_ += [entry for entry in dict.fromkeys(caught) if entry not in self.warnings_]


class Given(RegressorMixin, BaseEstimator):
    """Predictions that there are, in the form of a fitted estimator.

    Parameters
    ----------
    predicted : ndarray of shape (n_sites, n_times) or (n_sites,)
        What `predict` gives, whatever it is asked.
    """

    def __init__(self, predicted):
        self.predicted = predicted

    def predict(self, X):
        """Give the predictions."""
        return self.predicted


@contextmanager
def threads_of(number):
    """Hold the threads of BLAS, OpenMP and torch to a number; None leaves them alone.

    What an estimator does through joblib stays in its process, without further jobs unless it was
    told: a worker of a Dask cluster would hand it to all the others.
    """
    if number is None:
        yield
        return
    torch = sys.modules.get("torch")  # whoever needs it has loaded it
    before = torch.get_num_threads() if torch else None
    with threadpool_limits(number), joblib.parallel_config("threading", n_jobs=1):
        if torch:
            torch.set_num_threads(number)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)


def count_parameters(estimator):
    """Count the numbers that were learned: of networks, with a frozen encoder, or linear ones."""
    networks = [
        getattr(getattr(estimator, "net_", None), "module_", None),
        getattr(getattr(estimator, "encoder_", None), "module", None),
    ]
    counts = [sum(p.numel() for p in n.parameters()) for n in networks if n is not None]
    return int(sum(counts)) if counts else None


def reset_peak_memory():
    """Begin the peak anew where the system lets us (Linux); elsewhere it is that of all folds."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory():
    """Give the greatest resident memory of this process [MiB]; None where unknown."""
    try:
        status = Path("/proc/self/status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
