// The smallest test harness that does: CHECK counts failures and says where; main returns
// summary().

#pragma once

#include <cstdio>

namespace untangle::test {

inline int failures = 0;
inline int checks = 0;

inline int summary() {
  std::printf("%d checks, %d failures\n", checks, failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace untangle::test

/// Checks a condition; on failure prints it with a printf-style description of the case.
#define CHECK(condition, ...)                                            \
  do {                                                                   \
    untangle::test::checks++;                                            \
    if (!(condition) && ++untangle::test::failures <= 20) {              \
      std::printf("%s:%d: %s failed: ", __FILE__, __LINE__, #condition); \
      std::printf(__VA_ARGS__);                                          \
      std::printf("\n");                                                 \
    }                                                                    \
  } while (0)
