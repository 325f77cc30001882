// The module: the functions of src/runtime/addon.ts.

#include <napi.h>

#include <cstdlib>
#include <new>

#include "native/addon/errors.h"
#include "native/addon/loans.h"
#include "native/addon/measure.h"
#include "native/addon/native_session.h"
#include "native/gpu/images.h"

namespace untangle {
namespace {

/// What the module keeps per environment: worker threads each have their own.
struct AddonData {
  Napi::FunctionReference session_class;
  std::shared_ptr<Loans> loans = std::make_shared<Loans>();
};

std::vector<const Kernels*> available() {
  std::vector<const Kernels*> list(available_kernels(nullptr, 0));
  available_kernels(list.data(), list.size());
  return list;
}

Napi::Array available_names(Napi::Env env) {
  Napi::Array names = Napi::Array::New(env);
  for (const Kernels* kernels : available()) names.Set(names.Length(), kernels->isa);
  return names;
}

/// The kernels `name` or else UNTANGLE_ISA asks for, or the best.
const Kernels& chosen_kernels(Napi::Env env, const std::string& name = "") {
  const char* wanted = name.empty() ? std::getenv("UNTANGLE_ISA") : name.c_str();
  if (wanted != nullptr && *wanted == '\0') wanted = nullptr;
  if (const Kernels* kernels = select_kernels(wanted)) return *kernels;

  std::string names;
  for (const Kernels* kernels : available()) {
    names += (names.empty() ? "" : ", ") + std::string(kernels->isa);
  }
  Napi::Error error =
      make_error(env, "ERR_ISA_UNSUPPORTED",
                 std::string("UNTANGLE_ISA=") + wanted +
                     " is not available on this machine (available: " + names + ")");
  error.Set("available", available_names(env));
  throw error;
}

size_t threads_argument(const Napi::CallbackInfo& info, size_t argument) {
  const double threads =
      info[argument].IsNumber() ? info[argument].As<Napi::Number>().DoubleValue() : 0;
  if (!(threads >= 1 && threads <= kMaxThreads)) {
    throw make_error(info.Env(), "ERR_INTERNAL", "the number of threads is out of range");
  }
  return static_cast<size_t>(threads);
}

/// A string; empty when left out.
std::string text_argument(const Napi::CallbackInfo& info, size_t argument) {
  return info[argument].IsString() ? info[argument].As<Napi::String>().Utf8Value() : "";
}

/// A number of bytes; 0 when left out.
size_t bytes_argument(const Napi::CallbackInfo& info, size_t argument) {
  const double bytes =
      info[argument].IsNumber() ? info[argument].As<Napi::Number>().DoubleValue() : 0;
  return bytes > 0 ? static_cast<size_t>(bytes) : 0;
}

Napi::Value format_hash(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), kFormatHashHex);
}

Napi::Value cpu_info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result.Set("isa", chosen_kernels(env).isa);
  result.Set("available", available_names(env));
  return result;
}

/// The bytes behind a Uint8Array; valid until JavaScript runs again.
std::span<const std::byte> bytes_of(Napi::Env env, Napi::Value value) {
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (!value.IsTypedArray() ||
      napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    throw make_error(env, "ERR_INTERNAL", "a program is a Uint8Array");
  }
  return {static_cast<const std::byte*>(data), length};
}

GpuChoice gpu_choice(const Napi::Object& choice) {
  const double budget = choice.Get("budgetBytes").ToNumber().DoubleValue();
  const std::string name = choice.Get("precision").ToString().Utf8Value();
  const gpu::Precision precision = name == "tf32"   ? gpu::Precision::kTf32
                                   : name == "fp16" ? gpu::Precision::kF16
                                                    : gpu::Precision::kF32;
  return {choice.Get("driver").ToString().Utf8Value(),
          budget > 0 ? static_cast<uint64_t>(budget) : 0, precision};
}

Napi::Error open_error(Napi::Env env, const OpenError& error) {
  Napi::Error result = make_error(env, error.code, error.message);
  if (error.needed_bytes > 0) {
    result.Set("neededBytes", Napi::Number::New(env, static_cast<double>(error.needed_bytes)));
  }
  return result;
}

Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::span<const std::byte> program = bytes_of(env, info[0]);
  const size_t threads = threads_argument(info, 1);
  const Kernels& kernels = chosen_kernels(env, text_argument(info, 2));
  const bool on_gpu = info[4].IsObject();
  const int file = info[5].IsNumber() ? info[5].As<Napi::Number>().Int32Value() : -1;
  try {
    auto state = std::make_shared<SessionState>();
    auto& loans = *env.GetInstanceData<AddonData>()->loans;
    // A program that was written to native memory is taken over, any other one copied.
    std::optional<AlignedBytes> taken = loans.take(env, info[0]);
    std::optional<OpenError> error =
        taken ? adopt_program(std::move(*taken), *state) : adopt_program(program, *state);
    if (!error) {
      error = on_gpu ? open_on_gpu(gpu_choice(info[4].As<Napi::Object>()), *state)
                     : open_on_cpu(threads, kernels, *state, file);
    }
    if (error) throw open_error(env, *error);
    const Napi::Object object = env.GetInstanceData<AddonData>()->session_class.New({});
    NativeSession::Unwrap(object)->adopt(std::move(state), bytes_argument(info, 3));
    return object;
  } catch (const std::bad_alloc&) {
    throw make_error(env, "ERR_OUT_OF_MEMORY",
                     "the operating system refused " + std::to_string(program.size()) +
                         " bytes for the session");
  }
}

Napi::Value allocate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const size_t bytes = bytes_argument(info, 0);
  try {
    return env.GetInstanceData<AddonData>()->loans->lend(env, bytes, info[1].ToBoolean());
  } catch (const std::bad_alloc&) {
    throw make_error(env, "ERR_OUT_OF_MEMORY",
                     "the operating system refused " + std::to_string(bytes) + " bytes");
  }
}

void release(const Napi::CallbackInfo& info) {
  info.Env().GetInstanceData<AddonData>()->loans->take(info.Env(), info[0]);
}

Napi::Value measure(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::vector<size_t> blocks;
  if (info[1].IsArray()) {
    const auto list = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); i++) {
      blocks.push_back(static_cast<size_t>(list.Get(i).ToNumber().Int64Value()));
    }
  }
  const auto measured = measure_machine(chosen_kernels(env), threads_argument(info, 0), blocks);
  if (!measured)
    throw make_error(env, "ERR_INTERNAL", "there is no memory or thread to measure with");
  Napi::Object result = Napi::Object::New(env);
  result.Set("gflops", measured->gflops);
  result.Set("readGbs", measured->read_gbs);
  result.Set("phaseNs", measured->phase_ns);
  Napi::Array block_gbs = Napi::Array::New(env, measured->block_gbs.size());
  for (uint32_t i = 0; i < block_gbs.Length(); i++) block_gbs[i] = measured->block_gbs[i];
  result.Set("blockGbs", block_gbs);
  return result;
}

/// What the GPU is, or {reason} why there is none.
Napi::Value gpu_info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result.Set("images", gpu::list_images(gpu::embedded_fatbin()));
  try {
    const auto device = gpu::Device::open(text_argument(info, 0));
    const gpu::DeviceInfo& found = device->info();
    result.Set("name", found.name);
    result.Set("compute",
               std::to_string(found.compute_major) + "." + std::to_string(found.compute_minor));
    result.Set("multiprocessors", found.multiprocessors);
    result.Set("memoryBytes", static_cast<double>(found.memory_bytes));
    device->make_current();
    result.Set("freeBytes", static_cast<double>(device->free_bytes()));
    result.Set("kernelsBytes", static_cast<double>(found.kernels_bytes));
    result.Set("isIntegrated", found.is_integrated);
    result.Set("cuda", std::to_string(found.driver_version / 1000) + "." +
                           std::to_string(found.driver_version % 1000 / 10));
    result.Set("driver", device->driver().path);
    const auto& cublas = device->cublas();
    result.Set("cublas", cublas ? cublas->path : "none: " + device->no_cublas_reason());
  } catch (const std::runtime_error& error) {  // no driver, or one that fails
    result.Set("reason", error.what());
  }
  return result;
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData{Napi::Persistent(NativeSession::define(env))};
  env.SetInstanceData(data);
  exports.Set("formatHash", Napi::Function::New(env, format_hash, "formatHash"));
  exports.Set("cpuInfo", Napi::Function::New(env, cpu_info, "cpuInfo"));
  exports.Set("allocate", Napi::Function::New(env, allocate, "allocate"));
  exports.Set("release", Napi::Function::New(env, release, "release"));
  exports.Set("open", Napi::Function::New(env, open, "open"));
  exports.Set("gpuInfo", Napi::Function::New(env, gpu_info, "gpuInfo"));
  exports.Set("measure", Napi::Function::New(env, measure, "measure"));
  return exports;
}

NODE_API_MODULE(untangle_edge, initialize)

}  // namespace
}  // namespace untangle
