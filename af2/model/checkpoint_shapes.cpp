#include "af2/model/checkpoint_shapes.h"

#include <cmath>

#include "af2/core/error.h"

namespace af2 {

int CheckpointShapes::size(const std::string& name, std::size_t n, std::size_t axis) const {
  const TensorView* view = files_.find(name);
  if (!view)
    throw model_error("lacks the tensor " + name, files_.path().string(), "get the complete checkpoint");
  if (view->shape.size() != n || view->shape[axis] <= 0 || view->shape[axis] > 1 << 24)
    wrong(name + " as " + shape_text(view->shape), "does not fit");
  return static_cast<int>(view->shape[axis]);
}

int CheckpointShapes::count(const std::string& prefix, const std::string& suffix) const {
  int n = 0;
  while (has(prefix + std::to_string(n) + suffix)) ++n;
  return n;
}

void CheckpointShapes::wrong(const std::string& name, const std::string& why) const {
  throw model_error("has " + name + ", which " + why, files_.path().string(),
                    "this is no tensor of Audio Flamingo 2");
}

ClapConfig tower_config(const CheckpointShapes& shapes, const std::string& prefix) {
  ClapConfig clap;
  clap.embed_dim = shapes.size(prefix + "patch_embed.proj.weight", 4, 0);
  clap.patch = shapes.size(prefix + "patch_embed.proj.weight", 4, 2);
  clap.depths.clear();
  clap.heads.clear();
  for (int stage = 0;; ++stage) {
    const std::string blocks = prefix + "layers." + std::to_string(stage) + ".blocks.";
    const int depth = shapes.count(blocks, ".norm1.weight");
    if (depth == 0) break;
    const std::string table = blocks + "0.attn.relative_position_bias_table";
    clap.depths.push_back(depth);
    clap.heads.push_back(shapes.size(table, 2, 1));
    // (2 window - 1)^2 rows; a stage whose grid is no larger than the window has its grid as window.
    const int side = static_cast<int>(std::lround(std::sqrt(shapes.size(table, 2, 0))));
    if (stage == 0) clap.window = (side + 1) / 2;
  }
  if (clap.depths.empty()) shapes.size(prefix + "layers.0.blocks.0.norm1.weight", 1, 0);
  const std::string mlp = prefix + "layers.0.blocks.0.mlp.fc1.weight";
  clap.mlp_ratio = static_cast<double>(shapes.size(mlp, 2, 0)) / clap.embed_dim;
  return clap;
}

}  // namespace af2
