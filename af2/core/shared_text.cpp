#include "af2/core/shared_text.h"

#include <functional>
#include <mutex>
#include <unordered_set>

namespace af2 {
namespace {

struct ViewHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

struct Store {
  std::mutex mutex;
  std::unordered_set<std::string, ViewHash, std::equal_to<>> texts;  // whose elements stay where they are
};

}  // namespace

const std::string* SharedText::kept(std::string_view text) {
  static const std::string empty;
  if (text.empty()) return &empty;
  static Store& store = *new Store;  // outlives whatever still holds a text at the end
  const std::lock_guard lock(store.mutex);
  const auto found = store.texts.find(text);
  return found != store.texts.end() ? &*found : &*store.texts.emplace(text).first;
}

}  // namespace af2
