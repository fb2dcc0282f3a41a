#include "af2/core/error.h"

#include <utility>

namespace af2 {
namespace {

// "where: what; hint", with the parts that are there.
std::string one_line(const std::string& what, const std::string& where, const std::string& hint) {
  std::string text = where.empty() ? what : where + ": " + what;
  if (!hint.empty()) text += "; " + hint;
  return text;
}

}  // namespace

Error::Error(ErrorKind kind, std::string what, std::string where, std::string hint)
    : std::runtime_error(one_line(what, where, hint)),
      kind_(kind),
      what_(std::move(what)),
      where_(std::move(where)),
      hint_(std::move(hint)) {}

Error user_error(std::string what, std::string where, std::string hint) {
  return {ErrorKind::kUser, std::move(what), std::move(where), std::move(hint)};
}
Error data_error(std::string what, std::string where, std::string hint) {
  return {ErrorKind::kData, std::move(what), std::move(where), std::move(hint)};
}
Error model_error(std::string what, std::string where, std::string hint) {
  return {ErrorKind::kModel, std::move(what), std::move(where), std::move(hint)};
}
Error resource_error(std::string what, std::string where, std::string hint) {
  return {ErrorKind::kResource, std::move(what), std::move(where), std::move(hint)};
}
Error remote_error(std::string what, std::string where, std::string hint) {
  return {ErrorKind::kRemote, std::move(what), std::move(where), std::move(hint)};
}
Error internal_error(std::string what, std::string where, std::string hint) {
  return {ErrorKind::kInternal, std::move(what), std::move(where), std::move(hint)};
}

}  // namespace af2
