"""Training on several devices: which ones work together, what each reads, which process writes.

Two strategies, both with Keras' `fit` on top:

- `"mirrored"`: all devices of one machine, `tf.distribute.MirroredStrategy` (TensorFlow backend);
- `"data_parallel"`: all devices of one or several machines, `keras.distribution.DataParallel` (JAX
  backend). Several machines run the same command, with the variables `ENVIRONMENT` set.

A batch is that of all devices together: the weights that come out are those of one device, to float
tolerance (batch normalisation included, which sees the whole batch).
"""

import contextlib
import functools
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._errors import invalid, unknown
from kerazoo._locks import holding

if TYPE_CHECKING:  # Keras and its backend are imported where they are used: recipes need neither
    import keras
    import tensorflow as tf

log = logging.getLogger("kerazoo")

STRATEGIES = ("none", "mirrored", "data_parallel")
BACKENDS = {"mirrored": "tensorflow", "data_parallel": "jax"}
# What `keras.distribution.initialize` reads.
ADDRESSES, PROCESSES, PROCESS = ENVIRONMENT = (
    "KERAS_DISTRIBUTION_JOB_ADDRESSES",
    "KERAS_DISTRIBUTION_NUM_PROCESSES",
    "KERAS_DISTRIBUTION_PROCESS_ID",
)
SEVERAL_MACHINES = (
    "several machines train with the strategy 'data_parallel' on JAX: run the same command on each "
    f"with KERAS_BACKEND=jax, {ADDRESSES}=<host of process 0>:<port>, {PROCESSES}=<how many> and "
    f"{PROCESS}=<0, 1, …> (docs/backends.md)"
)


def check_strategy(strategy: str) -> None:
    """Refuses what is no strategy, and the one of TensorFlow that Keras cannot train with.

    Raises:
        ValueError: for an unknown name; one of a multi-worker strategy names the alternative.
    """
    if isinstance(strategy, str) and "multi" in strategy.lower():
        rule = f"one of {', '.join(STRATEGIES)}: `fit` fails under MultiWorkerMirroredStrategy"
        raise invalid("strategy", strategy, f"{rule} in Keras 3; {SEVERAL_MACHINES}")
    if strategy not in STRATEGIES:
        raise unknown("strategy", strategy, STRATEGIES)


def start(strategy: str) -> None:
    """Joins the processes of all machines; call it before Keras makes its first tensor.

    A second call does nothing.

    Args:
        strategy: `"none"`, `"mirrored"` or `"data_parallel"`.

    Raises:
        ValueError: for another strategy, another backend than it needs, or an environment that
            says something else: several workers in `TF_CONFIG`, several processes without
            `"data_parallel"`, or a part of `ENVIRONMENT`.
    """
    check_strategy(strategy)
    _refuse_tf_workers()
    count, index = _environment()
    if strategy != "data_parallel" and count > 1:
        raise invalid("strategy", strategy, f"'data_parallel' where {PROCESSES} is {count}")
    if strategy == "none":
        return
    import keras

    backend, needed = keras.backend.backend(), BACKENDS[strategy]
    if backend != needed:
        rule = f"one for the backend in use, {backend}: {strategy!r} needs KERAS_BACKEND={needed}"
        raise invalid("strategy", strategy, rule)
    if count > 1:
        import jax

        if not jax.distributed.is_initialized():
            keras.distribution.initialize()
        log.info("Process %d of %d; %d devices.", index, count, len(jax.devices()))


def scope(strategy: str) -> contextlib.AbstractContextManager[Any]:
    """Within it, networks and optimizers are made, compiled and trained on all devices."""
    check_strategy(strategy)
    if strategy == "mirrored":
        return _mirrored().scope()
    if strategy == "data_parallel" and replicas(strategy) > 1:
        return _data_parallel().scope()
    return contextlib.nullcontext()


def replicas(strategy: str) -> int:
    """How many devices share a batch."""
    if strategy == "mirrored":
        return _mirrored().num_replicas_in_sync
    if strategy == "data_parallel":
        return _data_parallel().num_model_replicas
    return 1


def is_chief() -> bool:
    """Whether this process is the one that writes files and reports."""
    return _process()[1] == 0


def batches(dataset: "tf.data.Dataset", strategy: str) -> "tf.data.Dataset":
    """What `fit` and `evaluate` take on this process.

    Every process makes the same batches and takes its own part of each, in the order of processes,
    so that all parts together are the batch. A last batch that devices cannot share evenly loses
    the pictures left over (fewer than there are devices).

    Args:
        dataset: Batches of all devices, the same and in the same order on every process.
        strategy: As for `start`.

    Raises:
        ValueError: where the batch size is no multiple of the number of devices.
    """
    count = replicas(strategy)
    if count == 1:
        return dataset
    import tensorflow as tf

    processes, index = _process()
    sizes = {spec.shape[0] for spec in tf.nest.flatten(dataset.element_spec)}
    for size in sizes - {None}:
        if size % count:
            raise invalid("batch_size", size, f"a multiple of the number of devices, {count}")

    def share(*parts):
        first = tf.nest.flatten(parts)[0]
        size = first.shape[0] or tf.shape(first)[0]
        each = size // count * count // processes
        mine = tf.nest.map_structure(lambda x: x[index * each : (index + 1) * each], parts)
        return mine if len(mine) > 1 else mine[0]

    shares = dataset.map(share, tf.data.AUTOTUNE)
    if None in sizes:
        shares = shares.filter(lambda *parts: tf.shape(tf.nest.flatten(parts)[0])[0] > 0)
    return shares.prefetch(tf.data.AUTOTUNE)


def adapt(
    model: "keras.Model", optimizer: "keras.optimizers.Optimizer", strategy: str
) -> "keras.optimizers.Optimizer":
    """Lets a network and its optimizer treat the batch of all devices as one; before `compile`.

    On JAX they do. `MirroredStrategy` trains a copy on every device: batch normalisation is told to
    use the statistics of all copies (`synchronized`), and gradients are summed before they are
    clipped, not after, as Keras has it.

    Args:
        model, optimizer: Made in `scope(strategy)`.
        strategy: As for `start`.

    Returns:
        The optimizer to compile with.

    Raises:
        ValueError: for an optimizer that accumulates gradients, which Keras cannot do with
            `"mirrored"`.
    """
    if strategy != "mirrored" or replicas(strategy) == 1:
        return optimizer
    from kerazoo.training.optim.summed_gradients import sum_before_clipping
    from kerazoo.training.transfer.batch_norm import batch_norms

    inner = getattr(optimizer, "inner_optimizer", optimizer)
    steps = inner.gradient_accumulation_steps
    if steps:
        rule = "1 with the strategy 'mirrored': Keras cannot accumulate gradients there"
        raise invalid("accumulate", steps, rule)
    for layer in batch_norms(model):
        layer.synchronized = True
    if inner.clipnorm or inner.clipvalue or inner.global_clipnorm:
        sum_before_clipping(inner)
    return optimizer


def local_copy(model: "keras.Model") -> "keras.Model":
    """The network on this process alone, to be used outside of `scope`."""
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


def chief_does(call: Callable[[], None]) -> None:
    """Calls on the chief alone; the others wait for it, and stop where it had to.

    Raises:
        Exception: what `call` raises, on the chief.
        RuntimeError: on the others then. Left alone, they would wait for it for minutes.
    """
    processes, index = _process()
    if processes == 1:
        return call()
    import numpy as np
    from jax.experimental import multihost_utils

    error = None
    if index == 0:
        try:
            call()
        except Exception as found:
            error = found
    failed = multihost_utils.broadcast_one_to_all(np.int32(error is not None))
    if error is not None:
        raise error
    if failed:
        raise RuntimeError("Process 0 cannot go on; its message says why.")


@contextlib.contextmanager
def chief_holds(output: Path) -> Iterator[None]:
    """Within it, no process but those of this run writes into the folder `output`.

    Raises:
        ValueError: On the chief, where another does.
        RuntimeError: On the others then.
    """
    with contextlib.ExitStack() as stack:
        chief_does(lambda: stack.enter_context(holding(output)))
        yield


def check_same(what: str, numbers: Sequence[int]) -> None:
    """Compares with the other processes.

    Raises:
        ValueError: where they have other numbers.
    """
    if _process()[0] == 1:
        return
    import numpy as np
    from jax.experimental import multihost_utils

    found = np.asarray(multihost_utils.process_allgather(np.asarray(numbers, "int32"))).tolist()
    if any(each != found[0] for each in found):
        rule = "the same on all machines, which must see the same output folder"
        raise invalid(what, {i: tuple(each) for i, each in enumerate(found)}, rule)


def _process() -> tuple[int, int]:
    """How many processes there are, and which one this is."""
    import keras

    if keras.backend.backend() != "jax":
        return 1, 0
    import jax

    return jax.process_count(), jax.process_index()


@functools.cache  # a second MirroredStrategy in one process would mix up its collectives with ours
def _mirrored() -> Any:
    import tensorflow as tf

    # By default it takes GPUs, or one CPU even where there are several logical ones.
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


@functools.cache
def _data_parallel() -> Any:
    import keras

    # `batches` shares out the data: Keras' own way ends in a deadlock where a last batch is short.
    return keras.distribution.DataParallel(auto_shard_dataset=False)


def _environment() -> tuple[int, int]:
    """Number of processes and that of this one, as the environment says."""
    given = {name: os.environ[name] for name in ENVIRONMENT if os.environ.get(name)}
    if not given:
        return 1, 0
    for name in ENVIRONMENT:
        if name not in given:
            raise invalid(name, None, f"set as well; {SEVERAL_MACHINES}")
    count, index = given[PROCESSES], given[PROCESS]
    if not count.isdecimal() or int(count) < 1:
        raise invalid(PROCESSES, count, "a positive number")
    if not index.isdecimal() or int(index) >= int(count):
        raise invalid(PROCESS, index, f"a number from 0 to {int(count) - 1}")
    return int(count), int(index)


def _refuse_tf_workers() -> None:
    text = os.environ.get("TF_CONFIG")
    if not text:
        return
    try:
        cluster = json.loads(text).get("cluster", {})
        workers = [each for job in ("chief", "worker") for each in cluster.get(job, [])]
    except (ValueError, AttributeError, TypeError):
        raise invalid("TF_CONFIG", text, "JSON as TensorFlow defines it, or unset") from None
    if len(workers) > 1:
        rule = "without several workers: `fit` fails under MultiWorkerMirroredStrategy in Keras 3"
        raise invalid("TF_CONFIG", text, f"{rule}; {SEVERAL_MACHINES}")
