// Notices, warnings and errors for people: always on stderr, in the forms of docs/spec/interfaces.md
// section 1.
//
// Results never go through here. Thread rule: any thread.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace af2 {

enum class LogLevel { kVerbose, kNotice, kWarning, kError };

// "af2: notice: text". Verbose lines appear only after set_log_level(kVerbose).
void log_line(LogLevel level, const std::string& text);
void set_log_level(LogLevel level);
// Also appends every line, with its time, to a file. Throws kResource when it cannot be opened.
void set_log_file(const std::string& path);

template <class... Args>
void notice(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kNotice, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void verbose(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kVerbose, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace af2
