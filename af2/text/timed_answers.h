// The question that puts together what was said about stretches of one clip: the program asks it at the end
// of a scan (docs/spec/interfaces.md section 1, `--long scan`), and data generation makes items of the same
// form.
//
// Not for asking (af2/generate/scan.h), nor for what the answers say. Thread rule: pure functions.
//
//   combined_question("What happens?", {{0, 300, "A dog barks."}, {300, 600, "rain"}});
//   // "What happens? (0:00-5:00: A dog barks. 5:00-10:00: rain.)"
#pragma once

#include <string>
#include <vector>

namespace af2 {

// What was said about one stretch of a clip.
struct TimedAnswer {
  double start_s = 0, end_s = 0;
  std::string text;
};

// "4:07" and, from an hour on, "1:02:05"; seconds are cut, not rounded.
std::string clock_text(double seconds);
// "(0:00-5:00: an answer. 5:00-10:00: another.)"
std::string timed_list(const std::vector<TimedAnswer>& answers);
// The question, stripped, and the list.
std::string combined_question(const std::string& question, const std::vector<TimedAnswer>& answers);

}  // namespace af2
