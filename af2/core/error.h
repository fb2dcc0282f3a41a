// The one exception type of af2.
//
// Every failure that a user can meet carries four parts: its kind (which fixes the exit code), what went
// wrong, where (path, tensor, byte, flag) and a hint (what to do). Not for control flow inside a layer.
// Thread rule: a plain value; worker threads hand it to their owner through std::exception_ptr.
//
//   throw data_error("not a sound file", path, "give an audio or video file");
#pragma once

#include <stdexcept>
#include <string>

namespace af2 {

// docs/spec/interfaces.md section 1, "Exit codes".
enum class ErrorKind { kInternal = 1, kUser = 2, kData = 3, kModel = 5, kResource = 6, kRemote = 7 };

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string what, std::string where = "", std::string hint = "");

  ErrorKind kind() const { return kind_; }
  const std::string& problem() const { return what_; }
  const std::string& where() const { return where_; }
  const std::string& hint() const { return hint_; }
  int exit_code() const { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
  std::string what_, where_, hint_;
};

Error user_error(std::string what, std::string where = "", std::string hint = "");
Error data_error(std::string what, std::string where = "", std::string hint = "");
Error model_error(std::string what, std::string where = "", std::string hint = "");
Error resource_error(std::string what, std::string where = "", std::string hint = "");
Error remote_error(std::string what, std::string where = "", std::string hint = "");
Error internal_error(std::string what, std::string where = "", std::string hint = "");

}  // namespace af2
