// Every size of an AF-CLAP model: audio tower, text tower, joint space (docs/spec/model.md sections 2-4).
//
// Not the tower inside Audio Flamingo 2, which is fine-tuned apart from any text tower (af2_config.h holds
// its sizes). Defaults are the published model's. Thread rule: plain values.
//
//   ClapModelConfig config = read_clap_config("clap/config.json");
#pragma once

#include <filesystem>
#include <string>

#include "af2/model/af2_config.h"

namespace af2 {

// The encoder of T5 1.1 (Flan-T5), at any size.
struct ClapTextConfig {
  std::string tokenizer = "spiece.model";  // SentencePiece file, or tokenizer.json of a byte-level BPE
  std::string lm;  // GGUF beside the config: its tokenizer and its token embedding, which stays as it is
  int lm_dim = 0;  // width of that embedding
  int vocab = 32128;
  int layers = 24;
  int dim = 1024;
  int heads = 16;
  int dim_head = 64;
  int ffn_dim = 2816;
  int buckets = 32;  // of relative positions, half of them for each direction
  int max_distance = 128;
  int max_tokens = 77;
  int pad_id = 0, end_id = 1;
  std::string pooling = "all";
  int turns = 0;

  template <class V>
  void visit(V& v) {
    v.field("tokenizer", tokenizer, "file beside the config: SentencePiece, or tokenizer.json");
    v.field(
        "lm", lm,
        "GGUF language model beside the config whose tokenizer and token embedding the tower takes as they "
        "are, instead of its own");
    v.field("lm_dim", lm_dim, "width of that embedding");
    v.field("vocab", vocab, "rows of the embedding");
    v.field("layers", layers, "encoder layers");
    v.field("dim", dim, "width");
    v.field("heads", heads, "attention heads");
    v.field("dim_head", dim_head, "width of a head");
    v.field("ffn_dim", ffn_dim, "feed-forward width");
    v.field("buckets", buckets, "of relative positions, half for each direction");
    v.field("max_distance", max_distance, "positions further away share the last bucket");
    v.field("max_tokens", max_tokens, "texts are cut, and padded, to this many");
    v.field("pad_id", pad_id, "token that pads");
    v.field("end_id", end_id, "token appended to every text");
    v.field("pooling", pooling, "mean over all positions, as released, or over text, without padding");
    v.field("turns", turns,
            "so many further means join it, through maps of their own, of tokens weighted by Legendre "
            "polynomials of their place: they tell the order of words; pooling text alone");
  }
};

// A clip as statistics of what the tower's stem hears (af2/model/stem_statistics.h).
struct StemStatisticsConfig {
  static constexpr int kSteps = 64;  // of time at most, within which the stem's map is averaged

  int bands = 0;
  int turns = 0;
  double dropout = 0;

  template <class V>
  void visit(V& v) {
    v.field(
        "bands", bands,
        "bands of frequency whose means and maxima stand for a clip; 0: the mean of the tower's tokens does");
    v.field("turns", turns,
            "so many means over parts of a clip beside them, weighted by Legendre polynomials of time, each "
            "through "
            "the same map and one of its own");
    v.field("dropout", dropout, "share of these values left out in training");
  }
};

struct ClapModelConfig {
  std::string format = "af2-clap";
  int version = 1;
  std::string name = "af-clap";
  AudioConfig audio;
  ClapConfig tower;
  StemStatisticsConfig statistics;
  ClapTextConfig text;
  int joint_dim = 512;
  std::string licence;

  // Rows and columns of what ClapModelImpl::stem_map gives of a window.
  int map_rows() const;
  int map_columns() const;

  ClapModelConfig() { tower.fusion = true; }
  // Throws kUser, naming the key, when sizes do not fit together.
  void check(const std::string& where) const;

  template <class V>
  void visit(V& v) {
    v.field("format", format, "af2-clap");
    v.field("version", version, "of this file's form");
    v.field("name", name, "what the model is called in replies");
    v.field("audio", audio, "waveform and log-mel");
    v.field("tower", tower, "audio tower (HTSAT)");
    v.field("statistics", statistics, "of the tower's stem, in place of its tokens");
    v.field("text", text, "text tower (T5 encoder)");
    v.field("joint_dim", joint_dim, "width of the joint space");
    v.field("licence", licence, "of the weights");
  }
};

// Reads and checks a config.json (or .yaml).
ClapModelConfig read_clap_config(const std::filesystem::path& path);

}  // namespace af2
