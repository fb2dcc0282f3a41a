#include "af2/core/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "af2/core/error.h"

namespace af2 {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kVerbose:
      return spdlog::level::debug;
    case LogLevel::kNotice:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    default:
      return spdlog::level::err;
  }
}

const char* word(LogLevel level) {
  switch (level) {
    case LogLevel::kVerbose:
      return "verbose: ";
    case LogLevel::kNotice:
      return "notice: ";
    case LogLevel::kWarning:
      return "warning: ";
    default:
      return "error: ";
  }
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    sink->set_pattern("af2: %v");
    auto created = std::make_shared<spdlog::logger>("af2", sink);
    created->flush_on(spdlog::level::debug);
    return created;
  }();
  return *instance;
}

}  // namespace

void log_line(LogLevel level, const std::string& text) {
  logger().log(to_spdlog(level), word(level) + text);
}

void set_log_level(LogLevel level) {
  logger().set_level(to_spdlog(level));
}

void set_log_file(const std::string& path) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e %v");
    logger().sinks().push_back(sink);
  } catch (const spdlog::spdlog_ex& error) {
    throw resource_error(error.what(), path, "give a path that can be written with --log-file");
  }
}

}  // namespace af2
