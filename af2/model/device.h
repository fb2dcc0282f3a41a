// Devices that a network can lie on: their names, memory, and which one `--device` means.
//
// The only code of af2 that speaks to CUDA itself (in device.cpp, behind AF2_CUDA); all else goes through
// tensors, which carry their device. Hides torch. Thread rule: all functions may be called from any thread.
//
//   for (const DeviceFacts& device : list_devices()) print(device.name);   // cpu, cuda:0, …
//   const DeviceFacts device = find_device("auto");
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "af2/core/error.h"

namespace af2 {

struct DeviceFacts {
  std::string name = "cpu";                       // "cpu", "cuda:0": as tensors name it
  std::string description = {};                   // the processor's or card's own name
  std::uint64_t total_bytes = 0, free_bytes = 0;  // of its memory; 0: not known
  bool fast_bf16 = false;                         // multiplies bfloat16 natively
  bool bf16 = false;                              // multiplies bfloat16 at all (model/precision.h)
  bool is_cpu() const { return name == "cpu"; }
};

// Whether this build can use a GPU at all.
bool built_with_cuda();

// The CPU, then every usable GPU.
std::vector<DeviceFacts> list_devices();

// What "cpu", "cuda" (the first GPU), "cuda:1" or "auto" (the GPU with the most free memory, else the CPU)
// means. Throws kUser for another name, kResource for a device that is not there.
DeviceFacts find_device(const std::string& name);
// The same among given ones, the CPU first; `cuda_built` only words the error.
DeviceFacts choose_device(const std::string& name, const std::vector<DeviceFacts>& here, bool cuda_built);

// Returns when all work given to the device is done: for measuring times.
void wait_for_device(const std::string& name);

// Work that is done again and again over the same tensors. A GPU takes it as it is once, then
// records it and replays all of it at one call: what `work` does on the CPU, and its allocations, are those
// of the recording. Elsewhere `work` is simply called. One thread.
//
//   Replay step("cuda:0", [&] { y = torch::matmul(x, w); });
//   x.copy_(input), step(), output = y.cpu();
class Replay {
 public:
  Replay(const std::string& device, std::function<void()> work);
  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  void operator()();

 private:
  struct Recording;
  std::function<void()> work_;
  std::unique_ptr<Recording> recording_;  // on a GPU
};

// Float32 products of the GPU in float32 itself, not in a shorter form of it.
void use_exact_float32();

// Attention of the GPU by kernels that fit any length. Those of cuDNN, which newer cards prefer, are planned
// anew for each number of keys, which takes far longer than a token does.
void use_attention_without_plans();

// What to throw for an error of the tensor library: kResource where the memory of the device did not suffice,
// else kInternal.
Error device_error(std::string_view message, const std::string& device);

}  // namespace af2
