// Makes items 0, 1, 2 … ahead of their use, in worker threads, and hands them out in order.
//
// `make(index)` must be a pure function of its index, so that results do not depend on the workers.
// Exceptions of a worker reach the consumer at that item. With 0 workers items are made when asked for.
// Thread rule: one consumer.
//
//   Prefetcher<Batch> batches(first, 2, 4, [&](std::int64_t i) { return make_batch(i); });
//   Batch batch = batches.next();
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace af2 {

template <class Item>
class Prefetcher {
 public:
  Prefetcher(std::int64_t first, int workers, std::int64_t ahead, std::function<Item(std::int64_t)> make)
      : make_(std::move(make)), next_wanted_(first), next_made_(first), ahead_(ahead) {
    for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
  }
  ~Prefetcher() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  Item next() {
    if (threads_.empty()) return make_(next_wanted_++);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ready_.contains(next_wanted_); });
    auto node = ready_.extract(next_wanted_++);
    lock.unlock();
    changed_.notify_all();
    if (node.mapped().second) std::rethrow_exception(node.mapped().second);
    return std::move(node.mapped().first);
  }

 private:
  void work() {
    for (;;) {
      std::int64_t index;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stop_ || next_made_ < next_wanted_ + ahead_; });
        if (stop_) return;
        index = next_made_++;
      }
      std::pair<Item, std::exception_ptr> result;
      try {
        result.first = make_(index);
      } catch (...) {
        result.second = std::current_exception();
      }
      {
        const std::lock_guard lock(mutex_);
        ready_.emplace(index, std::move(result));
      }
      changed_.notify_all();
    }
  }

  std::function<Item(std::int64_t)> make_;
  std::int64_t next_wanted_, next_made_, ahead_;
  bool stop_ = false;
  std::map<std::int64_t, std::pair<Item, std::exception_ptr>> ready_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::thread> threads_;
};

}  // namespace af2
