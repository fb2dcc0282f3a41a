// Log-mel spectrogram of AF-CLAP (docs/spec/model.md section 2).
//
// Not a general feature library. Thread rule: forward is const and reentrant.
#pragma once

#include <torch/torch.h>

#include "af2/model/af2_config.h"

namespace af2 {

// Triangular filters, (n_fft / 2 + 1, n_mels) float32: on the HTK scale without area normalisation, as
// torchaudio.functional.melscale_fbanks, or (AudioConfig::mel_scale) on Slaney's with it, as
// librosa.filters.mel. Laid out for AudioConfig::mel_rate where it is given, whatever rate the samples have.
torch::Tensor mel_filterbank(const AudioConfig& config);

class LogMel {
 public:
  explicit LogMel(const AudioConfig& config);
  // samples [B, S] float32 -> [B, F, M] in dB on the device of to(), F = 1 + S / hop. Needs S > n_fft / 2
  // (reflect padding).
  torch::Tensor operator()(const torch::Tensor& samples) const;
  // The same of frames that were cut already: [N, n_fft] -> [N, M].
  torch::Tensor of_frames(const torch::Tensor& frames) const;
  void to(torch::Device device);

 private:
  torch::Tensor decibels(const torch::Tensor& spectrum) const;  // [..., K] complex -> [..., M]

  AudioConfig config_;
  torch::Tensor hann_;     // [n_fft]
  torch::Tensor filters_;  // [n_fft/2+1, M]
};

}  // namespace af2
