#include "af2/model/logmel.h"

#include <cmath>

#include "af2/model/precision.h"
#include "af2/model/steady.h"

namespace af2 {

namespace {

// Slaney's scale (Auditory Toolbox): 15 mel are 1000 Hz, evenly below, 27 steps to 6400 Hz in logarithms
// above.
constexpr double kLinearHz = 1000, kLinearMel = 15;
const double kLogStep = std::log(6.4) / 27;

torch::Tensor htk_edges(const AudioConfig& config) {  // [M+2], Hz
  const auto to_mel = [](double hz) { return 2595.0 * std::log10(1.0 + hz / 700.0); };
  const torch::Tensor mels =
      torch::linspace(to_mel(config.f_min), to_mel(config.f_max), config.n_mels + 2, torch::kFloat64);
  return 700.0 * (torch::pow(10.0, mels / 2595.0) - 1.0);
}

torch::Tensor slaney_edges(const AudioConfig& config) {  // [M+2], Hz
  const auto to_mel = [](double hz) {
    return hz < kLinearHz ? hz * kLinearMel / kLinearHz : kLinearMel + std::log(hz / kLinearHz) / kLogStep;
  };
  const torch::Tensor mels =
      torch::linspace(to_mel(config.f_min), to_mel(config.f_max), config.n_mels + 2, torch::kFloat64);
  return torch::where(mels < kLinearMel, mels * (kLinearHz / kLinearMel),
                      kLinearHz * ((mels - kLinearMel) * kLogStep).exp());
}

}  // namespace

torch::Tensor mel_filterbank(const AudioConfig& config) {
  const int rate = config.mel_rate > 0 ? config.mel_rate : config.sample_rate;
  const torch::Tensor bins = torch::linspace(0, rate / 2, config.n_fft / 2 + 1, torch::kFloat64);  // [K]
  const bool slaney = config.mel_scale == "slaney";
  const torch::Tensor edges = slaney ? slaney_edges(config) : htk_edges(config);
  const torch::Tensor width = edges.diff();                             // [M+1]
  const torch::Tensor slopes = edges.unsqueeze(0) - bins.unsqueeze(1);  // [K, M+2]
  const int64_t m = config.n_mels;
  const torch::Tensor down = -slopes.slice(1, 0, m) / width.slice(0, 0, m);  // [K, M]
  const torch::Tensor up = slopes.slice(1, 2, m + 2) / width.slice(0, 1, m + 1);
  torch::Tensor filters = torch::minimum(down, up).clamp_min(0);
  if (slaney) filters = filters * (2.0 / (edges.slice(0, 2) - edges.slice(0, 0, m)));  // of area 1, in Hz
  return filters.to(torch::kFloat32);
}

LogMel::LogMel(const AudioConfig& config)
    : config_(config),
      hann_(torch::hann_window(config.n_fft, /*periodic=*/true)),
      filters_(mel_filterbank(config)) {}

void LogMel::to(torch::Device device) {
  hann_ = hann_.to(device);
  filters_ = filters_.to(device);
}

torch::Tensor LogMel::operator()(const torch::Tensor& samples) const {
  const Bf16Products exact(false);
  const torch::Tensor spectrum =
      torch::stft(samples.to(hann_.device()), config_.n_fft, config_.hop, config_.n_fft, hann_,
                  /*center=*/true, "reflect",
                  /*normalized=*/false, /*onesided=*/true, /*return_complex=*/true);  // [B, K, F]
  return decibels(spectrum.transpose(1, 2));
}

torch::Tensor LogMel::of_frames(const torch::Tensor& frames) const {
  const Bf16Products exact(false);
  return decibels(torch::fft::rfft(frames * hann_));
}

torch::Tensor LogMel::decibels(const torch::Tensor& spectrum) const {
  const torch::Tensor mel = torch::matmul(spectrum.abs().square(), filters_);
  return 10.0 * steady(mel.clamp_min(1e-10), [](const torch::Tensor& part) { return part.log10(); });
}

}  // namespace af2
