// This test program once more, as a process of its own: for ranks, and for runs that are killed.
#pragma once

#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

extern char** environ;

namespace af2::test {

// Runs the disabled test `filter` with further variables "NAME=value" in its environment.
inline pid_t start_again(const std::string& filter, const std::vector<std::string>& settings) {
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (std::string_view(*entry).rfind("OMP_NUM_THREADS=", 0) != 0) kept.emplace_back(*entry);
  kept.insert(kept.end(), settings.begin(), settings.end());
  kept.emplace_back("OMP_NUM_THREADS=1");
  std::vector<char*> environment;
  for (std::string& entry : kept) environment.push_back(entry.data());
  environment.push_back(nullptr);
  std::string arguments[] = {"again", "--gtest_filter=" + filter, "--gtest_also_run_disabled_tests",
                             "--gtest_brief=1"};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  if (posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, argv.data(), environment.data()) != 0)
    throw std::runtime_error("posix_spawn");
  return child;
}

// 128 + the signal where one ended it.
inline int exit_code_of(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace af2::test
