// The objectives of AF-CLAP (docs/spec/training.md section 5).
//
// Texts of a batch are a list without repeats; who says what is told by counts, so that a text that two clips
// share counts for both. Thread rule: free functions.
//
//   ClapTargets targets = ...;  // which text belongs to which clip
//   torch::Tensor loss = afclap_loss(audio, text, targets, scale);   // sum over clips
#pragma once

#include <torch/torch.h>

#include <vector>

namespace af2 {

// Of B clips and U texts.
struct ClapTargets {
  torch::Tensor positive;  // [B, U] how often text u is one of clip i's captions
  torch::Tensor rival;  // [B, U] how often it stands in the denominator of clip i: captions of all clips that
                        // are not masked out for i (its own among them), and its own negatives
};

// -sum_i [ LSE over i's captions - LSE over its rivals ] of scale * cosine: the paper's objective, positives
// summed inside the logarithm. audio [B, J] and text [U, J] of length 1; a clip without captions adds 0.
torch::Tensor afclap_loss(const torch::Tensor& audio, const torch::Tensor& text, const ClapTargets& targets,
                          const torch::Tensor& scale);

// The other way round: each text that is some clip's caption among the clips that it is a rival of. Sum over
// those texts.
torch::Tensor text_to_audio_loss(const torch::Tensor& audio, const torch::Tensor& text,
                                 const ClapTargets& targets, const torch::Tensor& scale);

// Plain symmetric InfoNCE over pairs: row i of `audio` and `text` [B, J] belong together. Sum over pairs of
// the mean of both directions.
torch::Tensor infonce_loss(const torch::Tensor& audio, const torch::Tensor& text,
                           const torch::Tensor& scale_a, const torch::Tensor& scale_t);

// Each sound of a clip alone against the sounds that it lacks: sum over clips of the mean, over the clip's
// labels, of -log(e^z(label) / (e^z(label) + sum over absent labels of e^z)), z = scale * cosine. audio [B,
// J], text of each label [L, J]; heard and absent [B, L] 0 or 1 (neither: unclear). A clip without labels
// adds 0.
torch::Tensor label_loss(const torch::Tensor& audio, const torch::Tensor& text, const torch::Tensor& heard,
                         const torch::Tensor& absent, const torch::Tensor& scale);

// A clip, one of its captions, and the same one made false by an edit.
struct CaptionEdit {
  int64_t clip = 0, caption = 0, edited = 0;
};

// Each caption against each of its own edits alone, -log(e^z(caption) / (e^z(caption) + e^z(edited))): sum
// over clips of the mean over the clip's edits. Beside the captions of all other clips an edit is one rival
// of hundreds; here it is the only one. audio [B, J], text [U, J].
torch::Tensor edit_loss(const torch::Tensor& audio, const torch::Tensor& text,
                        const std::vector<CaptionEdit>& edits, const torch::Tensor& scale);

// exp of a learned logarithm, at most 100.
torch::Tensor logit_scale(const torch::Tensor& logarithm);

}  // namespace af2
