#include "native/gpu/nvrtc.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <system_error>

#include "native/gpu/sources.h"
#include "native/program/crc32.h"

namespace untangle::gpu {

namespace {

constexpr const char* kLibraries[] = {"libnvrtc.so.13",   "libnvrtc.so.12",   "libnvrtc.so.11.2",
                                      "libnvrtc.so.11.1", "libnvrtc.so.11.0", "libnvrtc.so.10.2"};

/// What the host's headers are to the kernels: NVRTC has none.
constexpr const char* kCstdint =
    "typedef signed char int8_t; typedef unsigned char uint8_t;\n"
    "typedef int int32_t; typedef unsigned int uint32_t;\n"
    "typedef long long int64_t; typedef unsigned long long uint64_t;\n"
    "typedef unsigned long uintptr_t;\n";

/// A program of NVRTC; it ends with the object.
class Compilation {
 public:
  Compilation(const Nvrtc& nvrtc, const std::string& source,
              const std::vector<const char*>& headers, const std::vector<const char*>& names)
      : nvrtc_(nvrtc) {
    check("nvrtcCreateProgram",
          nvrtc_.create(&program_, source.c_str(), "all.cu", static_cast<int>(headers.size()),
                        headers.data(), names.data()));
  }
  ~Compilation() { nvrtc_.destroy(&program_); }
  Compilation(const Compilation&) = delete;
  Compilation& operator=(const Compilation&) = delete;

  void compile(const std::string& architecture) {
    const std::string target = "--gpu-architecture=" + architecture;
    // CUDA 10.2 knows no later standard.
    const char* options[] = {target.c_str(), "--std=c++14"};
    const Status status = nvrtc_.compile(program_, 2, options);
    if (status != kSuccess) throw NoDriver("NVRTC cannot compile the kernels: " + log());
  }

  std::vector<char> image(bool is_code) {
    const auto size_of = is_code ? nvrtc_.cubin_size : nvrtc_.ptx_size;
    const auto get = is_code ? nvrtc_.cubin : nvrtc_.ptx;
    if (size_of == nullptr || get == nullptr) {
      throw NoDriver(nvrtc_.path + " makes no code for single architectures");
    }
    size_t bytes = 0;
    check("nvrtcGet*Size", size_of(program_, &bytes));
    std::vector<char> image(bytes);
    check("nvrtcGet*", get(program_, image.data()));
    return image;
  }

 private:
  static void check(const char* call, Status status) {
    if (status == kSuccess) return;
    throw NoDriver(std::string(call) + " failed with NVRTC status " + std::to_string(status));
  }

  /// The first line that says what is wrong.
  std::string log() const {
    size_t bytes = 0;
    if (nvrtc_.log_size(program_, &bytes) != kSuccess || bytes == 0) return "no reason given";
    std::string text(bytes, '\0');
    if (nvrtc_.log(program_, text.data()) != kSuccess) return "no reason given";
    const size_t error = text.find("error");
    const size_t start = error == std::string::npos ? 0 : text.rfind('\n', error) + 1;
    return text.substr(start, text.find('\n', start) - start);
  }

  const Nvrtc& nvrtc_;
  NvrtcProgram program_ = nullptr;
};

/// Without what C++14 lacks: constants of a header have no need of `inline` there.
std::string as_cpp14(std::string text) {
  constexpr std::string_view kInline = "inline constexpr";
  for (size_t at = 0; (at = text.find(kInline, at)) != std::string::npos;) {
    text.replace(at, kInline.size(), "constexpr");
  }
  return text;
}

/// Where compiled kernels are kept; empty when there is no such place.
std::filesystem::path cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return std::filesystem::path(cache) / "untangle-edge";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') return {};
  return std::filesystem::path(home) / ".cache" / "untangle-edge";
}

uint32_t checksum(std::span<const char> bytes) { return crc32(std::as_bytes(bytes)); }

/// All that decides what the compiler makes, as a file name.
std::string cache_name(const Nvrtc& nvrtc, int compute) {
  int major = 0;
  int minor = 0;
  nvrtc.version(&major, &minor);
  uint32_t sources = 0;
  for (const Source& source : kernel_sources()) {
    sources = sources * 31 + checksum({source.text, std::strlen(source.text)});
  }
  char name[96];
  std::snprintf(name, sizeof(name), "kernels-%08x-nvrtc%d.%d-compute%d.ptx",
                static_cast<unsigned>(sources), major, minor, compute);
  return name;
}

/// The file without the checksum it ends with; nothing when there is none, or it is damaged.
std::vector<char> read_cached(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  uint32_t expected = 0;
  if (bytes.size() <= sizeof(expected)) return {};
  std::memcpy(&expected, bytes.data() + bytes.size() - sizeof(expected), sizeof(expected));
  bytes.resize(bytes.size() - sizeof(expected));
  return checksum(bytes) == expected ? bytes : std::vector<char>();
}

/// Whole or not at all. A cache that cannot be written only costs time.
void write_cached(const std::filesystem::path& path, std::span<const char> bytes) {
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  const std::string temporary = path.string() + "." + std::to_string(getpid());
  const uint32_t sum = checksum(bytes);
  {
    std::ofstream file(temporary, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.write(reinterpret_cast<const char*>(&sum), sizeof(sum));
    if (!file.flush()) {
      std::filesystem::remove(temporary, ignored);
      return;
    }
  }
  std::filesystem::rename(temporary, path, ignored);
  if (ignored) std::filesystem::remove(temporary, ignored);
}

}  // namespace

std::shared_ptr<const Nvrtc> open_nvrtc(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw NoDriver(dlerror());
  auto nvrtc = std::make_shared<Nvrtc>();
  nvrtc->path = path;
  const auto find = [&](const char* symbol, auto& function) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, symbol));
    return function != nullptr;
  };
#define UNTANGLE_NVRTC(name, symbol, arguments) \
  if (!find(#symbol, nvrtc->name)) throw NoDriver(path + " has no " #symbol);
#include "native/gpu/nvrtc.def"
#undef UNTANGLE_NVRTC
  find("nvrtcGetCUBINSize", nvrtc->cubin_size);
  find("nvrtcGetCUBIN", nvrtc->cubin);
  return nvrtc;
}

std::shared_ptr<const Nvrtc> find_nvrtc(const Driver& driver) {
  if (driver.is_emulated) return open_nvrtc(driver.path);
  std::string problem;
  for (const char* library : kLibraries) {
    try {
      return open_nvrtc(library);
    } catch (const NoDriver& error) {
      if (problem.empty()) problem = error.what();
    }
  }
  throw NoDriver(problem);
}

std::vector<char> compile_kernels(const Nvrtc& nvrtc, const std::string& architecture) {
  const std::span<const Source> sources = kernel_sources();
  std::vector<std::string> texts;
  for (const Source& source : sources) texts.push_back(as_cpp14(source.text));
  std::vector<const char*> headers = {kCstdint};
  std::vector<const char*> names = {"cstdint"};
  for (size_t i = 1; i < sources.size(); i++) {
    headers.push_back(texts[i].c_str());
    names.push_back(sources[i].name);
  }
  Compilation compilation(nvrtc, texts[0], headers, names);
  compilation.compile(architecture);
  return compilation.image(architecture.starts_with("sm_"));
}

std::vector<char> cached_kernels(const Driver& driver, int compute) {
  const std::shared_ptr<const Nvrtc> nvrtc = find_nvrtc(driver);
  const std::filesystem::path folder = cache_folder();
  const std::filesystem::path path = folder / cache_name(*nvrtc, compute);
  if (!folder.empty()) {
    if (std::vector<char> known = read_cached(path); !known.empty()) return known;
  }
  std::vector<char> image = compile_kernels(*nvrtc, "compute_" + std::to_string(compute));
  if (!folder.empty()) write_cached(path, image);
  return image;
}

}  // namespace untangle::gpu
