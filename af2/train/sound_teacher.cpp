#include "af2/train/sound_teacher.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "af2/audio/resample.h"
#include "af2/audio/signal.h"
#include "af2/core/error.h"
#include "af2/io/safetensors.h"
#include "af2/model/logmel.h"
#include "af2/model/weights.h"

namespace af2 {
namespace {

constexpr int kRate = 44100, kOwnRate = 16000, kFft = 2048, kHop = 1024, kMels = 96;
constexpr double kLoudest = 9.457798957824707;  // aisfx: greatest log-mel value of its training data
constexpr double kBatchNormEpsilon = 1e-5;
constexpr int64_t kFramesPerPosition = 8;  // three poolings by two

// Triangles of HTK spacing over 0 - 22,050 Hz, each of unit sum over the bins: [bins, mels].
torch::Tensor unit_sum_filters() {
  AudioConfig config;
  config.sample_rate = kRate;
  config.n_fft = kFft;
  config.n_mels = kMels;
  config.f_min = 0;
  config.f_max = kRate / 2.0;
  const torch::Tensor filters = mel_filterbank(config);
  return filters / filters.sum(0, true).clamp_min(1e-9);
}

}  // namespace

SoundTeacher::SoundTeacher(const std::filesystem::path& file) {
  torch::NoGradGuard no_grad;
  const SafeTensors weights = SafeTensors::open(file);
  const auto read = [&](const std::string& name, const std::vector<int64_t>& shape) {
    const TensorView* view = weights.find(name);
    if (!view || view->shape != shape)
      throw model_error("has no tensor " + name + " of the right shape", file.string(),
                        "make the file with tools/teacher/convert.py");
    return read_tensor(weights, name);
  };
  int64_t in = 1;
  for (int block = 1; block <= 4; ++block) {
    const int64_t out = int64_t{32} << block;
    for (int half = 1; half <= 2; ++half) {
      const std::string prefix = "conv_block" + std::to_string(block) + ".", number = std::to_string(half);
      const auto bn = [&](const char* what) { return read(prefix + "bn" + number + "." + what, {out}); };
      const torch::Tensor scale = bn("weight") / (bn("running_var") + kBatchNormEpsilon).sqrt();
      const torch::Tensor kernel = read(prefix + "conv" + number + ".weight", {out, in, 3, 3});
      convolutions_.push_back({kernel * scale.view({-1, 1, 1, 1}), bn("bias") - bn("running_mean") * scale});
      in = out;
    }
  }
  hann_ = torch::hann_window(kFft);
  filters_ = unit_sum_filters();
}

torch::Tensor SoundTeacher::spectrogram(std::span<const float> samples) const {
  torch::NoGradGuard no_grad;
  std::vector<float> raised = resample(samples, kOwnRate, kRate);
  const float loudest = peak(raised);
  if (loudest > 0) scale(raised, 1 / loudest);
  const torch::Tensor spectrum =
      torch::stft(torch::tensor(raised), kFft, kHop, kFft, hann_, /*center=*/true, "constant",
                  /*normalized=*/false, /*onesided=*/true, /*return_complex=*/true);  // [bins, F]
  const torch::Tensor power = torch::view_as_real(spectrum).square().sum(-1);
  return torch::log10(torch::matmul(power.t(), filters_) * 1e4 + 1) / kLoudest;
}

torch::Tensor SoundTeacher::features(const torch::Tensor& spectrograms) const {
  torch::NoGradGuard no_grad;
  torch::Tensor x = spectrograms.unsqueeze(1).contiguous(torch::MemoryFormat::ChannelsLast);  // [B, 1, F, 96]
  for (std::size_t i = 0; i < convolutions_.size(); ++i) {
    x = torch::conv2d(x, convolutions_[i].weight, convolutions_[i].bias, 1, 1).relu_();
    if (i % 2 == 1 && i + 1 < convolutions_.size()) x = torch::max_pool2d(x, 2);
  }
  return x.to(torch::kFloat32).mean(3);
}

torch::Tensor SoundTeacher::at_steps(const torch::Tensor& features, int64_t n_steps, double step_s,
                                     double reach_s) {
  const int64_t n = features.size(2);
  const double position_s = static_cast<double>(kFramesPerPosition * kHop) / kRate;
  std::vector<torch::Tensor> steps;
  for (int64_t step = 0; step < n_steps; ++step) {
    const double middle = (static_cast<double>(step) + 0.5) * step_s / position_s - 0.5;
    const int64_t first = std::clamp<int64_t>(std::llround(middle - reach_s / position_s), 0, n - 1);
    const int64_t last = std::clamp<int64_t>(std::llround(middle + reach_s / position_s), first, n - 1);
    steps.push_back(features.narrow(2, first, last - first + 1).amax(2));
  }
  return torch::stack(steps, 1);
}

}  // namespace af2
