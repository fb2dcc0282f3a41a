// A text that many values have alike, kept once: what sets of hundred thousands of questions say of each of
// them (skill, split, licence ...) costs a pointer.
//
// Used as a const std::string. Every different text is kept until the program ends: not for texts that are
// unlike each other (questions, answers). Thread rule: values as plain ones; the store they share is guarded.
//
//   SharedText skill = "counting";
//   if (skill == "counting") names.insert(skill + "." + type);
#pragma once

#include <compare>
#include <filesystem>
#include <string>
#include <string_view>

#include "af2/core/json.h"

namespace af2 {

class SharedText {
 public:
  SharedText() : text_(kept("")) {}
  SharedText(const char* text) : text_(kept(text)) {}
  SharedText(std::string_view text) : text_(kept(text)) {}
  SharedText(const std::string& text) : text_(kept(text)) {}

  const std::string& str() const { return *text_; }
  operator const std::string&() const { return *text_; }
  operator std::string_view() const { return *text_; }

  bool empty() const { return text_->empty(); }
  std::size_t size() const { return text_->size(); }
  bool starts_with(std::string_view start) const { return text_->starts_with(start); }
  bool ends_with(std::string_view end) const { return text_->ends_with(end); }
  std::size_t find(std::string_view what) const { return text_->find(what); }
  std::size_t find(char what) const { return text_->find(what); }
  std::string substr(std::size_t from, std::size_t n = std::string::npos) const {
    return text_->substr(from, n);
  }
  void clear() { text_ = kept(""); }

  friend bool operator==(const SharedText& a, const SharedText& b) { return a.text_ == b.text_; }
  friend bool operator==(const SharedText& a, const std::string& b) { return *a.text_ == b; }
  friend bool operator==(const SharedText& a, const char* b) { return *a.text_ == b; }
  friend std::strong_ordering operator<=>(const SharedText& a, const SharedText& b) {
    return *a.text_ <=> *b.text_;
  }
  friend std::string operator+(const SharedText& a, const std::string& b) { return *a.text_ + b; }
  friend std::string operator+(const std::string& a, const SharedText& b) { return a + *b.text_; }
  friend std::string operator+(const SharedText& a, const char* b) { return *a.text_ + b; }
  friend std::string operator+(const char* a, const SharedText& b) { return a + *b.text_; }
  friend std::string operator+(const SharedText& a, const SharedText& b) { return *a.text_ + *b.text_; }
  friend std::filesystem::path operator/(const std::filesystem::path& a, const SharedText& b) {
    return a / *b.text_;
  }
  friend void to_json(Json& json, const SharedText& text) { json = *text.text_; }
  friend void from_json(const Json& json, SharedText& text) {
    text = SharedText(json.get_ref<const std::string&>());
  }

 private:
  static const std::string* kept(std::string_view text);
  const std::string* text_;
};

}  // namespace af2
