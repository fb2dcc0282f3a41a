// What tests of placed networks (model/placement.h) share: the devices they run on, and a small network.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>

#include "af2/model/af2_model.h"
#include "af2/model/device.h"
#include "model_testing.h"
#include "named_weights.h"

namespace af2::test {

// The CPU stands for a GPU: dense copies and the code of a GPU.
inline bool is_stand_in(const std::string& device) {
  return device == "cpu";
}

inline torch::Device torch_device(const std::string& device) {
  return torch::Device(is_stand_in(device) ? "cpu" : "cuda:0");
}

// Why a device cannot be tested here, or nothing.
inline std::string missing(const std::string& device) {
  if (is_stand_in(device)) return "";
  if (!built_with_cuda()) return "this build has no CUDA";
  return list_devices().size() > 1 ? "" : "no CUDA device is here";
}

#define AF2_SKIP_WITHOUT(device)                                          \
  if (const std::string why = af2::test::missing(device); !why.empty()) { \
    GTEST_SKIP() << why;                                                  \
  }

inline Af2Model placed_model(const LmConfig& lm, int every) {
  Af2Model model(tiny_config(lm, lm.arch == "llama" ? tiny_patch_tower() : tiny_stem_tower(), every, 2));
  fill_named(*model, "placed/");
  model->eval();
  return model;
}

}  // namespace af2::test
