#include "af2/core/signal.h"

#include <csignal>

namespace af2 {
namespace {

volatile std::sig_atomic_t g_signal = 0;

void remember(int number) {
  g_signal = number;
  std::signal(number, SIG_DFL);
}

}  // namespace

void install_stop_signals() {
  std::signal(SIGINT, remember);
  std::signal(SIGTERM, remember);
}

int stop_signal() {
  return g_signal;
}

}  // namespace af2
