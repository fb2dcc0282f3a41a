#include "af2/generate/constraint.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "af2/core/error.h"
#include "af2/core/json.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

}  // namespace

std::unique_ptr<GrammarMatcher> GrammarCache::take(const std::shared_ptr<const Grammar>& grammar,
                                                   const ByteBpe& tokenizer) {
  std::unique_ptr<GrammarMatcher> matcher;
  {
    const std::lock_guard lock(mutex_);
    if (!vocabulary_) vocabulary_ = std::make_shared<const TokenTrie>(tokenizer);
    if (kept_ && kept_->grammar() == grammar) matcher = std::move(kept_);
  }
  if (!matcher) return std::make_unique<GrammarMatcher>(grammar, vocabulary_);
  matcher->reset();
  return matcher;
}

void GrammarCache::give_back(std::unique_ptr<GrammarMatcher> matcher) {
  const std::lock_guard lock(mutex_);
  kept_ = std::move(matcher);
}

Constraint::Constraint(const std::shared_ptr<const Grammar>& grammar, const ByteBpe& tokenizer,
                       const std::vector<int>& stop_ids, GrammarCache& cache)
    : tokenizer_(tokenizer), stop_ids_(stop_ids), cache_(cache) {
  if (grammar) matcher_ = cache.take(grammar, tokenizer);
}

Constraint::~Constraint() {
  if (matcher_) cache_.give_back(std::move(matcher_));
}

void Constraint::mask(std::span<float> logits) {
  if (!matcher_) return;
  const TokenSet& allowed = matcher_->allowed();
  std::vector<std::pair<std::size_t, float>> ends;
  if (matcher_->can_end())
    for (const int id : stop_ids_) ends.emplace_back(id, logits[static_cast<std::size_t>(id)]);
  if (!allowed.any && ends.empty())
    throw user_error("no token of this model can go on where the answer stands", matcher_->grammar()->where(),
                     "the grammar asks for characters that the model's vocabulary cannot write");
  for (std::size_t first = 0; first < logits.size(); first += 64) {
    const std::uint64_t word = first / 64 < allowed.words.size() ? allowed.words[first / 64] : 0;
    if (word == ~std::uint64_t{0}) continue;
    const std::size_t n = std::min<std::size_t>(64, logits.size() - first);
    for (std::size_t i = 0; i < n; ++i)
      if ((word >> i & 1) == 0) logits[first + i] = kForbidden;
  }
  for (const int id : stop_ids_) logits[static_cast<std::size_t>(id)] = kForbidden;
  for (const auto& [id, logit] : ends) logits[id] = logit;
}

void Constraint::accept(int id) {
  if (matcher_ && !matcher_->accept(tokenizer_.token_bytes(id)))
    throw internal_error("a token that the grammar does not allow was written", matcher_->grammar()->where());
}

std::pair<int, double> parse_logit_bias(const std::string& text, const ByteBpe& tokenizer) {
  const std::string flag = "--logit-bias";
  const auto bad = [&](const std::string& what) {
    return user_error(what + ": " + printable(text), flag,
                      R"(give ID=BIAS or "TEXT"=BIAS; -inf or never forbids)");
  };
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos) throw bad("has no =");
  const std::string token = trim(text.substr(0, equals)), amount = trim(text.substr(equals + 1));

  double bias = -std::numeric_limits<double>::infinity();
  if (amount != "never" && amount != "-inf") {
    const char *begin = amount.data() + (amount.starts_with("+") ? 1 : 0),
               *end = amount.data() + amount.size();
    const auto [stop, code] = std::from_chars(begin, end, bias);
    if (code != std::errc() || stop != end || !std::isfinite(bias)) throw bad("the bias is no number");
  }

  if (token.size() >= 2 && token.front() == '"' && token.back() == '"') {
    std::string written;
    try {
      written = Json::parse(token).get<std::string>();
    } catch (const Json::exception&) {
      throw bad("the token's text is not written as in JSON");
    }
    const std::vector<int> ids = tokenizer.encode(written);
    if (ids.size() == 1) return {ids[0], bias};
    std::string parts;
    for (std::size_t i = 0; i < ids.size() && i < 8; ++i) parts += fmt::format("{}{}", i ? ", " : "", ids[i]);
    throw user_error(fmt::format("{} is {} tokens of this model, not one", printable(token), ids.size()),
                     flag, ids.empty() ? "give the id of a token" : "give the id of one: " + parts);
  }
  int id = -1;
  const auto [stop, code] = std::from_chars(token.data(), token.data() + token.size(), id);
  if (code == std::errc::result_out_of_range || (code == std::errc() && (id < 0 || id >= tokenizer.size())))
    throw user_error(fmt::format("token id {} is not in 0..{}", printable(token), tokenizer.size() - 1),
                     flag);
  if (code != std::errc() || stop != token.data() + token.size()) throw bad("begins with no token id");
  return {id, bias};
}

}  // namespace af2
