// One piece of work for each number, by several threads of their own: for reading sounds and asking
// endpoints, which wait more than they compute. Not for products of matrices (af2/core/threads.h). Thread
// rule: returns when all is done.
//
//   for_each_by(4, clips.size(), [&](std::size_t i) { faults[i] = hear(clips[i]); });
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace af2 {

// Calls work(i) for every i below n, each once, `threads` at a time (at least one). The first exception stops
// what has not begun and is thrown here.
template <class Work>
void for_each_by(int threads, std::size_t n, const Work& work) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> stop = false;
  std::mutex mutex;
  std::exception_ptr problem;
  const auto run = [&] {
    try {
      for (std::size_t i = next++; i < n && !stop; i = next++) work(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!problem) problem = std::current_exception();
      stop = true;
    }
  };
  std::vector<std::thread> pool;
  for (int t = 1; t < threads && static_cast<std::size_t>(t) < n; ++t) pool.emplace_back(run);
  run();
  for (std::thread& thread : pool) thread.join();
  if (problem) std::rethrow_exception(problem);
}

}  // namespace af2
