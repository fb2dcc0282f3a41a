#include "af2/text/stop_text.h"

#include <algorithm>
#include <utility>

#include "af2/core/error.h"

namespace af2 {

StopText::StopText(std::vector<std::string> stops) : stops_(std::move(stops)) {
  for (const auto& stop : stops_)
    if (stop.empty()) throw user_error("must not be empty", "--stop");
}

std::string StopText::push(std::string_view text) {
  if (stopped_) return {};
  held_ += text;
  // The earliest stop string ends it.
  std::size_t cut = std::string::npos;
  for (const auto& stop : stops_) cut = std::min(cut, held_.find(stop));
  if (cut != std::string::npos) {
    stopped_ = true;
    std::string shown = held_.substr(0, cut);
    held_.clear();
    return shown;
  }
  // The longest end of the text that begins a stop string stays back.
  std::size_t keep = 0;
  for (const auto& stop : stops_)
    for (std::size_t n = std::min(stop.size() - 1, held_.size()); n > keep; --n)
      if (held_.compare(held_.size() - n, n, stop, 0, n) == 0) keep = n;
  std::string shown = held_.substr(0, held_.size() - keep);
  held_.erase(0, shown.size());
  return shown;
}

std::string StopText::flush() {
  return std::exchange(held_, {});
}

}  // namespace af2
