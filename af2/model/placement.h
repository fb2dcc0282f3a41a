// Puts a loaded network, or the first layers of its language model, on a device: what `--device cuda` and
// `--gpu-layers` do.
//
// Matrices become dense there, in bfloat16 or float32, one after the other: the host never holds a second
// copy. Norms, biases of norms, gates, convolutions and the residual streams are float32. Layers that do not
// fit stay on the CPU as they are stored: the hidden states cross over once, after the last placed layer. The
// output projection goes with the last layer; the embedding stays on the CPU, where a row a token is read,
// unless it is the output projection too. The device may be the CPU itself: dense copies and the code of a
// GPU, which is how tests run it without one. For inference. Thread rule: before the network is shared.
//
//   const Footprint needs = footprint(*network, torch::kBFloat16);
//   place(*network, torch::Device(gpu.name), torch::kBFloat16, layers_to_place(needs, -1, gpu));
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "af2/model/af2_model.h"
#include "af2/model/device.h"

namespace af2 {

// Bytes that the parts of a network take on a device, with what answering needs beside the weights: the keys
// and values of one longest clip and answer, and room for activations.
struct Footprint {
  std::int64_t listening = 0;        // tower, audio transformer, prefix adapter and activations: always there
  std::vector<std::int64_t> layers;  // of the language model, each with its cross-attention block
  std::int64_t head = 0;             // output projection and last norm: with the last layer

  std::int64_t bytes(std::int64_t n_layers) const;
  // The most layers that fit; -1 where not even the listening part does.
  std::int64_t layers_within(std::int64_t free_bytes) const;
};
Footprint footprint(const Af2ModelImpl& network, torch::ScalarType type);

// How many layers go to the device: `wanted` (more than there are: all), or as many as fit where it is
// negative. A device whose free memory is not known takes all. Throws kResource where they do not fit.
std::int64_t layers_to_place(const Footprint& needs, std::int64_t wanted, const DeviceFacts& device);

// Tower, audio transformer, prefix adapter and the first `n_layers` layers (at most all) go to `device`,
// their matrices in `type`. Files that the network was mapped from must outlive what stays. Memory that does
// not suffice leaves the network unusable (c10::OutOfMemoryError).
void place(Af2ModelImpl& network, torch::Device device, torch::ScalarType type, std::int64_t n_layers);

}  // namespace af2
