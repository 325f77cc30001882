// ONNX files for tests.

export {
  type AttributeSpec,
  type FunctionSpec,
  float,
  type GraphSpec,
  type ModelSpec,
  model,
  modelMessage,
  type NodeSpec,
  type PortSpec,
  type TensorSpec,
} from '../../bench/models/onnx-file.js';
