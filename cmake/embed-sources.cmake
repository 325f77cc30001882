# Writes OUTPUT: the files of SOURCES, relative to ROOT, as text in a program (native/gpu/sources.h).

set(text "// Made by cmake/embed-sources.cmake: the kernels as text.\n\n#include \"native/gpu/sources.h\"\n\n")
string(APPEND text "namespace untangle::gpu {\n\nstd::span<const Source> kernel_sources() {\n")
string(APPEND text "  static const Source kSources[] = {\n")
foreach(source ${SOURCES})
  file(READ ${ROOT}/${source} content)
  string(APPEND text "{\"${source}\", R\"~~~(${content})~~~\"},\n")
endforeach()
string(APPEND text "  };\n  return kSources;\n}\n\n}  // namespace untangle::gpu\n")
file(WRITE ${OUTPUT} "${text}")
