"""Runs SavedModels through TensorFlow's C API, without TensorFlow's Python.

`TF_LoadSessionFromSavedModel` calls the C++ loader that TF Serving calls.

    python c_loader.py LIBRARIES INPUTS.npz OUTPUTS.npz < calls.json

`calls.json` holds `[key, path, {tensor of the graph: array of INPUTS}, tensor of the
graph]` for each call; OUTPUTS holds its output under `key`.
"""

import ctypes
import json
import sys
from pathlib import Path

import numpy as np

POINTER, INT, SIZE = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
DTYPES = {1: np.dtype(np.float32), 3: np.dtype(np.int32)}


class Output(ctypes.Structure):
    _fields_ = [("operation", POINTER), ("index", INT)]


SIGNATURES = {  # result, arguments
    "TF_NewStatus": (POINTER,),
    "TF_GetCode": (INT, POINTER),
    "TF_Message": (ctypes.c_char_p, POINTER),
    "TF_NewGraph": (POINTER,),
    "TF_NewSessionOptions": (POINTER,),
    "TF_LoadSessionFromSavedModel": (
        *(POINTER, POINTER, POINTER, ctypes.c_char_p),
        *(ctypes.POINTER(ctypes.c_char_p), INT, POINTER, POINTER, POINTER),
    ),
    "TF_GraphOperationByName": (POINTER, POINTER, ctypes.c_char_p),
    "TF_AllocateTensor": (POINTER, INT, ctypes.POINTER(ctypes.c_int64), INT, SIZE),
    "TF_TensorData": (POINTER, POINTER),
    "TF_TensorByteSize": (SIZE, POINTER),
    "TF_TensorType": (INT, POINTER),
    "TF_NumDims": (INT, POINTER),
    "TF_Dim": (ctypes.c_int64, POINTER, INT),
    "TF_SessionRun": (
        *(None, POINTER, POINTER),
        *(ctypes.POINTER(Output), ctypes.POINTER(POINTER), INT) * 2,
        *(POINTER, INT, POINTER, POINTER),
    ),
}


def load_library(folder):
    """The C API, each function with its types."""
    ctypes.CDLL(str(folder / "libtensorflow_framework.so.2"), ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(str(folder / "libtensorflow_cc.so.2"), ctypes.RTLD_GLOBAL)
    for name, (result, *arguments) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class SavedModel:
    """A session on a SavedModel, as the C++ loader makes it."""

    def __init__(self, library, path):
        self.c, self.status = library, library.TF_NewStatus()
        self.graph, tags = library.TF_NewGraph(), (ctypes.c_char_p * 1)(b"serve")
        options = library.TF_NewSessionOptions()
        self.session = library.TF_LoadSessionFromSavedModel(
            options, None, path.encode(), tags, 1, self.graph, None, self.status
        )
        self._check()

    def run(self, inputs, output):
        """The value of a tensor of the graph, given others by name."""
        names, values = zip(*inputs.items(), strict=True)
        outputs, result = (Output * 1)(self._output(output)), (POINTER * 1)()
        self.c.TF_SessionRun(
            *(self.session, None),
            (Output * len(names))(*map(self._output, names)),
            (POINTER * len(names))(*map(self._tensor, values)),
            len(names),
            *(outputs, result, 1, None, 0, None, self.status),
        )
        self._check()
        return self._array(result[0])

    def _output(self, name):
        operation, index = name.rsplit(":", 1)
        found = self.c.TF_GraphOperationByName(self.graph, operation.encode())
        assert found, f"{name} is not in the graph."
        return Output(found, int(index))

    def _tensor(self, array):
        array = np.require(array, requirements="C")
        kind = {v: k for k, v in DTYPES.items()}[array.dtype]
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        tensor = self.c.TF_AllocateTensor(kind, shape, array.ndim, array.nbytes)
        ctypes.memmove(self.c.TF_TensorData(tensor), array.ctypes.data, array.nbytes)
        return tensor

    def _array(self, tensor):
        shape = [self.c.TF_Dim(tensor, i) for i in range(self.c.TF_NumDims(tensor))]
        size = self.c.TF_TensorByteSize(tensor)
        content = ctypes.string_at(self.c.TF_TensorData(tensor), size)
        dtype = DTYPES[self.c.TF_TensorType(tensor)]
        return np.frombuffer(content, dtype).reshape(shape)

    def _check(self):
        if self.c.TF_GetCode(self.status) != 0:
            sys.exit(self.c.TF_Message(self.status).decode())


def main(libraries, given, out):
    library, arrays = load_library(Path(libraries)), np.load(given)
    models, results = {}, {}
    for key, path, inputs, output in json.load(sys.stdin):
        if path not in models:
            models[path] = SavedModel(library, path)
        feeds = {tensor: arrays[name] for tensor, name in inputs.items()}
        results[key] = models[path].run(feeds, output)
    assert not {"tensorflow", "keras", "keras_gen"} & set(sys.modules)
    np.savez(out, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
