// gpu_image LIBNVRTC ARCHITECTURE FILE: the kernels compiled as a board without our images does it.

#include <cstdio>
#include <exception>

#include "native/gpu/nvrtc.h"

int main(int count, char** arguments) {
  if (count != 4) {
    std::fprintf(stderr, "usage: gpu_image LIBNVRTC compute_NN|sm_NN FILE\n");
    return 2;
  }
  try {
    const auto nvrtc = untangle::gpu::open_nvrtc(arguments[1]);
    const std::vector<char> image = untangle::gpu::compile_kernels(*nvrtc, arguments[2]);
    std::FILE* file = std::fopen(arguments[3], "wb");
    const bool written =
        file != nullptr && std::fwrite(image.data(), 1, image.size(), file) == image.size();
    if (file == nullptr || std::fclose(file) != 0 || !written) {
      std::fprintf(stderr, "%s cannot be written\n", arguments[3]);
      return 1;
    }
    std::printf("%s %zu bytes\n", arguments[2], image.size());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
