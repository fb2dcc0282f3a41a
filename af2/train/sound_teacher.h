// A pretrained network for sound effects whose features the tower learns to predict (distillation).
//
// The network is the embedding part of aisfx (A. Ma and A. Lerch, ISMIR 2022; weights CC BY 4.0): four blocks
// of two 3x3 convolutions on a log-mel spectrogram, turned into a safetensors file by
// tools/teacher/convert.py. Its own use takes the greatest value of each feature over blocks of 2.3 s; here
// features keep their time. For training only. Thread rule: spectrogram() may run on any thread, forward() on
// one.
//
//   SoundTeacher teacher("runs/teacher.safetensors");
//   torch::Tensor mel = teacher.spectrogram(samples);      // [F, 96]
//   torch::Tensor heard = teacher.features(mel[None]);     // [1, 512, F / 8]
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <span>
#include <vector>

namespace af2 {

class SoundTeacher {
 public:
  static constexpr int64_t kFeatures = 512;

  // Throws kModel where the file is not such a network.
  explicit SoundTeacher(const std::filesystem::path& file);

  // Mono at 16 kHz, raised to 44.1 kHz and to a peak of 1 -> [F, 96], F = 1 + n / 1024 frames of 23.2 ms.
  torch::Tensor spectrogram(std::span<const float> samples) const;
  // [B, F, 96] -> [B, 512, F / 8], none negative.
  torch::Tensor features(const torch::Tensor& spectrograms) const;
  // The greatest value of each feature within `reach_s` of the middle of each of `n_steps` steps of `step_s`:
  // [B, 512, P] -> [B, n_steps, 512].
  static torch::Tensor at_steps(const torch::Tensor& features, int64_t n_steps, double step_s,
                                double reach_s);

 private:
  struct Convolution {
    torch::Tensor weight, bias;  // with its batch normalisation folded in
  };
  std::vector<Convolution> convolutions_;
  torch::Tensor hann_, filters_;
};

}  // namespace af2
