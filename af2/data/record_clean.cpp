#include "af2/data/record_clean.h"

#include <set>
#include <utility>

#include "af2/data/caption_cleaner.h"

namespace af2 {
namespace {

// A dense caption of a whole video has hundreds of words.
constexpr int kMostCaptionWords = 400;
constexpr std::size_t kMostNoteBytes = 4000;  // what the rules take

using Cleaner = CleanedCaption (*)(std::string_view, const CleanOptions&);

void clean_list(std::vector<RecordText>& texts, const char* kind, const char* what, Cleaner clean,
                const std::string& where, CleanCounts& cleaned, RecordCounts& counts) {
  CleanOptions options;
  options.max_words = kMostCaptionWords;
  std::erase_if(texts, [&](RecordText& text) {
    if (clean == clean_note && text.text.size() > kMostNoteBytes) return false;
    CleanedCaption now = clean(text.text, options);
    if (!now.dropped.empty()) {
      counts.drop(std::string(what) + "_" + now.dropped, where);
      return true;
    }
    std::set<std::string> rules;
    for (const CaptionChange& change : now.changes) rules.insert(change.rule);
    for (const std::string& rule : rules) ++cleaned[std::string(kind) + ", " + rule];
    text.text = std::move(now.text);
    return false;
  });
}

}  // namespace

void clean_texts(Record& record, CleanCounts& cleaned, RecordCounts& counts) {
  clean_list(record.captions, "captions", "caption", clean_caption, record.id, cleaned, counts);
  clean_list(record.visual, "visual", "visual", clean_note, record.id, cleaned, counts);
  clean_list(record.action, "action", "action", clean_note, record.id, cleaned, counts);
}

}  // namespace af2
