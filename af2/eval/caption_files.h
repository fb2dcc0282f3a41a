// Captions for other people's scorers (METEOR, SPICE, FENSE, BERTScore), which are the user's programs: two
// files out in the form of COCO captions, scores of the items back (docs/spec/evaluation.md section 4).
//
// Nothing is run here. Thread rule: free functions.
//
//   write_coco_captions("run/captions", {{"a.wav", "a dog barks", {"dogs bark", "barking"}}});
//   const ExternalScores spice = read_external_scores("run/spice.json", {"a.wav"});
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace af2 {

struct CaptionItem {
  std::string id;
  std::string candidate;
  std::vector<std::string> references;
};

// folder/refs.json {images: [{id, file_name}], annotations: [{image_id, id, caption}]} and folder/cands.json
// [{image_id, caption}]. image_id counts from 0; file_name is the item's id. Throws kResource.
void write_coco_captions(const std::filesystem::path& folder, const std::vector<CaptionItem>& items);

struct ExternalScores {
  std::vector<double> scores;            // in the order of `ids`
  std::vector<std::string> not_numbers;  // ids whose score was NaN or null: counted as 0
};
// The scores of all `ids` from a JSON file: {"ID or image_id": score, ...} or a list of {image_id or id,
// score} where the score is under `score`, under the only other key, or under SPICE's All.f. Throws kData
// where a file or an item's score is missing, or an id is none of these.
ExternalScores read_external_scores(const std::filesystem::path& file, const std::vector<std::string>& ids);

}  // namespace af2
