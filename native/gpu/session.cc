#include "native/gpu/session.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "native/gpu/half.h"
#include "native/gpu/kernels/params.h"

namespace untangle::gpu {

namespace {

// Commands that are queued before the first of them has to be done: enough to keep the device busy,
// few enough that an abort comes soon.
constexpr size_t kBatchCommands = 16;

// Shorter runs are replayed as one graph, which saves their launches but cannot be stopped.
constexpr double kGraphMs = 20;

/// [groups][panels][k_total][kPanel] as [k_total][groups][panels][kPanel].
std::vector<float> to_rows(const float* packed, const RowWeights& weights) {
  const size_t panels = size_t{weights.groups} * weights.panels;
  std::vector<float> rows(panels * weights.k_total * kPanel);
  for (size_t panel = 0; panel < panels; panel++) {
    for (size_t k = 0; k < weights.k_total; k++) {
      std::copy_n(packed + (panel * weights.k_total + k) * kPanel, kPanel,
                  rows.data() + (k * panels + panel) * kPanel);
    }
  }
  return rows;
}

}  // namespace

GpuSession::GpuSession(std::shared_ptr<const Device> device, const Program& program,
                       Precision precision)
    : GpuSession(device, program, layout_program(program, device->info(), precision), precision) {}

GpuSession::GpuSession(std::shared_ptr<const Device> device, const Program& program,
                       const DeviceLayout& layout, Precision precision)
    : GpuSession(device, program, layout, precision, [&](const Bases& bases) {
        return plan_program(program, device->info(), precision, layout, bases);
      }) {}

GpuSession::GpuSession(std::shared_ptr<const Device> device, const Program& program,
                       const DeviceLayout& layout, Precision precision, const MakePlan& make_plan)
    : device_(std::move(device)), driver_(device_->driver()), precision_(precision) {
  device_->make_current();
  memory_ = allocate_device(device_, layout.device_bytes);
  staging_ = allocate_host(device_, layout.host_bytes);
  // Like device memory: what a program never writes must not show what others left behind.
  std::memset(staging(), 0, layout.host_bytes);
  plan_ = make_plan({memory_.get(), mapped_address(*device_, staging_.get())});
  upload(program, memory_.get());
  stream_ = make_stream(device_);
  for (int i = 0; i < 2; i++) events_.push_back(make_event(device_));
  if (plan_.has_products) prepare_products();
}

GpuSession::~GpuSession() {
  // Whoever ends a session may be on a thread that has not seen the device yet.
  driver_.context_set(device_->context());
}

CublasOwner::CublasOwner(std::shared_ptr<const Device> device) : device_(std::move(device)) {
  check_cublas("cublasCreate", device_->cublas()->create(&handle_));
}

CublasOwner::~CublasOwner() {
  if (handle_ != nullptr) device_->cublas()->destroy(handle_);
}

/// cuBLAS with our stream, our memory and f32 that stays f32.
void GpuSession::prepare_products() {
  const Cublas& cublas = *device_->cublas();
  cublas_ = CublasOwner(device_);
  const int math_mode = precision_ == Precision::kF32 ? kCublasDefaultMath : kCublasTf32Math;
  check_cublas("cublasSetStream", cublas.set_stream(cublas_.get(), stream_.get()));
  check_cublas("cublasSetMathMode", cublas.set_math_mode(cublas_.get(), math_mode));
  if (cublas.set_workspace == nullptr) return;
  void* workspace = reinterpret_cast<void*>(memory_.get() + plan_.layout.cublas);
  check_cublas("cublasSetWorkspace",
               cublas.set_workspace(cublas_.get(), workspace, kCublasWorkspaceBytes));
}

void GpuSession::upload(const Program& program, DevicePointer base) {
  const auto copy = [&](size_t offset, const void* data, size_t bytes) {
    if (bytes > 0) check(driver_, "cuMemcpyHtoD", driver_.upload(base + offset, data, bytes));
  };
  const DeviceLayout& layout = plan_.layout;
  // What a program never writes must not show what others left behind.
  check(driver_, "cuMemsetD8", driver_.memory_set(base, 0, layout.device_bytes));
  for (const ConstantRun& run : layout.constants) {
    const std::span<const float> values = program.constants.subspan(run.first, run.count);
    std::vector<uint16_t> halves(run.is_half ? run.count : 0);
    if (run.is_half) std::transform(values.begin(), values.end(), halves.begin(), to_half);
    copy(run.device, run.is_half ? static_cast<const void*>(halves.data()) : values.data(),
         run.bytes());
  }
  for (const RowWeights& weights : plan_.row_weights) {
    const std::vector<float> rows = to_rows(program.constants.data() + weights.first, weights);
    copy(run_of(layout.constants, weights.first).offset(weights.first), rows.data(),
         rows.size() * sizeof(float));
  }
  copy(layout.regions, program.regions.data(), program.regions.size_bytes());
  copy(layout.taps, program.taps.data(), program.taps.size_bytes());
  copy(layout.ops, program.ops.data(), program.ops.size_bytes());
  copy(layout.indices, program.indices.data(), program.indices.size_bytes());
  copy(layout.tables, plan_.tables.data(), plan_.tables.size() * sizeof(uint32_t));
  wait_for_default_stream();
}

/// Copies from memory that is not pinned may return while their last piece is still on its way, and
/// our stream does not wait for the default one.
void GpuSession::wait_for_default_stream() {
  check(driver_, "cuStreamSynchronize", driver_.stream_synchronize(nullptr));
}

void GpuSession::take_inputs(const float* const* inputs) {
  for (size_t i = 0; i < plan_.layout.inputs.size(); i++) {
    const Transfer& input = plan_.layout.inputs[i];
    std::memcpy(staging() + input.host, inputs[i], input.bytes);
  }
}

void GpuSession::send_inputs() {
  const auto send = [this](const Transfer& transfer) {
    if (transfer.bytes == 0 || transfer.is_mapped || transfer.is_converted) return;
    check(driver_, "cuMemcpyHtoDAsync",
          driver_.copy_to_device(memory_.get() + transfer.device, staging() + transfer.host,
                                 transfer.bytes, stream_.get()));
  };
  for (const Transfer& input : plan_.layout.inputs) send(input);
  if (plan_.has_indices) send(plan_.layout.fault);
  issue_steps(0, plan_.first_step.front());
}

void GpuSession::fetch_outputs() {
  const auto fetch = [this](const Transfer& transfer) {
    if (transfer.bytes == 0 || transfer.is_mapped) return;
    check(driver_, "cuMemcpyDtoHAsync",
          driver_.copy_to_host(staging() + transfer.host, memory_.get() + transfer.device,
                               transfer.bytes, stream_.get()));
  };
  for (const Transfer& output : plan_.layout.outputs) fetch(output);
  if (plan_.has_indices) fetch(plan_.layout.fault);
}

void GpuSession::issue(const Launch& launch) {
  void* parameters[] = {plan_.parameters.data() + launch.parameters};
  check(driver_, "cuLaunchKernel",
        driver_.launch(device_->function(launch.kernel), launch.grid_x, launch.grid_y, 1,
                       kKernelThreads[static_cast<size_t>(launch.kernel)], 1, 1, 0, stream_.get(),
                       parameters, nullptr));
}

void GpuSession::issue(const Product& product) {
  constexpr float kOne = 1.0f;
  const float kept = product.adds ? 1.0f : 0.0f;
  const Cublas& cublas = *device_->cublas();
  check_cublas("cublasSgemmStridedBatched",
               cublas.gemm(cublas_.get(), kCublasNoTranspose, kCublasNoTranspose, product.m,
                           product.n, product.k, &kOne, product.a, product.lda, 0, product.b,
                           product.ldb, product.stride_b, &kept, product.c, product.ldc,
                           product.stride_c, product.batch));
}

void GpuSession::issue(const Step& step) {
  std::visit([this](const auto& one) { issue(one); }, step);
}

void GpuSession::issue_command(size_t command) {
  issue_steps(plan_.first_step[command], plan_.first_step[command + 1]);
}

void GpuSession::issue_steps(size_t first, size_t last) {
  for (size_t i = first; i < last; i++) issue(plan_.steps[i]);
}

void GpuSession::wait() {
  check(driver_, "cuStreamSynchronize", driver_.stream_synchronize(stream_.get()));
}

/// What `body` queues, as a graph.
template <typename Body>
GraphExec GpuSession::capture(Body&& body) {
  check(driver_, "cuStreamBeginCapture", driver_.capture_begin(stream_.get(), kCaptureThreadLocal));
  GraphHandle recorded = nullptr;
  try {
    body();
  } catch (...) {
    if (driver_.capture_end(stream_.get(), &recorded) == kSuccess) driver_.graph_destroy(recorded);
    throw;
  }
  check(driver_, "cuStreamEndCapture", driver_.capture_end(stream_.get(), &recorded));
  const Graph graph(device_, recorded, &Driver::graph_destroy);
  GraphExecHandle exec = nullptr;
  check(driver_, "cuGraphInstantiate", driver_.graph_instantiate(&exec, recorded));
  return {device_, exec, &Driver::graph_exec_destroy};
}

void GpuSession::poison_outputs() {
  for (const Transfer& output : plan_.layout.outputs) {
    if (output.bytes == 0) continue;
    if (output.is_mapped) {
      std::memset(staging() + output.host, 0xff, output.bytes);
      continue;
    }
    check(driver_, "cuMemsetD8",
          driver_.memory_set(memory_.get() + output.device, 0xff, output.bytes));
  }
  wait_for_default_stream();
}

double GpuSession::replay_ms(size_t replays) {
  device_->make_current();
  if (!commands_) {
    commands_ = capture([this] { issue_commands(); });
  }
  check(driver_, "cuEventRecord", driver_.event_record(events_[0].get(), stream_.get()));
  for (size_t i = 0; i < replays; i++) {
    check(driver_, "cuGraphLaunch", driver_.graph_launch(commands_.get(), stream_.get()));
  }
  check(driver_, "cuEventRecord", driver_.event_record(events_[1].get(), stream_.get()));
  check(driver_, "cuEventSynchronize", driver_.event_synchronize(events_[1].get()));
  float ms = 0;
  check(driver_, "cuEventElapsedTime",
        driver_.event_elapsed(&ms, events_[0].get(), events_[1].get()));
  return double{ms} / static_cast<double>(replays);
}

/// Queues commands with never more than two batches ahead of the device.
bool GpuSession::run_in_batches(const Observer& observer) {
  send_inputs();
  const size_t commands = plan_.first_step.size() - 1;
  for (size_t first = 0, batch = 0; first < commands; first += kBatchCommands, batch++) {
    const Event& event = events_[batch % events_.size()];
    if (batch >= events_.size()) {
      check(driver_, "cuEventSynchronize", driver_.event_synchronize(event.get()));
    }
    if (observer.aborted.load(std::memory_order_relaxed)) {
      wait();
      return false;
    }
    const size_t last = std::min(commands, first + kBatchCommands);
    for (size_t command = first; command < last; command++) issue_command(command);
    check(driver_, "cuEventRecord", driver_.event_record(event.get(), stream_.get()));
    if (observer.commands_done != nullptr) *observer.commands_done = static_cast<uint32_t>(first);
  }
  fetch_outputs();
  wait();
  return true;
}

/// One command after the other, each between two events: its time is the device's, its start the
/// host's.
void GpuSession::run_profiled(Timeline& timeline) {
  send_inputs();
  for (size_t command = 0; command + 1 < plan_.first_step.size(); command++) {
    const double start_ms = timeline.ms_at(Timeline::Clock::now());
    check(driver_, "cuEventRecord", driver_.event_record(events_[0].get(), stream_.get()));
    issue_command(command);
    check(driver_, "cuEventRecord", driver_.event_record(events_[1].get(), stream_.get()));
    check(driver_, "cuEventSynchronize", driver_.event_synchronize(events_[1].get()));
    float ms = 0;
    check(driver_, "cuEventElapsedTime",
          driver_.event_elapsed(&ms, events_[0].get(), events_[1].get()));
    timeline.set_command(command, start_ms, double{ms});
  }
  fetch_outputs();
  wait();
}

bool GpuSession::take_fault(IndexFault& fault) {
  if (!plan_.has_indices) return false;
  FaultRecord record;
  std::memcpy(&record, staging() + plan_.layout.fault.host, sizeof(record));
  if (record.first == UINT64_MAX) return false;
  fault.found = true;
  fault.command = record.first >> 32;
  fault.value = record.value;
  fault.size = record.size;
  return true;
}

/// Between two commands when they are queued; a graph is not stopped.
bool GpuSession::run_commands(const Observer& observer) {
  if (observer.timeline != nullptr) {
    run_profiled(*observer.timeline);
    return true;
  }
  const bool replays = has_run_ && recent_ms_ < kGraphMs;
  if (!replays) return run_in_batches(observer);
  if (!graph_) {
    graph_ = capture([this] {
      send_inputs();
      issue_commands();
      fetch_outputs();
    });
  }
  check(driver_, "cuGraphLaunch", driver_.graph_launch(graph_.get(), stream_.get()));
  wait();
  return true;
}

/// Waits for what a failed run left on its way; a device that cannot do that is lost.
void GpuSession::recover() {
  if (driver_.stream_synchronize(stream_.get()) != kSuccess) device_->mark_lost();
}

bool GpuSession::run(float* const* outputs, const Observer& observer) {
  using Clock = std::chrono::steady_clock;
  if (observer.aborted.load(std::memory_order_relaxed)) return false;
  const FaultRecord none{UINT64_MAX, 0, 0};
  std::memcpy(staging() + plan_.layout.fault.host, &none, sizeof(none));
  const Clock::time_point start = Clock::now();
  try {
    device_->make_current();
    if (!run_commands(observer)) return false;
  } catch (const GpuFailure&) {
    recover();
    throw;
  }
  has_run_ = true;
  recent_ms_ = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  if (take_fault(observer.fault)) return false;
  for (size_t i = 0; i < plan_.layout.outputs.size(); i++) {
    const Transfer& output = plan_.layout.outputs[i];
    std::memcpy(outputs[i], staging() + output.host, output.bytes);
  }
  if (observer.commands_done != nullptr) {
    *observer.commands_done = static_cast<uint32_t>(plan_.first_step.size() - 1);
  }
  return !observer.aborted.load(std::memory_order_relaxed);
}

}  // namespace untangle::gpu
