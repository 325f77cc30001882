#include "native/bench/col2im.h"

#include <algorithm>
#include <cstring>

#include "native/gpu/kernels/params.h"

namespace untangle::bench {

namespace {

/// Addresses of the layer's memory.
struct Parts {
  const float* x;        // [pixels][groups][inputs of a group]
  const float* weights;  // [groups][inputs][taps][outputs]
  const float* bias;
  float* columns;  // [pixels][groups][taps][outputs]
  float* y;
};

Parts parts_of(const LayerProgram& layer, const gpu::DeviceLayout& layout,
               gpu::DevicePointer base) {
  const auto at = [base](size_t offset) { return reinterpret_cast<float*>(base + offset); };
  const Program& program = layer.program();
  const size_t weights = program.constants.size() - layer.layer().outputs;
  return {at(layout.arena), at(layout.constants[0].device),
          at(layout.constants[0].device) + weights, at(layout.arena) + layer.input_floats(),
          at(layout.outputs[0].device)};
}

void add_products(const Layer& layer, const Parts& parts, gpu::Plan& plan) {
  const auto word = [](uint32_t value) { return static_cast<int>(value); };
  const uint32_t group_inputs = layer.inputs / layer.groups;
  const uint32_t columns = layer.kernel * layer.kernel * (layer.outputs / layer.groups);
  for (uint32_t group = 0; group < layer.groups; group++) {
    gpu::Product product{};
    product.m = word(columns);
    product.n = word(layer.batch * layer.height * layer.width);
    product.k = word(group_inputs);
    product.a = parts.weights + size_t{group} * group_inputs * columns;
    product.lda = word(columns);
    product.b = parts.x + group * group_inputs;
    product.ldb = word(layer.inputs);
    product.c = parts.columns + size_t{group} * columns;
    product.ldc = word(layer.groups * columns);
    product.batch = 1;
    product.adds = false;
    plan.steps.emplace_back(product);
  }
  plan.has_products = true;
}

void add_sums(const Layer& layer, const Parts& parts, uint32_t multiprocessors, gpu::Plan& plan) {
  gpu::Col2imParams params{};
  params.columns = parts.columns;
  params.bias = parts.bias;
  params.y = parts.y;
  params.activation.fn = static_cast<uint32_t>(Unary::kRelu);
  params.batch = layer.batch;
  params.height = layer.height;
  params.width = layer.width;
  params.out_height = layer.out_height();
  params.out_width = layer.out_width();
  params.groups = layer.groups;
  params.group_outputs = layer.outputs / layer.groups;
  params.kernel = layer.kernel;
  params.stride = layer.stride;
  params.dilation = layer.dilation;
  params.pad = layer.pad;
  const uint32_t outputs = layer.batch * layer.out_height() * layer.out_width() * layer.outputs;
  const uint32_t blocks = (outputs + gpu::kThreads - 1) / gpu::kThreads;
  plan.parameters.resize(sizeof(params));
  std::memcpy(plan.parameters.data(), &params, sizeof(params));
  plan.steps.emplace_back(
      gpu::Launch{gpu::Kernel::col2im, std::min(blocks, 32 * multiprocessors), 1, 0});
}

}  // namespace

gpu::GpuSession col2im_session(const std::shared_ptr<const gpu::Device>& device,
                               const LayerProgram& layer) {
  gpu::DeviceLayout layout =
      gpu::layout_program(layer.program(), device->info(), gpu::Precision::kF32);
  layout.cublas = layout.device_bytes;
  layout.device_bytes += gpu::kCublasWorkspaceBytes;
  return gpu::GpuSession(device, layer.program(), layout, gpu::Precision::kF32,
                         [&](const gpu::Bases& bases) {
                           gpu::Plan plan;
                           plan.layout = layout;
                           const Parts parts = parts_of(layer, layout, bases.memory);
                           add_products(layer.layer(), parts, plan);
                           add_sums(layer.layer(), parts, device->info().multiprocessors, plan);
                           plan.first_step = {0, static_cast<uint32_t>(plan.steps.size())};
                           return plan;
                         });
}

}  // namespace untangle::bench
