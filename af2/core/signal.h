// SIGINT and SIGTERM as a question that long work asks between its steps.
//
// Thread rule: install once from the main thread; asking is free anywhere.
#pragma once

#include <string>

namespace af2 {

// Thrown out of work that shall end early and can go on in another run: a signal, a budget that is used up.
struct Stopped {
  std::string reason;
};

// From now on the first SIGINT or SIGTERM only sets the flag; a second one ends the program at once.
void install_stop_signals();
// 0, or the signal's number. Exit codes: 130 for SIGINT, 143 for SIGTERM (128 + number).
int stop_signal();

}  // namespace af2
