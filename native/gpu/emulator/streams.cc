// Streams, events and graphs of the emulated device: what is done when somebody waits.

#include <cstddef>
#include <cstring>
#include <ctime>

#include "native/gpu/emulator/block.h"
#include "native/gpu/emulator/state.h"

namespace untangle::gpu {

namespace {

struct Event {
  double ms = 0;
};

Event* of(EventHandle handle) { return reinterpret_cast<Event*>(handle); }

double now_ms() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

}  // namespace

extern "C" {

Status cuMemcpyHtoDAsync_v2(DevicePointer to, const void* from, size_t bytes, StreamHandle stream) {
  UNTANGLE_ENTER();
  const auto host = reinterpret_cast<uintptr_t>(from);
  if (!Emulator::holds(e.device_memory, to, bytes)) return kInvalidValue;
  if (!Emulator::holds(e.host_memory, host, bytes)) return kInvalidValue;
  of(stream)->add([=] { std::memcpy(reinterpret_cast<void*>(to), from, bytes); });
  return kSuccess;
}

Status cuMemcpyDtoHAsync_v2(void* to, DevicePointer from, size_t bytes, StreamHandle stream) {
  UNTANGLE_ENTER();
  const auto host = reinterpret_cast<uintptr_t>(to);
  if (!Emulator::holds(e.device_memory, from, bytes)) return kInvalidValue;
  if (!Emulator::holds(e.host_memory, host, bytes)) return kInvalidValue;
  of(stream)->add([=] { std::memcpy(to, reinterpret_cast<void*>(from), bytes); });
  return kSuccess;
}

Status cuStreamCreate(StreamHandle* stream, unsigned) {
  UNTANGLE_ENTER();
  auto* made = e.make<Stream>();
  e.streams.push_back(made);
  *stream = reinterpret_cast<StreamHandle>(made);
  return kSuccess;
}

Status cuStreamDestroy_v2(StreamHandle stream) {
  UNTANGLE_ENTER_RELEASE();
  of(stream)->drain();
  if (of(stream)->captured != nullptr) e.end(reinterpret_cast<Graph*>(of(stream)->captured));
  std::erase(e.streams, of(stream));
  e.end(of(stream));
  return status;
}

Status cuStreamSynchronize(StreamHandle stream) {
  UNTANGLE_ENTER();
  if (stream == nullptr) {
    e.drain_default();
    return kSuccess;
  }
  if (of(stream)->captured != nullptr) return kInvalidValue;
  of(stream)->drain();
  return kSuccess;
}

Status cuEventCreate(EventHandle* event, unsigned) {
  UNTANGLE_ENTER();
  *event = reinterpret_cast<EventHandle>(e.make<Event>());
  return kSuccess;
}

Status cuEventDestroy_v2(EventHandle event) {
  UNTANGLE_ENTER_RELEASE();
  e.end(of(event));
  return status;
}

Status cuEventRecord(EventHandle event, StreamHandle stream) {
  UNTANGLE_ENTER();
  of(stream)->add([event] { of(event)->ms = now_ms(); });
  return kSuccess;
}

Status cuEventSynchronize(EventHandle) {
  UNTANGLE_ENTER();
  for (Stream* stream : e.streams) stream->drain();
  return kSuccess;
}

Status cuEventElapsedTime(float* ms, EventHandle from, EventHandle to) {
  UNTANGLE_ENTER();
  *ms = static_cast<float>(of(to)->ms - of(from)->ms);
  return kSuccess;
}

Status cuLaunchKernel(FunctionHandle function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                      unsigned block_x, unsigned block_y, unsigned block_z, unsigned,
                      StreamHandle stream, void** parameters, void**) {
  UNTANGLE_ENTER();
  const auto* kernel = reinterpret_cast<const EmulatedKernel*>(function);
  const bool is_grid = grid_x > 0 && grid_y > 0 && grid_z > 0 && grid_x <= 0x7fffffffu &&
                       grid_y <= 65535 && grid_z <= 65535;
  if (!is_grid || block_x != kernel->threads || block_y != 1 || block_z != 1) return kInvalidValue;
  const auto* first = static_cast<const char*>(parameters[0]);
  // 16 bytes more than a vector promises to align: parameters may hold anything.
  std::vector<std::max_align_t> copy(kernel->parameter_bytes / sizeof(std::max_align_t) + 1);
  std::memcpy(copy.data(), first, kernel->parameter_bytes);
  of(stream)->add([=] { run_grid(*kernel, copy.data(), grid_x, grid_y, grid_z); });
  return kSuccess;
}

Status cuStreamBeginCapture_v2(StreamHandle stream, int) {
  UNTANGLE_ENTER();
  if (of(stream)->captured != nullptr) return kInvalidValue;
  of(stream)->captured = &e.make<Graph>()->works;
  return kSuccess;
}

Status cuStreamEndCapture(StreamHandle stream, GraphHandle* graph) {
  UNTANGLE_ENTER_RELEASE();
  Stream* capturing = of(stream);
  if (capturing->captured == nullptr) return kInvalidValue;
  auto* made = reinterpret_cast<Graph*>(capturing->captured);  // its only member
  capturing->captured = nullptr;
  if (status == kSuccess) {
    *graph = reinterpret_cast<GraphHandle>(made);
  } else {
    e.end(made);
  }
  return status;
}

Status cuGraphInstantiateWithFlags(GraphExecHandle* exec, GraphHandle graph, unsigned long long) {
  UNTANGLE_ENTER();
  auto* made = e.make<Graph>();
  made->works = reinterpret_cast<Graph*>(graph)->works;
  *exec = reinterpret_cast<GraphExecHandle>(made);
  return kSuccess;
}

Status cuGraphDestroy(GraphHandle graph) {
  UNTANGLE_ENTER_RELEASE();
  e.end(reinterpret_cast<Graph*>(graph));
  return status;
}

Status cuGraphLaunch(GraphExecHandle graph, StreamHandle stream) {
  UNTANGLE_ENTER();
  for (const Work& work : reinterpret_cast<Graph*>(graph)->works) of(stream)->add(work);
  return kSuccess;
}

Status cuGraphExecDestroy(GraphExecHandle graph) {
  UNTANGLE_ENTER_RELEASE();
  e.end(reinterpret_cast<Graph*>(graph));
  return status;
}

}  // extern "C"

}  // namespace untangle::gpu
