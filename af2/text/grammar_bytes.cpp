// Character classes as sequences of UTF-8 bytes.
#include <algorithm>

#include "af2/text/grammar_detail.h"
#include "af2/text/utf8.h"

namespace af2::detail {
namespace {

constexpr char32_t kLast = 0x10FFFF, kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;

ByteSet byte_range(unsigned char low, unsigned char high) {
  ByteSet set;
  for (unsigned b = low; b <= high; ++b) set.set(b);
  return set;
}

// Cuts a range until every byte of its characters runs on its own: then the first and the last character say
// it all.
void add_range(char32_t low, char32_t high, std::vector<std::vector<ByteSet>>& sequences, ByteSet& single) {
  for (const char32_t edge : {0x7F, 0x7FF, 0xFFFF}) {
    if (low <= edge && high > edge) {
      add_range(low, edge, sequences, single);
      add_range(edge + 1, high, sequences, single);
      return;
    }
  }
  if (high <= 0x7F) {
    single |= byte_range(static_cast<unsigned char>(low), static_cast<unsigned char>(high));
    return;
  }
  for (int byte = 1; byte < 4; ++byte) {
    const char32_t below = (char32_t{1} << (6 * byte)) - 1;  // the bits of the last `byte` bytes
    if ((low & ~below) == (high & ~below)) continue;
    if ((low & below) != 0) {
      add_range(low, low | below, sequences, single);
      add_range((low | below) + 1, high, sequences, single);
      return;
    }
    if ((high & below) != below) {
      add_range(low, (high & ~below) - 1, sequences, single);
      add_range(high & ~below, high, sequences, single);
      return;
    }
  }
  std::string first, last;
  append_utf8(first, low);
  append_utf8(last, high);
  std::vector<ByteSet> sequence;
  for (std::size_t i = 0; i < first.size(); ++i)
    sequence.push_back(byte_range(static_cast<unsigned char>(first[i]), static_cast<unsigned char>(last[i])));
  sequences.push_back(std::move(sequence));
}

}  // namespace

std::vector<CodeRange> class_ranges(std::vector<CodeRange> ranges, bool negated) {
  if (negated) ranges.emplace_back(kFirstSurrogate, kLastSurrogate);
  std::sort(ranges.begin(), ranges.end());
  std::vector<CodeRange> merged;
  for (const auto& [low, high] : ranges) {
    if (!merged.empty() && low <= merged.back().second + 1)
      merged.back().second = std::max(merged.back().second, high);
    else
      merged.emplace_back(low, high);
  }
  std::vector<CodeRange> wanted;
  if (negated) {
    char32_t next = 0;
    for (const auto& [low, high] : merged) {
      if (low > next) wanted.emplace_back(next, low - 1);
      next = high + 1;
    }
    if (next <= kLast) wanted.emplace_back(next, kLast);
    return wanted;
  }
  for (const auto& [low, high] : merged) {
    if (low < kFirstSurrogate) wanted.emplace_back(low, std::min<char32_t>(high, kFirstSurrogate - 1));
    if (high > kLastSurrogate) wanted.emplace_back(std::max<char32_t>(low, kLastSurrogate + 1), high);
  }
  return wanted;
}

std::vector<std::vector<ByteSet>> utf8_sequences(const std::vector<CodeRange>& ranges) {
  std::vector<std::vector<ByteSet>> sequences;
  ByteSet single;
  for (const auto& [low, high] : ranges) add_range(low, high, sequences, single);
  if (single.any()) sequences.insert(sequences.begin(), {single});
  return sequences;
}

}  // namespace af2::detail
