// Stop strings in text that comes piece by piece: what may be shown is handed on, what might still become a
// stop string is held back, and from a stop string on nothing follows.
//
// Thread rule: one owner.
//
//   StopText stop({"\n\n", "END"});
//   show(stop.push("one E"));        // "one "
//   show(stop.push("ND two"));       // "": stop.stopped() is true
//   show(stop.flush());              // "": nothing was held back
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace af2 {

class StopText {
 public:
  // Throws kUser for an empty stop string.
  explicit StopText(std::vector<std::string> stops);

  std::string push(std::string_view text);
  // What was held back, at the end of the text.
  std::string flush();
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace af2
