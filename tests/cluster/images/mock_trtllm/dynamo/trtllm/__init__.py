"""Stand-in for Dynamo's TensorRT-LLM worker: AIConfigurator's predictions served by Dynamo's real runtime, without GPUs."""
