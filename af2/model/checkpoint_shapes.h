// Sizes of a model read off the shapes of a checkpoint's tensors: for checkpoint_config.cpp and
// checkpoint_clap.cpp alone.
#pragma once

#include <string>

#include "af2/io/checkpoint_layout.h"
#include "af2/model/af2_config.h"

namespace af2 {

class CheckpointShapes {
 public:
  explicit CheckpointShapes(const CheckpointFiles& files) : files_(files) {}

  bool has(const std::string& name) const { return files_.find(name) != nullptr; }
  // Dimension `axis` of a tensor that must have `n` of them. Throws kModel.
  int size(const std::string& name, std::size_t n, std::size_t axis) const;
  // How many of prefix0suffix, prefix1suffix … there are.
  int count(const std::string& prefix, const std::string& suffix) const;
  // Throws kModel: `why` the tensor cannot be.
  [[noreturn]] void wrong(const std::string& name, const std::string& why) const;

 private:
  const CheckpointFiles& files_;
};

// The audio tower whose tensors' names begin with `prefix`.
ClapConfig tower_config(const CheckpointShapes& shapes, const std::string& prefix);

}  // namespace af2
