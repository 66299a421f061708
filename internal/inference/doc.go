// Package inference is the face through which programs ask models: the Open Inference Protocol v2 over REST with the
// binary tensor extension, and MLflow's /invocations. It decodes, asks the room serving once, and encodes.
//
// Rules of this face, where the protocols leave a choice:
//
//   - Without a version in the path the live package answers. A version in the path must be that of the live one.
//   - One tensor a column of the signature, shape [rows] or [rows, 1]. Integers and FP32 widen where nothing is lost, as
//     in MLflow; FP64 for a float column is refused.
//   - A missing number is null in JSON and NaN in binary. Answers never hold NaN or Infinity in JSON: they are null, or,
//     with the request parameter "nan": "error", an error that names the output.
//   - The request parameters "event_time" (RFC 3339, or a date) and "prediction_ids", "event_times" (lists, one a row) go
//     to the prediction log; "id" names the prediction, so that the same request sent twice leaves one row.
//   - Errors are {"error": …} with exactly application/json, and MLflow's {"error_code", "message"} for /invocations.
package inference
