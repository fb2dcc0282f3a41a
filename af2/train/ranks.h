// The processes of one training run: sums, gathered rows and the same weights everywhere, through libtorch's
// c10d with Gloo (docs/spec/training.md sections 5 and 9).
//
// Every rank must make the same calls in the same order. A call that another rank does not answer throws
// kRemote in bounded time and names the ranks that are missing. With one rank every call is free. Thread
// rule: the thread that trains, and the backward pass that it starts.
//
//   auto ranks = Ranks::from_environment(600);           // RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT
//   torch::Tensor all = ranks->gather(rows);             // [R * n, J], gradients flow back to each rank
//   ranks->sum(gradients);
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace af2 {

class Ranks {
 public:
  // The ranks that the usual variables name (torchrun, mpirun and SLURM scripts set them); one where
  // WORLD_SIZE is not set. Waits up to `timeout_s` for the others. Throws kUser naming a variable that makes
  // no sense, kRemote where the others do not come.
  static std::shared_ptr<Ranks> from_environment(double timeout_s);

  virtual ~Ranks() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  bool first() const { return rank() == 0; }

  // In place, the sum over all ranks; in buckets.
  virtual void sum(const std::vector<torch::Tensor>& tensors) = 0;
  // A sum that is under way: its tensor may be read after wait(), which throws kRemote.
  class Exchange {
   public:
    virtual ~Exchange() = default;
    virtual void wait() = 0;
  };
  // Begins the sum of a flat tensor, in place on all ranks, or with owner >= 0 on that one alone (the others'
  // values are then anything). Every rank must begin its sums in the same order.
  virtual std::unique_ptr<Exchange> start_sum(const torch::Tensor& flat, int owner) = 0;
  // In place, what rank `from` has.
  virtual void broadcast(const std::vector<torch::Tensor>& tensors, int from = 0) = 0;
  // Rows [n, J] of every rank, the same n everywhere, in the order of ranks: [R * n, J]. Its gradient is the
  // sum of all ranks' gradients.
  virtual torch::Tensor gather(const torch::Tensor& rows) = 0;
  // The sum over ranks of a tensor, through which gradients flow.
  virtual torch::Tensor summed(const torch::Tensor& tensor) = 0;
  // The largest of all ranks' numbers.
  virtual std::int64_t largest(std::int64_t number) = 0;
};

}  // namespace af2
