// TensorFlow 2.21 tells of its start on stderr whatever TF_CPP_MIN_LOG_LEVEL says. Here the variable counts again:
// 0 all, 1 no information, 2 (the default) no warnings either, 3 fatal errors only.

#include <cstdlib>

#include "absl/base/log_severity.h"
#include "absl/log/globals.h"

namespace {

const bool quiet = [] {
  const char* text = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  const int level = text ? std::atoi(text) : 2;
  absl::SetMinLogLevel(static_cast<absl::LogSeverityAtLeast>(level < 0 ? 0 : level > 3 ? 3 : level));
  return true;
}();

}  // namespace
