"""Several processes that train one network together, seen from one of them."""

import hashlib

import torch

from stefaland_sk._core import import_optional


class Processes:
    """The processes of a training; only one, unless it is distributed.

    They are started by ``torchrun --nproc-per-node n``, or on GPUs by ``accelerate launch``;
    the package accelerate finds them and joins them. Each holds the whole network, computes
    the gradient of its part of every batch, and moves by the mean of all gradients.

    Parameters
    ----------
    distributed : bool, default=False
        Whether to look for other processes.
    device : str, default="cpu"
        "cpu" keeps the work off the GPUs; with any other name each of several processes
        gets a GPU of its own.

    Attributes
    ----------
    rank, world : int
        Number of this process, and how many there are.
    is_main : bool
        Whether this is the process that prints and writes files.
    device : str
        Where this process computes.
    """

    def __init__(self, distributed=False, device="cpu"):
        self.rank, self.world, self.device = 0, 1, device
        if distributed:
            accelerate = import_optional("accelerate", "distributed", "`distributed=True`")
            state = accelerate.PartialState(cpu=str(device).startswith("cpu"))
            self.rank, self.world = state.process_index, state.num_processes
            # Several processes on one CPU are still on "the" CPU, which has no number.
            self.device = "cpu" if state.device.type == "cpu" else str(state.device)

    @property
    def is_main(self):
        """Whether this is the process that prints and writes files."""
        return self.rank == 0

    def sum(self, tensor):
        """Add a tensor over all processes; each gets the same result, to the bit."""
        return tensor if self.world == 1 else self._reduce(tensor, "sum")

    def any(self, flag):
        """Whether the flag is raised in any process; none goes on before all have asked."""
        if self.world == 1:
            return flag
        return bool(self.sum(torch.tensor(float(flag), device=self.device)) > 0)

    def average_gradients(self, parameters):
        """Replace each gradient by its mean over the processes."""
        if self.world == 1:
            return
        parameters = [parameter for parameter in parameters if parameter.requires_grad]
        # All processes must send the same number of values, whatever their part has used.
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        together = self.sum(torch.cat([values.flatten() for values in gradients])) / self.world
        sizes = [parameter.numel() for parameter in parameters]
        for parameter, mean in zip(parameters, together.split(sizes), strict=True):
            parameter.grad = mean.view_as(parameter)

    def check_same(self, text):
        """Raise in every process unless all give the same text.

        Parameters
        ----------
        text : str
            What describes the training.

        Raises
        ------
        ValueError
            If one differs.
        """
        if self.world == 1:
            return
        digest = hashlib.sha256(text.encode()).digest()
        number = torch.tensor(int.from_bytes(digest[:7]), device=self.device)
        if self._reduce(number, "max") != -self._reduce(-number, "max"):
            raise ValueError(
                f"The {self.world} processes of this training were given different data, "
                "parameters or seeds. Give all of them the same, an integer as `random_state` "
                "and the same file as `checkpoint`."
            )

    def _reduce(self, tensor, how):
        operations = import_optional("accelerate.utils", "distributed", "`distributed=True`")
        return operations.reduce(tensor, how)
