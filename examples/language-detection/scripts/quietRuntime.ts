/** To be imported before ONNX Runtime, which otherwise reports its use to its maker. */
process.env.ORT_DISABLE_TELEMETRY = "1";
