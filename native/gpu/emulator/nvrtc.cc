// NVRTC of the emulated device: takes the sources and gives back a note that it did.

#include "native/gpu/nvrtc.h"

#include <cstring>

#include "native/gpu/emulator/state.h"

namespace untangle::gpu {

namespace {

constexpr char kImage[] = "emulated ptx";
constexpr Status kNvrtcInvalidInput = 3;

struct Compiled {};

}  // namespace

extern "C" {

#define UNTANGLE_NVRTC(name, symbol, arguments) Status symbol arguments;
#include "native/gpu/nvrtc.def"
#undef UNTANGLE_NVRTC

Status nvrtcVersion(int* major, int* minor) {
  *major = 0;
  *minor = 0;
  return kSuccess;
}

Status nvrtcCreateProgram(NvrtcProgram* program, const char* source, const char*, int header_count,
                          const char* const*, const char* const* header_names) {
  UNTANGLE_ENTER();
  if (std::strstr(source, "#include") == nullptr || header_count < 2) return kNvrtcInvalidInput;
  if (std::strcmp(header_names[0], "cstdint") != 0) return kNvrtcInvalidInput;
  *program = reinterpret_cast<NvrtcProgram>(e.make<Compiled>());
  return kSuccess;
}

Status nvrtcCompileProgram(NvrtcProgram, int, const char* const*) {
  UNTANGLE_ENTER();
  return kSuccess;
}

Status nvrtcGetProgramLogSize(NvrtcProgram, size_t* bytes) {
  *bytes = 0;
  return kSuccess;
}

Status nvrtcGetProgramLog(NvrtcProgram, char*) { return kSuccess; }

Status nvrtcGetPTXSize(NvrtcProgram, size_t* bytes) {
  UNTANGLE_ENTER();
  *bytes = sizeof(kImage);
  return kSuccess;
}

Status nvrtcGetPTX(NvrtcProgram, char* text) {
  UNTANGLE_ENTER();
  std::memcpy(text, kImage, sizeof(kImage));
  return kSuccess;
}

Status nvrtcDestroyProgram(NvrtcProgram* program) {
  UNTANGLE_ENTER_RELEASE();
  e.end(reinterpret_cast<Compiled*>(*program));
  *program = nullptr;
  return status;
}

}  // extern "C"

}  // namespace untangle::gpu
