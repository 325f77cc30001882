// A program on a GPU: its memory, and its launches one after the other.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "native/gpu/device.h"
#include "native/gpu/plan.h"
#include "native/program/tables.h"
#include "native/program/timeline.h"

namespace untangle::gpu {

/// A handle of cuBLAS, or none.
class CublasOwner {
 public:
  CublasOwner() = default;
  explicit CublasOwner(std::shared_ptr<const Device> device);
  CublasOwner(CublasOwner&& other) noexcept { swap(other); }
  CublasOwner& operator=(CublasOwner&& other) noexcept {
    CublasOwner(std::move(other)).swap(*this);
    return *this;
  }
  ~CublasOwner();
  CublasHandle get() const { return handle_; }

 private:
  void swap(CublasOwner& other) {
    std::swap(device_, other.device_);
    std::swap(handle_, other.handle_);
  }

  std::shared_ptr<const Device> device_;
  CublasHandle handle_ = nullptr;
};

/// Used by one thread at a time. Failures of the driver are thrown as GpuFailure.
class GpuSession {
 public:
  /// Uploads and plans a validated program, which is not needed afterwards, as layout_program has
  /// laid it out for this device and precision.
  ///
  /// Throws NoKernel when it was compiled for another device.
  GpuSession(std::shared_ptr<const Device> device, const Program& program,
             const DeviceLayout& layout, Precision precision);
  /// The same, laid out here.
  GpuSession(std::shared_ptr<const Device> device, const Program& program,
             Precision precision = Precision::kF32);
  /// Launches of the caller's own over the memory of a program (native/bench).
  using MakePlan = std::function<Plan(const Bases& bases)>;
  GpuSession(std::shared_ptr<const Device> device, const Program& program,
             const DeviceLayout& layout, Precision precision, const MakePlan& make_plan);
  ~GpuSession();

  /// What it takes on the device, as the driver counts it.
  size_t device_bytes() const { return plan_.layout.device_bytes; }
  /// Pinned memory for what comes and goes.
  size_t host_bytes() const { return plan_.layout.host_bytes; }
  const Device& device() const { return *device_; }
  /// Where the arena lies on the device, and whether it has halves.
  DevicePointer arena() const { return memory_.get() + plan_.layout.arena; }
  bool has_half_arena() const { return plan_.layout.has_half_arena; }

  /// Copies the inputs, so that the caller may reuse his memory while the run is in flight.
  void take_inputs(const float* const* inputs);

  struct Observer {
    const std::atomic<bool>& aborted;
    IndexFault& fault;
    Timeline* timeline = nullptr;  // receives the times of the commands
    std::atomic<uint32_t>* commands_done = nullptr;
  };

  /// Fills the outputs with what is no number, so that what a run does not write shows.
  void poison_outputs();

  /// Milliseconds of one pass over all commands, without transfers, from `replays` of a graph of
  /// them.
  double replay_ms(size_t replays);

  /// Runs all commands on the inputs taken last. Returns false when it ended early: aborted, or
  /// with a fault. After a GpuFailure the next run starts afresh, unless the device is lost.
  bool run(float* const* outputs, const Observer& observer);

 private:
  void upload(const Program& program, DevicePointer base);
  void wait_for_default_stream();
  std::byte* staging() const { return static_cast<std::byte*>(staging_.get()); }

  bool run_commands(const Observer& observer);
  void recover();
  void send_inputs();
  void fetch_outputs();
  void issue(const Step& step);
  void issue(const Launch& launch);
  void issue(const Product& product);
  void prepare_products();
  void issue_command(size_t command);
  void issue_commands() { issue_steps(plan_.first_step.front(), plan_.first_step.back()); }
  void issue_steps(size_t first, size_t last);
  template <typename Body>
  GraphExec capture(Body&& body);
  bool run_in_batches(const Observer& observer);
  void run_profiled(Timeline& timeline);
  void wait();
  bool take_fault(IndexFault& fault);

  std::shared_ptr<const Device> device_;
  const Driver& driver_;
  const Precision precision_;
  Plan plan_;
  // Ended in this order's reverse: what runs before what it uses.
  DeviceMemory memory_;
  HostMemory staging_;
  std::vector<Event> events_;
  Stream stream_;
  CublasOwner cublas_;  // where there are products
  GraphExec graph_;     // of a whole run
  GraphExec commands_;  // without transfers
  double recent_ms_ = 0;
  bool has_run_ = false;
};

}  // namespace untangle::gpu
