// Threads of a block as fibers: each runs until it waits for the others, then the next has its
// turn.

#include "native/gpu/emulator/block.h"

#include <memory>
#include <vector>

#include "native/gpu/emulator/device.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace untangle::gpu {

Index3 threadIdx, blockIdx, blockDim, gridDim;

namespace {

constexpr size_t kStackBytes = 64 * 1024;
// Stacks a multiple of 4 KiB apart would share few sets of the cache.
constexpr size_t kStackStep = kStackBytes + 832;

struct Launch {
  const EmulatedKernel* kernel = nullptr;
  const void* parameters = nullptr;
};
Launch current;

void run_thread();

#if defined(__x86_64__)

/// Saves what a call keeps on the stack of one fiber and takes it from another's.
extern "C" void untangle_switch_stack(void** from, void* to);
__asm__(
    ".text\n"
    ".globl untangle_switch_stack\n"
    ".hidden untangle_switch_stack\n"
    ".type untangle_switch_stack, @function\n"
    "untangle_switch_stack:\n"
    "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
    "  ret\n"
    ".size untangle_switch_stack, .-untangle_switch_stack\n");

struct Context {
  void* stack = nullptr;

  /// The next switch to it calls run_thread on `memory`.
  void prepare(char* memory) {
    auto top = reinterpret_cast<uintptr_t>(memory + kStackBytes) & ~uintptr_t{63};
    auto* words = reinterpret_cast<void**>(top);
    *--words = nullptr;  // where run_thread would return to, and what aligns its frame
    *--words = reinterpret_cast<void*>(&run_thread);
    for (int saved = 0; saved < 6; saved++) *--words = nullptr;
    stack = words;
  }
};

void switch_to(Context& from, Context& to) { untangle_switch_stack(&from.stack, to.stack); }

#else

struct Context {
  ucontext_t context;

  void prepare(char* memory) {
    getcontext(&context);
    context.uc_stack.ss_sp = memory;
    context.uc_stack.ss_size = kStackBytes;
    context.uc_link = nullptr;
    makecontext(&context, &run_thread, 0);
  }
};

void switch_to(Context& from, Context& to) { swapcontext(&from.context, &to.context); }

#endif

struct Fiber {
  Context context;
  bool is_done = false;
};

std::unique_ptr<char[]> stacks;
std::vector<Fiber> fibers;
Context scheduler;
Fiber* running = nullptr;

void run_thread() {
  current.kernel->run(current.parameters);
  running->is_done = true;
  switch_to(running->context, scheduler);
}

/// Rounds of all threads, each up to where it waits, until none is left.
void run_fibers(uint32_t threads) {
  if (fibers.size() < threads) {
    fibers.resize(threads);
    stacks.reset(new char[threads * kStackStep]);
  }
  for (uint32_t i = 0; i < threads; i++) {
    fibers[i].context.prepare(stacks.get() + i * kStackStep);
    fibers[i].is_done = false;
  }
  for (uint32_t left = threads; left > 0;) {
    for (uint32_t i = 0; i < threads; i++) {
      if (fibers[i].is_done) continue;
      threadIdx = {i, 0, 0};
      running = &fibers[i];
      switch_to(scheduler, fibers[i].context);
      if (fibers[i].is_done) left--;
    }
  }
}

}  // namespace

void __syncthreads() { switch_to(running->context, scheduler); }

void run_grid(const EmulatedKernel& kernel, const void* parameters, uint32_t grid_x,
              uint32_t grid_y, uint32_t grid_z) {
  current = {&kernel, parameters};
  gridDim = {grid_x, grid_y, grid_z};
  blockDim = {kernel.threads, 1, 1};
  for (blockIdx.z = 0; blockIdx.z < grid_z; blockIdx.z++) {
    for (blockIdx.y = 0; blockIdx.y < grid_y; blockIdx.y++) {
      for (blockIdx.x = 0; blockIdx.x < grid_x; blockIdx.x++) {
        if (kernel.synchronizes) {
          run_fibers(kernel.threads);
          continue;
        }
        for (threadIdx = {0, 0, 0}; threadIdx.x < kernel.threads; threadIdx.x++) {
          kernel.run(parameters);
        }
      }
    }
  }
}

}  // namespace untangle::gpu
