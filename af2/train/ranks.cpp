#include "af2/train/ranks.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <limits>
#include <thread>

#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"

#if AF2_WITH_GLOO
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif

namespace af2 {
namespace {

class OneRank : public Ranks {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void sum(const std::vector<torch::Tensor>&) override {}
  std::unique_ptr<Exchange> start_sum(const torch::Tensor&, int) override {
    struct Done : Exchange {
      void wait() override {}
    };
    return std::make_unique<Done>();
  }
  void broadcast(const std::vector<torch::Tensor>&, int) override {}
  torch::Tensor gather(const torch::Tensor& rows) override { return rows; }
  torch::Tensor summed(const torch::Tensor& tensor) override { return tensor; }
  std::int64_t largest(std::int64_t number) override { return number; }
};

// A whole number in `lowest`..`highest` out of the environment; `missing` where the variable is not set.
std::int64_t number_from(const char* name, std::int64_t lowest, std::int64_t highest, std::int64_t missing) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == 0) return missing;
  char* end = nullptr;
  const long long value = std::strtoll(text, &end, 10);
  if (*end != 0 || value < lowest || value > highest)
    throw user_error(fmt::format("is \"{}\"", text), std::string("environment variable ") + name,
                     fmt::format("give a whole number in {}..{}", lowest, highest));
  return value;
}

#if AF2_WITH_GLOO

constexpr std::int64_t kBucketValues = 25 << 18;             // 25 MiB of float32
constexpr std::chrono::milliseconds kTimeToSayFailed{3000};  // for ranks that are alive to say so
constexpr std::chrono::milliseconds kStoreTimeout{2000};

// This host's address as the rendezvous sees it: that of the way there. A host's own name may lead to its
// loopback, where no other host finds it.
std::string own_address(const std::string& towards, int port) {
  addrinfo hints = {}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (getaddrinfo(towards.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return "";
  std::string address;
  for (const addrinfo* at = found; at != nullptr && address.empty(); at = at->ai_next) {
    const int way = socket(at->ai_family, SOCK_DGRAM, 0);
    if (way < 0) continue;
    sockaddr_storage own = {};
    socklen_t size = sizeof own;
    char text[NI_MAXHOST] = {};
    if (connect(way, at->ai_addr, at->ai_addrlen) == 0 &&  // of datagrams: nothing is sent
        getsockname(way, reinterpret_cast<sockaddr*>(&own), &size) == 0 &&
        getnameinfo(reinterpret_cast<sockaddr*>(&own), size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) ==
            0)
      address = text;
    close(way);
  }
  freeaddrinfo(found);
  return address;
}

// GLOO_SOCKET_IFNAME names an interface, as everywhere; else the one that leads to the rendezvous.
std::shared_ptr<gloo::transport::Device> device_towards(const std::string& address, int port) {
  if (const char* interface = std::getenv("GLOO_SOCKET_IFNAME"); interface && *interface)
    return c10d::ProcessGroupGloo::createDeviceForInterface(interface);
  const std::string own = own_address(address, port);
  return own.empty() ? c10d::ProcessGroupGloo::createDefaultDevice()
                     : c10d::ProcessGroupGloo::createDeviceForHostname(own);
}

class GlooRanks : public Ranks {
 public:
  GlooRanks(int rank, int size, const std::string& address, int port, double timeout_s)
      : rank_(rank), size_(size) {
    const auto timeout = std::chrono::milliseconds(static_cast<std::int64_t>(timeout_s * 1e3));
    guarded("meet", [&] {
      c10d::TCPStoreOptions store;
      store.port = static_cast<std::uint16_t>(port);
      store.isServer = rank == 0;
      store.numWorkers = static_cast<std::size_t>(size);
      store.timeout = timeout;
      store_ = c10::make_intrusive<c10d::TCPStore>(address, store);
      auto options = c10d::ProcessGroupGloo::Options::create(timeout);
      options->devices.push_back(device_towards(address, port));
      group_ = c10::make_intrusive<c10d::ProcessGroupGloo>(
          c10::make_intrusive<c10d::PrefixStore>("af2", store_), rank, size, options);
    });
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void sum(const std::vector<torch::Tensor>& tensors) override {
    torch::NoGradGuard no_grad;
    in_buckets(tensors, [&](std::vector<torch::Tensor>& bucket) { group_->allreduce(bucket)->wait(); });
  }
  std::unique_ptr<Exchange> start_sum(const torch::Tensor& flat, int owner) override {
    auto pending = std::make_unique<Pending>(*this);
    pending->tensors = {flat};
    guarded("exchange tensors", [&] {
      if (owner < 0) {
        pending->work = group_->allreduce(pending->tensors);
      } else {
        c10d::ReduceOptions options;
        options.rootRank = owner;
        pending->work = group_->reduce(pending->tensors, options);
      }
    });
    return pending;
  }
  void broadcast(const std::vector<torch::Tensor>& tensors, int from) override {
    torch::NoGradGuard no_grad;
    c10d::BroadcastOptions options;
    options.rootRank = from;
    in_buckets(tensors,
               [&](std::vector<torch::Tensor>& bucket) { group_->broadcast(bucket, options)->wait(); });
  }
  torch::Tensor gather(const torch::Tensor& rows) override;
  torch::Tensor summed(const torch::Tensor& tensor) override;
  std::int64_t largest(std::int64_t number) override {
    std::vector<torch::Tensor> value = {torch::tensor({number})};
    c10d::AllreduceOptions options;
    options.reduceOp = c10d::ReduceOp::MAX;
    guarded("compare", [&] { group_->allreduce(value, options)->wait(); });
    return value[0].item<std::int64_t>();
  }

  torch::Tensor gathered(const torch::Tensor& rows) {
    std::vector<std::vector<torch::Tensor>> all(1);
    for (int r = 0; r < size_; ++r) all[0].push_back(torch::empty_like(rows));
    std::vector<torch::Tensor> own = {rows.contiguous()};
    guarded("gather", [&] { group_->allgather(all, own)->wait(); });
    return torch::cat(all[0]);
  }

 private:
  struct Pending : Exchange {
    explicit Pending(GlooRanks& group) : of(group) {}
    void wait() override {
      of.guarded("exchange tensors", [this] { work->wait(); });
    }
    GlooRanks& of;
    std::vector<torch::Tensor> tensors;
    c10::intrusive_ptr<c10d::Work> work;
  };

  // Runs a call; where it fails says which ranks did not come. All that are alive fail too, and say so in the
  // store.
  void guarded(const char* what, const std::function<void()>& call) {
    try {
      call();
    } catch (const std::exception& e) {
      // Its first sentence; what follows is advice for those who use Gloo directly.
      std::string reason = split(e.what(), '\n').front();
      reason.resize(std::min(reason.size(), reason.find(". This is typically")));
      throw remote_error(
          fmt::format("cannot {} with the other ranks: {}", what, missing_ranks(reason)),
          fmt::format("rank {} of {}", rank_, size_),
          "see that rank's own messages; the run goes on from its last checkpoint with --resume");
    }
  }

  std::string missing_ranks(const std::string& reason) {
    if (!group_) return reason;
    std::vector<std::string> missing;
    try {
      store_->setTimeout(kStoreTimeout);
      store_->set("failed/" + std::to_string(rank_), std::vector<std::uint8_t>{1});
      std::this_thread::sleep_for(kTimeToSayFailed);
      for (int r = 0; r < size_; ++r)
        if (!store_->check({"failed/" + std::to_string(r)})) missing.push_back(std::to_string(r));
      // Rank 0 keeps the store: not before the others have read it.
      if (rank_ == 0) std::this_thread::sleep_for(kTimeToSayFailed);
    } catch (const std::exception&) {
      missing = {"0"};
    }
    if (missing.empty()) return reason;
    return "rank " + join(missing, ", ") + " is gone or does not answer (" + reason + ")";
  }

  // One call per 25 MiB, on a flat copy: few large messages instead of many small ones.
  void in_buckets(const std::vector<torch::Tensor>& tensors,
                  const std::function<void(std::vector<torch::Tensor>&)>& call) {
    for (std::size_t first = 0; first < tensors.size();) {
      std::vector<torch::Tensor> flat;
      std::int64_t values = 0;
      std::size_t last = first;
      for (; last < tensors.size() && (flat.empty() || values + tensors[last].numel() <= kBucketValues) &&
             tensors[last].scalar_type() == tensors[first].scalar_type();
           ++last) {
        flat.push_back(tensors[last].reshape(-1));
        values += tensors[last].numel();
      }
      std::vector<torch::Tensor> bucket = {torch::cat(flat)};
      guarded("exchange tensors", [&] { call(bucket); });
      std::int64_t at = 0;
      for (std::size_t i = first; i < last; ++i) {
        const torch::Tensor& target = tensors[i];
        target.detach().copy_(bucket[0].narrow(0, at, target.numel()).view(target.sizes()));
        at += target.numel();
      }
      first = last;
    }
  }

  int rank_, size_;
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};

struct GatherRows : torch::autograd::Function<GatherRows> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& rows,
                               std::int64_t ranks) {
    context->saved_data["ranks"] = ranks;
    return reinterpret_cast<GlooRanks*>(ranks)->gathered(rows);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    auto* ranks = reinterpret_cast<GlooRanks*>(context->saved_data["ranks"].toInt());
    const torch::Tensor whole = gradients[0].contiguous().clone();
    ranks->sum({whole});
    const std::int64_t n = whole.size(0) / ranks->size();
    return {whole.narrow(0, ranks->rank() * n, n), torch::Tensor()};
  }
};

struct SumOfRanks : torch::autograd::Function<SumOfRanks> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& tensor,
                               std::int64_t ranks) {
    context->saved_data["ranks"] = ranks;
    const torch::Tensor total = tensor.contiguous().clone();
    reinterpret_cast<GlooRanks*>(ranks)->sum({total});
    return total;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const torch::Tensor total = gradients[0].contiguous().clone();
    reinterpret_cast<GlooRanks*>(context->saved_data["ranks"].toInt())->sum({total});
    return {total, torch::Tensor()};
  }
};

torch::Tensor GlooRanks::gather(const torch::Tensor& rows) {
  return GatherRows::apply(rows, reinterpret_cast<std::int64_t>(this));
}
torch::Tensor GlooRanks::summed(const torch::Tensor& tensor) {
  return SumOfRanks::apply(tensor, reinterpret_cast<std::int64_t>(this));
}

#endif  // AF2_WITH_GLOO

}  // namespace

std::shared_ptr<Ranks> Ranks::from_environment(double timeout_s) {
  constexpr std::int64_t kMostRanks = 65536, kMostPort = 65535;
  const std::int64_t size = number_from("WORLD_SIZE", 1, kMostRanks, 1);
  if (size == 1) return std::make_shared<OneRank>();
  const std::int64_t rank = number_from("RANK", 0, size - 1, -1);
  const std::int64_t port = number_from("MASTER_PORT", 1, kMostPort, -1);
  const char* address = std::getenv("MASTER_ADDR");
  for (const auto& [name, there] : {std::pair("RANK", rank >= 0), std::pair("MASTER_PORT", port >= 0),
                                    std::pair("MASTER_ADDR", address != nullptr)})
    if (!there)
      throw user_error(fmt::format("is not set, with WORLD_SIZE {}", size),
                       std::string("environment variable ") + name,
                       "start the ranks with torchrun, mpirun or srun, or set RANK, WORLD_SIZE, MASTER_ADDR "
                       "and MASTER_PORT");
#if AF2_WITH_GLOO
  return std::make_shared<GlooRanks>(static_cast<int>(rank), static_cast<int>(size), address,
                                     static_cast<int>(port), timeout_s);
#else
  (void)timeout_s;
  throw user_error("asks for several ranks, which this build leaves out", "environment variable WORLD_SIZE",
                   "build with AF2_WITH_GLOO (libgloo-dev), or start one rank");
#endif
}

}  // namespace af2
