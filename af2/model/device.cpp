#include "af2/model/device.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>

#include "af2/core/log.h"
#include "af2/core/text_util.h"
#include "af2/model/precision.h"

#ifdef AF2_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>
#endif

namespace af2 {
namespace {

constexpr const char* kFlag = "--device";

// What follows `key` and a colon in the first line of `path` that begins with it.
std::string fact(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (const std::size_t colon = line.find(':'); line.starts_with(key) && colon != std::string::npos)
      return trim(line.substr(colon + 1));
  return "";
}

DeviceFacts cpu() {
  DeviceFacts facts;
  facts.description = fact("/proc/cpuinfo", "model name");
  if (facts.description.empty()) facts.description = "processor";
  const auto page = static_cast<std::uint64_t>(std::max(0L, sysconf(_SC_PAGESIZE)));
  facts.total_bytes = page * static_cast<std::uint64_t>(std::max(0L, sysconf(_SC_PHYS_PAGES)));
  facts.free_bytes = std::strtoull(fact("/proc/meminfo", "MemAvailable").c_str(), nullptr, 10) * 1024;
  facts.fast_bf16 = has_fast_bf16();
  facts.bf16 = has_bf16();
  return facts;
}

#ifdef AF2_CUDA

std::vector<DeviceFacts> gpus() {
  std::vector<DeviceFacts> all;
  const c10::DeviceIndex n = c10::cuda::device_count();  // 0 without a driver
  for (c10::DeviceIndex i = 0; i < n; ++i) {
    DeviceFacts facts;
    facts.name = "cuda:" + std::to_string(i);
    try {
      cudaDeviceProp properties = {};
      C10_CUDA_CHECK(cudaGetDeviceProperties(&properties, i));
      facts.description = properties.name;
      facts.fast_bf16 = properties.major >= 8;
      facts.bf16 = true;
      const c10::cuda::CUDAGuard guard(i);
      std::size_t free = 0, total = 0;
      C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
      facts.free_bytes = free;
      facts.total_bytes = total;
      all.push_back(facts);
    } catch (const c10::Error& error) {
      notice("{} cannot be used: {}", facts.name, error.what_without_backtrace());
    }
  }
  return all;
}

#else

std::vector<DeviceFacts> gpus() {
  return {};
}

#endif

// The number behind "cuda:", or -1.
int cuda_index(const std::string& name) {
  const std::string_view digits = std::string_view(name).substr(std::min<std::size_t>(name.size(), 5));
  int index = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  const bool whole = error == std::errc() && end == digits.data() + digits.size() && index >= 0;
  return name.starts_with("cuda:") && whole ? index : -1;
}

}  // namespace

bool built_with_cuda() {
#ifdef AF2_CUDA
  return true;
#else
  return false;
#endif
}

std::vector<DeviceFacts> list_devices() {
  std::vector<DeviceFacts> all = {cpu()};
  for (DeviceFacts& gpu : gpus()) all.push_back(std::move(gpu));
  return all;
}

DeviceFacts choose_device(const std::string& name, const std::vector<DeviceFacts>& here, bool cuda_built) {
  if (name == "cpu") return here.front();
  if (name == "auto")
    return *std::max_element(here.begin(), here.end(), [](const DeviceFacts& a, const DeviceFacts& b) {
      return a.is_cpu() != b.is_cpu() ? a.is_cpu() : a.free_bytes < b.free_bytes;
    });
  if (name != "cuda" && cuda_index(name) < 0)
    throw user_error("is none of cpu, cuda, cuda:N, auto: \"" + name + "\"", kFlag);
  if (!cuda_built)
    throw resource_error("this af2 was built without CUDA", std::string(kFlag) + " " + name,
                         "leave the flag out for the CPU, or build with a libtorch that has CUDA "
                         "(docs/dependencies.md)");
  const std::string wanted = "cuda:" + std::to_string(std::max(0, cuda_index(name)));
  std::vector<std::string> names;
  for (const DeviceFacts& device : here) {
    if (device.name == wanted) return device;
    names.push_back(device.name);
  }
  throw resource_error(wanted + " is not there; here are " + join(names, ", "),
                       std::string(kFlag) + " " + name,
                       "check the driver with nvidia-smi, or give --device auto");
}

DeviceFacts find_device(const std::string& name) {
  if (name == "cpu") return {};  // without a look at any GPU
  return choose_device(name, list_devices(), built_with_cuda());
}

void wait_for_device([[maybe_unused]] const std::string& name) {
#ifdef AF2_CUDA
  if (name != "cpu") torch::cuda::synchronize(cuda_index(name));
#endif
}

#ifdef AF2_CUDA

struct Replay::Recording {
  static constexpr int kPlainCalls = 1;  // before it is worth recording; they also load what the work needs

  explicit Recording(c10::DeviceIndex device) : stream(c10::cuda::getStreamFromPool(false, device)) {}
  c10::cuda::CUDAStream stream;  // the default one cannot be recorded
  at::cuda::CUDAGraph graph;
  int calls = 0;
};

Replay::Replay(const std::string& device, std::function<void()> work) : work_(std::move(work)) {
  if (device != "cpu")
    recording_ = std::make_unique<Recording>(static_cast<c10::DeviceIndex>(std::max(0, cuda_index(device))));
}

void Replay::operator()() {
  if (!recording_ || recording_->calls < Recording::kPlainCalls) {
    if (recording_) ++recording_->calls;
    work_();
    return;
  }
  if (recording_->calls++ == Recording::kPlainCalls) {
    torch::cuda::synchronize(recording_->stream.device_index());
    const c10::cuda::CUDAStreamGuard guard(recording_->stream);
    recording_->graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    try {
      work_();
    } catch (...) {
      try {
        recording_->graph.capture_end();
      } catch (const c10::Error&) {  // the first error is the one to tell
      }
      throw;
    }
    recording_->graph.capture_end();
  }
  recording_->graph.replay();
}

#else

struct Replay::Recording {};

Replay::Replay(const std::string&, std::function<void()> work) : work_(std::move(work)) {}

void Replay::operator()() {
  work_();
}

#endif

Replay::~Replay() = default;

void use_exact_float32() {
#ifdef AF2_CUDA
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);
#endif
}

void use_attention_without_plans() {
#ifdef AF2_CUDA
  at::globalContext().setSDPUseCuDNN(false);
#endif
}

Error device_error(std::string_view message, const std::string& device) {
  // The first sentences say what was needed and what there was; the rest is advice about the library.
  std::string text(message.substr(0, message.find('\n')));
  for (const char* rest : {" Process ", " Including non-PyTorch", " Of the allocated", " If reserved"})
    text = text.substr(0, text.find(rest));
  if (text.ends_with(".")) text.pop_back();
  // The allocator's own words, the driver's, and those of libraries that want memory for themselves.
  for (const char* sign : {"out of memory", "ALLOC_FAILED", "CUBLAS_STATUS_NOT_INITIALIZED"})
    if (text.find(sign) != std::string::npos)
      return resource_error(text, device,
                            "give a smaller --gpu-layers or -b, a shorter clip (--windows), or --device cpu");
  return internal_error(text, device);
}

}  // namespace af2
