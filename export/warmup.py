"""Warm-up records: requests that TF Serving replays when it loads a model."""

# protobuf makes its classes at run time
# pyright: reportAttributeAccessIssue=false

from pathlib import Path

import numpy as np
import tensorflow as tf

FILE = "assets.extra/tf_serving_warmup_requests"


def write(
    folder: Path, model_name: str, inputs: dict[str, dict[str, np.ndarray]]
) -> bool:
    """Writes one request per endpoint, with one row of its reference inputs.

    Args:
        folder: Version folder of a SavedModel.
        model_name: Name under which the model is served.
        inputs: Arrays by endpoint and input name.

    Returns:
        Whether records were written, which requires `tensorflow-serving-api`.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError:
        return False
    path = folder / FILE
    path.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for endpoint, arrays in inputs.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name = model_name
            request.model_spec.signature_name = endpoint
            for name, array in arrays.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(array[:1]))
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())
    return True
