#include "af2/model/htsat.h"

#include "af2/model/recompute.h"

#include <cmath>

#include "af2/core/error.h"
#include "af2/model/precision.h"
#include "af2/model/steady.h"

namespace af2 {
namespace F = torch::nn::functional;
namespace {

constexpr double kNormEps = 1e-5;
constexpr int64_t kCropStride = 3;  // a patch of a crop is as high as any and three times as long
constexpr int64_t kFusionReduction = 4;

torch::nn::LayerNorm layer_norm(int64_t dim) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({dim}).eps(kNormEps));
}

// Swin's initialisation: normal(0.02), biases 0.
void init_linear(Linear& linear) {
  if (NoDraws::active()) return;
  torch::NoGradGuard no_grad;
  linear->weight.normal_(0, 0.02);
  if (linear->bias.defined()) linear->bias.zero_();
}

// [B, side, side, C] -> [B*nW, window^2, C]
torch::Tensor split_windows(const torch::Tensor& x, int64_t window) {
  const int64_t b = x.size(0), n = x.size(1) / window, c = x.size(3);
  return x.view({b, n, window, n, window, c}).permute({0, 1, 3, 2, 4, 5}).reshape({-1, window * window, c});
}

// The inverse.
torch::Tensor join_windows(const torch::Tensor& x, int64_t window, int64_t side) {
  const int64_t n = side / window, c = x.size(2);
  return x.view({-1, n, n, window, window, c}).permute({0, 1, 3, 2, 4, 5}).reshape({-1, side, side, c});
}

// Row and column distance of each pair of positions, as one index into the bias table.
torch::Tensor position_index(int64_t window) {
  const torch::Tensor along = torch::arange(window);
  const torch::Tensor row = along.repeat_interleave(window), column = along.repeat({window});
  const torch::Tensor rows = row.unsqueeze(1) - row.unsqueeze(0) + window - 1;
  const torch::Tensor columns = column.unsqueeze(1) - column.unsqueeze(0) + window - 1;
  return rows * (2 * window - 1) + columns;  // [window^2, window^2]
}

// -100 between positions that the cyclic shift brought together from different ends of the grid.
torch::Tensor shift_mask(int64_t side, int64_t window, int64_t shift) {
  torch::Tensor band = torch::zeros({side});
  band.slice(0, side - window, side - shift).fill_(1);
  band.slice(0, side - shift).fill_(2);
  const torch::Tensor region = band.unsqueeze(1) * 3 + band.unsqueeze(0);  // [side, side]
  const torch::Tensor cut = split_windows(region.view({1, side, side, 1}), window).squeeze(-1);  // [nW, w^2]
  return (cut.unsqueeze(1) != cut.unsqueeze(2)).to(torch::kFloat32) * -100.0;
}

// Stochastic depth: drops the branch of whole samples, in training only.
torch::Tensor drop_branch(const torch::Tensor& branch, double probability, bool training) {
  if (!training || probability <= 0) return branch;
  const double keep = 1.0 - probability;
  const torch::Tensor mask = torch::empty({branch.size(0), 1, 1}, branch.options()).bernoulli_(keep);
  return branch * mask / keep;
}

}  // namespace

WindowAttentionImpl::WindowAttentionImpl(int64_t dim, int64_t window, int64_t n_heads) : heads(n_heads) {
  relative_position_bias_table = register_parameter(
      "relative_position_bias_table", torch::zeros({(2 * window - 1) * (2 * window - 1), heads}));
  relative_position_index = register_buffer("relative_position_index", position_index(window));
  qkv = register_module("qkv", drawn_linear(dim, 3 * dim, true));
  proj = register_module("proj", drawn_linear(dim, dim, true));
  init_linear(qkv);
  init_linear(proj);
  torch::NoGradGuard no_grad;
  relative_position_bias_table.normal_(0, 0.02);
}

torch::Tensor WindowAttentionImpl::forward(const torch::Tensor& x, const torch::Tensor& mask) {
  const int64_t n_windows = x.size(0), n = x.size(1), c = x.size(2), dim_head = c / heads;
  const torch::Tensor parts =
      qkv->forward(x).view({n_windows, n, 3, heads, dim_head}).permute({2, 0, 3, 1, 4});
  torch::Tensor bias = relative_position_bias_table.index_select(0, relative_position_index.view(-1))
                           .view({n, n, heads})
                           .permute({2, 0, 1})
                           .unsqueeze(0);  // [1, H, n, n]
  torch::Tensor scores =
      torch::matmul(parts[0] * std::pow(static_cast<double>(dim_head), -0.5), parts[1].transpose(-2, -1)) +
      bias.contiguous();  // [B*nW, H, n, n]
  if (mask.defined()) {
    const int64_t nw = mask.size(0);
    scores.view({n_windows / nw, nw, heads, n, n}).add_(mask.unsqueeze(1).unsqueeze(0));
  }
  const torch::Tensor weights = scores.softmax(-1).to(parts.scalar_type());
  const torch::Tensor mixed = torch::matmul(weights, parts[2]);  // [B*nW, H, n, dh]
  return proj->forward(mixed.transpose(1, 2).reshape({n_windows, n, c}));
}

MlpImpl::MlpImpl(int64_t dim, int64_t hidden) {
  fc1 = register_module("fc1", drawn_linear(dim, hidden, true));
  fc2 = register_module("fc2", drawn_linear(hidden, dim, true));
  init_linear(fc1);
  init_linear(fc2);
}

torch::Tensor MlpImpl::forward(const torch::Tensor& x) {
  return fc2->forward(fc1->forward_gelu(x));
}

SwinBlockImpl::SwinBlockImpl(int64_t dim, int64_t heads, int64_t grid_side, int64_t window_side, bool shifted,
                             double mlp_ratio, double drop)
    : side(grid_side), window(std::min(window_side, grid_side)), shift(0), drop_path(drop) {
  if (shifted && side > window) shift = window / 2;
  norm1 = register_module("norm1", layer_norm(dim));
  attn = register_module("attn", WindowAttention(dim, window, heads));
  norm2 = register_module("norm2", layer_norm(dim));
  mlp = register_module("mlp", Mlp(dim, static_cast<int64_t>(dim * mlp_ratio)));
  if (shift > 0) attn_mask = register_buffer("attn_mask", shift_mask(side, window, shift));
}

torch::Tensor SwinBlockImpl::forward(const torch::Tensor& x) {
  const int64_t b = x.size(0), c = x.size(2);
  torch::Tensor grid = attn->qkv->input(narrowed(norm1->forward(x))).view({b, side, side, c});
  if (shift > 0) grid = grid.roll({-shift, -shift}, {1, 2});
  grid = join_windows(attn->forward(split_windows(grid, window), attn_mask), window, side);
  if (shift > 0) grid = grid.roll({shift, shift}, {1, 2});
  const torch::Tensor attended = x + drop_branch(grid.reshape({b, side * side, c}), drop_path, is_training());
  const torch::Tensor normed = mlp->fc1->input(narrowed(norm2->forward(attended)));  // [B, side^2, C]
  return attended + drop_branch(mlp->forward(normed), drop_path, is_training());
}

PatchMergingImpl::PatchMergingImpl(int64_t dim, int64_t grid_side) : side(grid_side) {
  norm = register_module("norm", layer_norm(4 * dim));
  reduction = register_module("reduction", drawn_linear(4 * dim, 2 * dim));
  init_linear(reduction);
}

torch::Tensor PatchMergingImpl::forward(const torch::Tensor& x) {
  const int64_t b = x.size(0), c = x.size(2), half = side / 2;
  // Neighbours in the order (0,0), (1,0), (0,1), (1,1): row first.
  const torch::Tensor joined = x.view({b, half, 2, half, 2, c})
                                   .permute({0, 1, 3, 4, 2, 5})  // [B, half, half, column, row, C]
                                   .reshape({b, half * half, 4 * c});
  return reduction->forward(norm->forward(joined));  // float32, as the residual stream
}

SwinStageImpl::SwinStageImpl(const ClapConfig& config, int64_t stage, const std::vector<double>& drop_paths) {
  const int64_t dim = int64_t{config.embed_dim} << stage, side = config.grid() >> stage;
  blocks = register_module("blocks", torch::nn::ModuleList());
  for (std::size_t i = 0; i < drop_paths.size(); ++i)
    blocks->push_back(SwinBlock(dim, config.heads[stage], side, config.window, i % 2 == 1, config.mlp_ratio,
                                drop_paths[i]));
  if (stage + 1 < static_cast<int64_t>(config.depths.size()))
    downsample = register_module("downsample", PatchMerging(dim, side));
}

torch::Tensor SwinStageImpl::forward(torch::Tensor x) {
  for (const auto& block : *blocks) {
    const auto run = [block](const torch::Tensor& in, const torch::Tensor&, const torch::Tensor&) {
      return block->as<SwinBlock>()->forward(in);
    };
    x = recompute ? recomputed(run, x) : run(x, {}, {});
  }
  return downsample ? downsample->forward(x) : x;
}

PatchEmbedImpl::PatchEmbedImpl(const ClapConfig& config) : folds(0), stem_layers(config.stem) {
  const int64_t dim = config.embed_dim;
  if (config.stem.empty()) {
    proj = register_module(
        "proj", torch::nn::Conv2d(torch::nn::Conv2dOptions(1, dim, config.patch).stride(config.patch)));
  } else {
    stem = register_module("stem", torch::nn::ModuleList());
    int64_t channels = 1;
    for (const StemLayer& layer : config.stem) {
      stem->push_back(torch::nn::Conv2d(
          torch::nn::Conv2dOptions(channels, layer.channels, 3).stride(layer.stride).padding(1).bias(false)));
      stem->push_back(BatchNorm(torch::nn::BatchNorm2dOptions(layer.channels)));
      channels = layer.channels;
    }
    if (config.cells.bands > 0) return;  // nothing above the stem
    if (channels != dim)
      proj = register_module("proj", torch::nn::Conv2d(torch::nn::Conv2dOptions(channels, dim, 1)));
  }
  if (config.fusion) {
    const int64_t wide = kCropStride * config.patch;
    mel_conv2d = register_module(
        "mel_conv2d",
        torch::nn::Conv2d(
            torch::nn::Conv2dOptions(1, dim, {config.patch, wide}).stride({config.patch, wide})));
    fusion_model = register_module("fusion_model", FeatureFusion(dim, kFusionReduction));
  }
  norm = register_module("norm", layer_norm(dim));
}

torch::Tensor PatchEmbedImpl::stem_map(const torch::Tensor& x) {
  if (stem_layers.empty()) return x;
  const auto pooled = [&](std::size_t i, const torch::Tensor& map) {
    const int64_t mel = stem_layers[i].pool_mel, time = stem_layers[i].pool_time;
    return mel * time > 1 ? torch::max_pool2d(map, {mel, time}) : map;
  };
  const auto convolution = [&](std::size_t i) { return stem->ptr(2 * i)->as<torch::nn::Conv2d>(); };
  const auto norm_of = [&](std::size_t i) { return stem->ptr(2 * i + 1)->as<BatchNorm>(); };
  if (norm_of(0)->is_training()) {  // statistics of the whole batch
    torch::Tensor map = x;
    for (std::size_t i = 0; i < stem_layers.size(); ++i)
      map = pooled(i, torch::relu(norm_of(i)->forward(convolution(i)->forward(map))));
    return map;
  }
  // With fixed statistics BatchNorm is a factor and an offset of its convolution: a map less to compute and
  // to keep. Window by window, whose maps stay in the cache, and channels side by side, as the kernels for
  // convolution and maxima take them fastest.
  std::vector<std::pair<torch::Tensor, torch::Tensor>> layers;
  for (std::size_t i = 0; i < stem_layers.size(); ++i) {
    const auto* normed = norm_of(i);
    const torch::Tensor factor = normed->weight * torch::rsqrt(normed->running_var + normed->options.eps());
    layers.emplace_back(narrowed(convolution(i)->weight * factor.view({-1, 1, 1, 1}))
                            .contiguous(torch::MemoryFormat::ChannelsLast),
                        normed->bias - normed->running_mean * factor);
  }
  std::vector<torch::Tensor> maps;
  for (int64_t b = 0; b < x.size(0); ++b) {
    torch::Tensor map = narrowed(x.narrow(0, b, 1)).contiguous(torch::MemoryFormat::ChannelsLast);
    for (std::size_t i = 0; i < stem_layers.size(); ++i) {
      const int64_t stride = stem_layers[i].stride;
      map = pooled(i, torch::conv2d(map, layers[i].first, layers[i].second, stride, /*padding=*/1).relu_());
    }
    maps.push_back(map);
  }
  return torch::cat(maps).contiguous();
}

torch::Tensor PatchEmbedImpl::folded(const torch::Tensor& map) const {
  // The time axis is cut into `folds` parts, stacked along frequency (model.md section 3).
  const int64_t b = map.size(0), c = map.size(1), m = map.size(2), t = map.size(3) / folds;
  return map.reshape({b, c, m, folds, t}).permute({0, 1, 3, 2, 4}).reshape({b, c, folds * m, t});
}

torch::Tensor PatchEmbedImpl::normalised(const torch::Tensor& patches) {
  return norm->forward(patches.flatten(2).transpose(1, 2).to(torch::kFloat32));
}

torch::Tensor PatchEmbedImpl::tokens(const torch::Tensor& map) {
  const torch::Tensor image = folded(map);
  return normalised(proj ? proj->forward(image) : image);  // [B, grid^2, C]
}

torch::Tensor PatchEmbedImpl::fused_tokens(const torch::Tensor& channels) {
  const torch::Tensor image = folded(channels);  // [B, 1 + n, side, side]
  const int64_t b = image.size(0), n = image.size(1) - 1, side = image.size(2);
  const torch::Tensor whole = proj->forward(image.narrow(1, 0, 1));  // [B, C, g, g]
  const torch::Tensor crops =
      mel_conv2d->forward(image.narrow(1, 1, n).reshape({b * n, 1, side, image.size(3)}));
  // Crops side by side along time; what the strides leave over at the end is zero.
  const int64_t c = crops.size(1), g = crops.size(2), w = crops.size(3), grid = whole.size(3);
  torch::Tensor beside = crops.view({b, n, c, g, w}).permute({0, 2, 3, 1, 4}).reshape({b, c, g, n * w});
  beside = n * w < grid ? torch::constant_pad_nd(beside, {0, grid - n * w}) : beside.narrow(3, 0, grid);
  return normalised(fusion_model->forward(whole, beside));
}

FeatureFusionImpl::FeatureFusionImpl(int64_t channels, int64_t reduction) {
  const int64_t inner = channels / reduction;
  const auto gate_layers = [&](int64_t first) {
    torch::OrderedDict<std::string, std::shared_ptr<torch::nn::Module>> layers;
    const auto add = [&](int64_t number, std::shared_ptr<torch::nn::Module> layer) {
      layers.insert(std::to_string(first + number), std::move(layer));
    };
    add(0, torch::nn::Conv2d(torch::nn::Conv2dOptions(channels, inner, 1)).ptr());
    add(1, BatchNorm(torch::nn::BatchNorm2dOptions(inner)).ptr());
    add(3, torch::nn::Conv2d(torch::nn::Conv2dOptions(inner, channels, 1)).ptr());
    add(4, BatchNorm(torch::nn::BatchNorm2dOptions(channels)).ptr());
    torch::nn::ModuleDict all;
    all->update(layers);
    return all;
  };
  local_att = register_module("local_att", gate_layers(0));
  global_att = register_module("global_att", gate_layers(1));
}

torch::Tensor FeatureFusionImpl::gate(torch::nn::ModuleDict& layers, int64_t first, const torch::Tensor& x) {
  // A 1x1 convolution as a product of matrices: see linear_product.
  const auto convolved = [&](int64_t number, const torch::Tensor& map) {  // [B, C, h, w]
    auto& layer = *layers[std::to_string(first + number)]->as<torch::nn::Conv2d>();
    const torch::Tensor rows = map.permute({0, 2, 3, 1}).reshape({-1, map.size(1)});
    const torch::Tensor y = linear_product(rows, layer.weight.flatten(1), layer.bias);
    return y.view({map.size(0), map.size(2), map.size(3), -1}).permute({0, 3, 1, 2});
  };
  const auto normed = [&](int64_t number, const torch::Tensor& map) {
    return layers[std::to_string(first + number)]->as<BatchNorm>()->forward(map);
  };
  return normed(4, convolved(3, torch::relu(normed(1, convolved(0, x)))));
}

torch::Tensor FeatureFusionImpl::forward(const torch::Tensor& x, const torch::Tensor& y) {
  const torch::Tensor sum = x + y;
  const torch::Tensor whole = sum.mean({2, 3}, /*keepdim=*/true);
  const torch::Tensor share = steady(gate(local_att, 0, sum) + gate(global_att, 1, whole),
                                     [](const torch::Tensor& part) { return torch::sigmoid(part); });
  return 2 * x * share + 2 * y * (1 - share);
}

HtsatImpl::HtsatImpl(const ClapConfig& clap, const AudioConfig& audio)
    : config(clap), n_mels(audio.n_mels), frames(clap.frames(audio)) {
  bn0 = register_module("bn0", BatchNorm(torch::nn::BatchNorm2dOptions(n_mels).eps(kNormEps)));
  patch_embed = register_module("patch_embed", PatchEmbed(clap));
  patch_embed->folds = clap.spec_size / audio.n_mels;
  if (clap.cells.bands > 0)
    stem_tokens = register_module("stem_tokens", StemTokens(clap.stem.back().channels, clap.cells));
  layers = register_module("layers", torch::nn::ModuleList());
  int64_t total = 0, done = 0;
  for (const int depth : clap.depths) total += depth;
  for (std::size_t stage = 0; !stem_tokens && stage < clap.depths.size(); ++stage) {
    std::vector<double> drops;  // rises evenly from 0 to drop_path over all blocks
    for (int i = 0; i < clap.depths[stage]; ++i, ++done)
      drops.push_back(total > 1 ? clap.drop_path * done / (total - 1) : 0);
    layers->push_back(SwinStage(clap, static_cast<int64_t>(stage), drops));
  }
  norm = register_module("norm", layer_norm(clap.out_dim()));
}

// Log-mels [B, n, F, M] -> [B, n, M, F'], each band normalised and time resized for the fold.
torch::Tensor HtsatImpl::to_image(const torch::Tensor& channels, const torch::Tensor& keep_mask) {
  torch::Tensor x = bn0->forward(channels.transpose(1, 3)).transpose(1, 3);
  if (config.stem_input == "log1p")
    x = steady(x, [](const torch::Tensor& part) { return torch::softplus(part); });
  if (keep_mask.defined()) x = x * keep_mask.unsqueeze(1);  // SpecAugment: 1 keep, 0 mask
  if (x.size(2) != frames)
    x = F::interpolate(x, F::InterpolateFuncOptions()
                              .size(std::vector<int64_t>{frames, n_mels})
                              .mode(torch::kBicubic)
                              .align_corners(true));
  return x.transpose(2, 3);
}

torch::Tensor HtsatImpl::to_stem(const torch::Tensor& logmel, const torch::Tensor& keep_mask) {
  return patch_embed->stem_map(to_image(logmel.unsqueeze(1), keep_mask));
}

torch::Tensor HtsatImpl::from_stem(const torch::Tensor& map) {
  if (stem_tokens) return from_cells(stem_tokens->cells(map));
  return from_tokens(patch_embed->tokens(map));
}

torch::Tensor HtsatImpl::from_cells(const torch::Tensor& cells, double dropout, bool one_clip) {
  return norm->forward(stem_tokens->of_cells(cells, dropout, one_clip));
}

torch::Tensor HtsatImpl::forward_fused(const torch::Tensor& logmels) {
  if (!config.fusion) throw internal_error("a tower without the fusion path has no crops");
  return from_tokens(patch_embed->fused_tokens(to_image(logmels, {})));
}

torch::Tensor HtsatImpl::from_tokens(torch::Tensor x) {  // [B, grid^2, C]
  for (const auto& stage : *layers) x = stage->as<SwinStage>()->forward(x);
  x = norm->forward(x);  // [B, g*g, D]
  // Unfold: rows are (time quarter, frequency bin); tokens become (frequency bin, time).
  const int64_t folds = config.spec_size / n_mels;
  const int64_t b = x.size(0), g = config.out_grid(), d = x.size(2), bins = g / folds;
  return x.view({b, folds, bins, g, d}).permute({0, 2, 1, 3, 4}).reshape({b, g * g, d});
}

}  // namespace af2
