"""Engines: what runs a checkpoint's network. OpenVINO on CPU, torch on CUDA, torch float32 as the reference.

Each engine gives the same four operations on its own arrays, so that variants and means are computed on the device by
one piece of code (`predictor`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import threading
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from emstream.errors import CheckpointDamaged, EngineUnavailable
from emstream.host import limit_instructions
from emstream.models.checkpoint import Checkpoint
from emstream.settings import Settings
from emstream.volume.parallel import cores

UINT8 = NDArray[np.uint8]
Precision = Literal["f32", "bf16"]


class Engine(Protocol):
    """Loads checkpoints and computes. Arrays `Any` are the engine's own (numpy, or torch on its device)."""

    name: str
    precision: Precision
    lanes: int
    """Number of threads that may compute at once, each its own windows, and keep the whole device busy."""

    def fingerprint(self) -> dict[str, str]:
        """Return what decides the bytes of a prediction: engine, version, precision, instruction set or GPU."""

    def load(self, checkpoint: Checkpoint) -> int:
        """Make a checkpoint ready, once, and return its number for `forward`. Raises CheckpointDamaged."""

    def prepare(self, network: int, shape: tuple[int, int, int]) -> None:
        """Compile for windows (sections, y, x), so that the first batch need not wait. Raises CheckpointDamaged."""

    def to_device(self, windows: UINT8) -> Any:
        """Return windows as the engine's array."""

    def forward(self, network: int, windows: Any) -> Any:
        """windows (n, sections, y, x) uint8 -> probabilities (n, objects, y, x) float32, 0..1."""

    def flip(self, array: Any, axis: int) -> Any:
        """Return the array with one axis reversed."""

    def to_host(self, mean: Any) -> UINT8:
        """Quantise 0..1 to uint8, p = v / 255, rounding half to even."""


def _fill_tables(openvino: Any) -> None:
    """Compute something small, before lanes do.

    OpenVINO's Python part fills tables when they are first needed, and two threads that need one at once wait for each
    other for ever: one for the table, one for the interpreter's lock (seen with 2026.4).
    """
    opset = openvino.opset13
    given = opset.parameter([-1], np.uint8)
    model = openvino.Model([opset.convert(given, "f32")], [given])
    request = openvino.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1}).create_infer_request()
    np.asarray(request.infer([np.zeros(1, np.uint8)], share_inputs=True)[0])


class _Requests(threading.local):
    """OpenVINO's requests by network and window shape; each thread has its own, as one computes one thing at a time."""

    def __init__(self) -> None:
        self.own: dict[tuple[int, tuple[int, ...]], Any] = {}


class OpenVinoEngine:
    """The CPU engine. One compiled network per checkpoint and window shape, dynamic in the batch.

    Two lanes with half of the cores each: 7 % faster on two cores than one with both, as no core waits for the other
    within a layer, and where other processes use a fifth of a core it loses 6 % instead of 9 %.
    """

    name = "openvino"

    def __init__(
        self, precision: Literal["auto", "f32", "bf16"] = "auto", threads: int = 0, use_amx: bool = False
    ) -> None:
        if importlib.util.find_spec("openvino") is None:
            raise EngineUnavailable("the CPU engine is not installed: pip install 'emstream[cpu]'")
        self._instructions = limit_instructions(use_amx)
        import openvino

        self._openvino = openvino
        self._core = openvino.Core()
        _fill_tables(openvino)
        capabilities = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        can_bf16 = "BF16" in capabilities
        if precision == "bf16" and not can_bf16:
            raise EngineUnavailable("this processor has no bf16 instructions: use EMSTREAM_PRECISION=f32 or auto")
        # auto is f32: bf16 is slower where it is not built in (3.2 against 4.1 Mpx/s), and 4/255 from float32 (p99.9)
        self.precision: Precision = "bf16" if precision == "bf16" else "f32"
        self._threads = threads or cores()
        self.lanes = min(2, self._threads)
        self._requests = _Requests()
        self._capabilities = ",".join(sorted(capabilities))
        self._checkpoints: list[Checkpoint] = []
        self._compiled: dict[tuple[int, tuple[int, ...]], Any] = {}
        self._compiling = threading.Lock()

    def fingerprint(self) -> dict[str, str]:
        """See Engine. The thread count is not part of it: results do not depend on it (tested)."""
        return {
            "engine": self.name,
            "version": importlib.metadata.version("openvino"),
            "precision": self.precision,
            "device": str(self._core.get_property("CPU", "FULL_DEVICE_NAME")),
            "capabilities": self._capabilities,
            "instructions": self._instructions,
        }

    def load(self, checkpoint: Checkpoint) -> int:
        """See Engine. Compiling waits for the first window, whose shape decides."""
        known = [loaded.sha256 for loaded in self._checkpoints]
        if checkpoint.sha256 in known:
            return known.index(checkpoint.sha256)
        self._checkpoints.append(checkpoint)
        return len(known)

    def prepare(self, network: int, shape: tuple[int, int, int]) -> None:
        """See Engine."""
        self._compiled_for(network, shape)

    def to_device(self, windows: UINT8) -> UINT8:
        """See Engine."""
        return windows

    def forward(self, network: int, windows: UINT8) -> NDArray[np.float32]:
        """See Engine."""
        request = self._request_for(network, windows.shape[1:])
        result = request.infer([np.ascontiguousarray(windows)], share_inputs=True)
        return np.asarray(result[0], np.float32)

    def flip(self, array: Any, axis: int) -> Any:
        """See Engine."""
        return np.flip(array, axis)

    def to_host(self, mean: NDArray[np.float32]) -> UINT8:
        """See Engine."""
        return np.asarray(np.rint(mean * np.float32(255)), np.uint8)

    def _request_for(self, network: int, shape: tuple[int, ...]) -> Any:
        own = self._requests.own
        if (network, shape) not in own:
            own[network, shape] = self._compiled_for(network, shape).create_infer_request()
        return own[network, shape]

    def _compiled_for(self, network: int, shape: tuple[int, ...]) -> Any:
        key = (network, shape)
        with self._compiling:
            if key not in self._compiled:
                checkpoint = self._checkpoints[network]
                try:
                    model = self._core.read_model(str(checkpoint.path))
                    model.reshape([-1, *shape])
                    self._compiled[key] = self._core.compile_model(model, "CPU", self._options())
                except RuntimeError as error:
                    raise CheckpointDamaged(f"{checkpoint.path} does not run: {error}") from error
            return self._compiled[key]

    def _options(self) -> dict[str, object]:
        return {
            "INFERENCE_PRECISION_HINT": self.precision,
            "NUM_STREAMS": self.lanes,
            "INFERENCE_NUM_THREADS": self._threads,
        }


class TorchEngine:
    """torch on a CPU in float32 (the reference) or bf16, or on CUDA in bf16 with channels-last memory."""

    def __init__(
        self,
        device: Literal["cpu", "cuda"],
        precision: Literal["auto", "f32", "bf16"] = "auto",
        use_amx: bool = False,
    ) -> None:
        if importlib.util.find_spec("torch") is None:
            raise EngineUnavailable(
                "torch is not installed: pip install 'emstream[gpu]', or use EMSTREAM_ENGINE=openvino"
            )
        self._instructions = limit_instructions(use_amx)
        import torch

        if device == "cuda" and not torch.cuda.is_available():
            raise EngineUnavailable(
                "no CUDA device is visible to torch: use EMSTREAM_ENGINE=openvino, or check the driver"
            )
        self.lanes = 1
        self._torch = torch
        self._device = torch.device(device)
        self.name = "cuda" if device == "cuda" else "torch"
        default: Precision = "bf16" if device == "cuda" else "f32"
        self.precision: Precision = default if precision == "auto" else precision
        self._networks: list[Any] = []
        self._hashes: list[str] = []

    def fingerprint(self) -> dict[str, str]:
        """See Engine."""
        is_cuda = self.name == "cuda"
        name = (
            self._torch.cuda.get_device_name(self._device) if is_cuda else self._torch.backends.cpu.get_cpu_capability()
        )
        return {
            "engine": self.name,
            "version": self._torch.__version__,
            "precision": self.precision,
            "device": name,
            "instructions": self._instructions,
        }

    def load(self, checkpoint: Checkpoint) -> int:
        """See Engine."""
        from emstream_inference.torch_network import build

        if checkpoint.sha256 in self._hashes:
            return self._hashes.index(checkpoint.sha256)
        network: Any = build(checkpoint)
        network = network.to(self._device, memory_format=self._torch.channels_last)
        self._networks.append(network)
        self._hashes.append(checkpoint.sha256)
        return len(self._networks) - 1

    def prepare(self, network: int, shape: tuple[int, int, int]) -> None:
        """See Engine. Nothing is compiled."""

    def to_device(self, windows: UINT8) -> Any:
        """See Engine."""
        return self._torch.from_numpy(np.ascontiguousarray(windows)).to(self._device, non_blocking=True)

    def forward(self, network: int, windows: Any) -> Any:
        """See Engine."""
        torch = self._torch
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, torch.bfloat16, enabled=self.precision == "bf16"),
        ):
            return self._networks[network](windows)

    def flip(self, array: Any, axis: int) -> Any:
        """See Engine."""
        return self._torch.flip(array, (axis,))

    def to_host(self, mean: Any) -> UINT8:
        """See Engine."""
        quantised: UINT8 = (mean * 255).round().to(self._torch.uint8).cpu().numpy()
        return quantised


_made: dict[tuple[str, str, int], Engine] = {}
_lock = threading.Lock()


def make_engine(settings: Settings) -> Engine:
    """Return the engine that the settings name; auto takes CUDA where torch sees one, else OpenVINO.

    Raises EngineUnavailable with what to install. One engine per process and setting: networks are compiled once.
    """
    name = settings.engine
    if name == "auto":
        name = "cuda" if _cuda_is_there() else "openvino"
    key = (name, settings.precision, settings.threads)
    with _lock:
        if key not in _made:
            match name:
                case "openvino":
                    _made[key] = OpenVinoEngine(settings.precision, settings.threads, settings.amx)
                case "cuda":
                    _made[key] = TorchEngine("cuda", settings.precision)
                case _:
                    _made[key] = TorchEngine("cpu", settings.precision, settings.amx)
        return _made[key]


def _cuda_is_there() -> bool:
    """A driver's device file is looked for first: importing torch takes seconds."""
    if not Path("/dev/nvidiactl").exists() or importlib.util.find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()
